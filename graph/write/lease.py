"""One writer at a time: a lease on the graph, kept in the graph, so that it holds across machines.

Loads, trainings, maps and restores each change the graph in many transactions. Two at once would
mix, so each first takes the lease, and the others wait for it. The holder renews it; one that died
loses it, at once on the same machine and else when it runs out. Edits of single books are one
transaction each and need no lease.

A holder that was suspended for so long that another one took over must not write any more. So every
transaction of the holder ends by locking the lease and checking that it is still its own (a fencing
token): what was written without the lease is never committed.
"""

from __future__ import annotations

import functools
import getpass
import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Concatenate, LiteralString, ParamSpec, TypeVar, cast

from bookgraph.core.errors import BookgraphError, LeaseLostError, StoreUnreachableError
from bookgraph.core.processes import ProcessMark, machine_id
from bookgraph.core.progress import OnProgress, Progress, ignore_progress
from bookgraph.graph.schema import LEASE_KEY
from bookgraph.graph.store import Runner, Store
from bookgraph.graph.write.indexes import create_constraint, refuse_foreign_data

logger = logging.getLogger(__name__)

LEASE_S = 30.0
"""How long a lease lasts without being renewed, in seconds of the database's clock."""

P = ParamSpec("P")
T = TypeVar("T")
Writing = Callable[Concatenate[Store, P], T]

_RENEW_EVERY_S = 5.0
_LOOK_EVERY_S = 0.5
_PATIENCE_S = 30.0


@dataclass(frozen=True, slots=True)
class Lease:
    """Who may write the graph.

    Attributes:
        work: the command, such as `ingest`.
        owner: the user, such as `alice on laptop`.
        process: the holder's process.
        machine: the machine and process namespace in which `process` means something.
        since: when it was taken, ISO 8601.
        token: changes with each holder.
    """

    work: str
    owner: str
    process: ProcessMark
    machine: str
    since: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    token: str = field(default_factory=lambda: secrets.token_hex(8))

    @classmethod
    def of_this_process(cls, work: str) -> Lease:
        """A new lease for this process."""
        owner = f"{_user()} on {socket.gethostname()}"
        return cls(work, owner, ProcessMark.of(os.getpid()), machine_id())

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> Lease | None:
        """From the properties of its node; None where some are missing.

        Readers can see the changes of a commit one after the other, so a lease that is just being
        taken may have a part of them.
        """
        names = ("work", "owner", "machine", "since", "token")
        if not {*names, "pid", "started_at_s"} <= {*stored}:
            return None
        process = ProcessMark(stored["pid"], stored["started_at_s"])
        return cls(process=process, **{name: stored[name] for name in names})

    def properties(self) -> dict[str, str | int | float]:
        """The properties of its node, as the offline importer writes them too."""
        return {
            "name": "bookgraph",
            "work": self.work,
            "owner": self.owner,
            "pid": self.process.pid,
            "started_at_s": self.process.started_at_s,
            "machine": self.machine,
            "since": self.since,
            "token": self.token,
        }

    @property
    def is_orphaned(self) -> bool:
        """Whether its process has certainly ended."""
        return self.machine == machine_id() and not self.process.is_running()

    def check(self, runner: Runner) -> None:
        """Lock the lease until the transaction ends, and let nobody else have it.

        Raises:
            LeaseLostError: it belongs to somebody else now.
        """
        if not runner.run(_CHECK, token=self.token):
            raise LeaseLostError(
                f"This {self.work} did not respond for {LEASE_S:.0f} s, and another command took "
                "over the graph. What this one wrote before stays until the other one replaces "
                "it. Run the command again when the other one has ended."
            )

    def __str__(self) -> str:
        """For people: `bookgraph ingest by alice on laptop (process 12), since 10:02:03`."""
        since = datetime.fromisoformat(self.since).astimezone().strftime("%H:%M:%S")
        return (
            f"`bookgraph {self.work}` by {self.owner} (process {self.process.pid}), since {since}"
        )


@contextmanager
def hold(
    store: Store,
    *,
    work: str,
    is_unfinished_allowed: bool = False,
    on_progress: OnProgress = ignore_progress,
) -> Iterator[Store]:
    """Hold the lease while the block runs; wait for it if another command has it.

    Args:
        store: the database. With a store that holds the lease already, nothing more happens.
        work: what the lease is for: the name of the command.
        is_unfinished_allowed: whether the graph may hold a part of a backup.
        on_progress: reports by whom the lease is held, while this waits.

    Yields:
        The same database, for the writes of the block.

    Raises:
        ForeignDataError: the database holds data of another program; nothing was changed.
        RestoreUnfinishedError: the graph holds a part of a backup.
        StoreUnreachableError: the server does not answer.
        LeaseLostError: in the block, from a write after another command took the lease.
    """
    if store.lease is not None:
        yield store
        return
    lease = Lease.of_this_process(work)
    _take(store, lease, on_progress)
    has_ended = threading.Event()
    renewal = threading.Thread(
        target=_renew, args=(store, lease, has_ended), name="lease", daemon=True
    )
    renewal.start()
    try:
        # A restore that was running has ended, or died.
        refuse_foreign_data(store, is_unfinished_allowed=is_unfinished_allowed)
        yield store.leased(lease)
    finally:
        has_ended.set()
        renewal.join()
        _release(store, lease)


def leased(
    work: str, *, is_unfinished_allowed: bool = False
) -> Callable[[Writing[P, T]], Writing[P, T]]:
    """Make a function hold the lease while it runs.

    Args:
        work: as in `hold`.
        is_unfinished_allowed: as in `hold`.

    Returns:
        A decorator for functions whose first argument is the store. Their `on_progress`, if any,
        is told of the wait.
    """

    def decorate(write: Writing[P, T]) -> Writing[P, T]:
        def run(store: Store, *args: P.args, **kwargs: P.kwargs) -> T:
            on_progress = cast("OnProgress", kwargs.get("on_progress", ignore_progress))
            with hold(
                store,
                work=work,
                is_unfinished_allowed=is_unfinished_allowed,
                on_progress=on_progress,
            ) as held:
                return write(held, *args, **kwargs)

        return cast("Writing[P, T]", functools.wraps(write)(run))

    return decorate


def read_lease(store: Store) -> Lease | None:
    """The lease of a command that is writing the graph, or None."""
    rows = store.read(_READ)
    if not rows or rows[0]["has_run_out"]:
        return None
    lease = Lease.read(rows[0]["lease"])
    return None if lease is None or lease.is_orphaned else lease


def _take(store: Store, lease: Lease, on_progress: OnProgress) -> None:
    holder: Lease | None = None
    seen_s = time.monotonic()
    while True:
        try:
            if holder is None:
                _prepare(store)
            holder, is_taken = _try_to_take(store, lease)
            seen_s = time.monotonic()
        except StoreUnreachableError as error:
            # The offline importer of another command stops the server for a while.
            is_importing = (
                holder is not None and holder.machine == lease.machine and not holder.is_orphaned
            )
            is_late = time.monotonic() - seen_s > _PATIENCE_S
            if not error.retryable or (is_late and not is_importing):
                raise
            is_taken = False
        if is_taken:
            if holder is not None:
                logger.warning("%s has ended without finishing. Taking over.", holder)
            return
        on_progress(Progress(f"Waiting for {holder or store.address}", 0))
        time.sleep(_LOOK_EVERY_S)


def _prepare(store: Store) -> None:
    """Make sure that the database is ours, and that there is one lease at most."""
    refuse_foreign_data(store, is_unfinished_allowed=True)
    # Of several commands that create the constraint at once, all but one fail, and try again.
    if {"name": LEASE_KEY} not in store.read("SHOW CONSTRAINTS YIELD name RETURN name"):
        create_constraint(store, LEASE_KEY)


def _try_to_take(store: Store, lease: Lease) -> tuple[Lease | None, bool]:
    """Take the lease if it is free.

    Returns:
        Who has, or had, the lease, and whether it was taken.
    """
    rows = store.read(_READ)
    holder = Lease.read(rows[0]["lease"]) if rows else None
    is_orphaned = holder is not None and holder.is_orphaned
    if holder is not None and not is_orphaned and not rows[0]["has_run_out"]:
        return holder, False
    taken = store.write(
        lambda transaction: transaction.run(
            _TAKE,
            holder=lease.properties(),
            orphan=holder.properties() if holder is not None and is_orphaned else {},
            duration_ms=int(LEASE_S * 1000),
        )
    )
    return holder, bool(taken)


def _renew(store: Store, lease: Lease, has_ended: threading.Event) -> None:
    while not has_ended.wait(_RENEW_EVERY_S):
        try:
            store.run(_RENEW, token=lease.token, duration_ms=int(LEASE_S * 1000))
        except BookgraphError:
            # The offline importer stops the server for a while. Whether the lease was lost is
            # found by the next write.
            logger.debug("cannot renew the lease", exc_info=True)


def _release(store: Store, lease: Lease) -> None:
    try:
        store.run(_RELEASE, token=lease.token)
    except BookgraphError:
        # It runs out by itself, and the error that broke the connection matters more.
        logger.debug("cannot release the lease", exc_info=True)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # In a container the user id may have no name.
        return f"user {os.getuid()}"


# Times are those of the database's clock, so that those of the clients do not matter.
_READ: LiteralString = """
MATCH (lease:Lease {name: 'bookgraph'})
RETURN properties(lease) AS lease, lease.until < timestamp() AS has_run_out
"""
# The node is locked, by setting a property, before its holder is read: two commands that wait may
# both have found it free. A holder that was found dead is compared as a whole, because what was
# read of it without a lock may be of two holders.
_TAKE: LiteralString = """
MERGE (lease:Lease {name: 'bookgraph'})
SET lease.until = coalesce(lease.until, 0)
WITH lease
WHERE lease.token IS NULL OR lease.until < timestamp() OR (lease.token = $orphan.token
  AND lease.pid = $orphan.pid AND lease.started_at_s = $orphan.started_at_s)
SET lease = $holder, lease.until = timestamp() + $duration_ms
RETURN lease.token AS token
"""
_RENEW: LiteralString = """
MATCH (lease:Lease {name: 'bookgraph', token: $token})
SET lease.until = timestamp() + $duration_ms
"""
_CHECK: LiteralString = """
MATCH (lease:Lease {name: 'bookgraph'})
SET lease.until = lease.until
WITH lease WHERE lease.token = $token
RETURN lease.token AS token
"""
_RELEASE: LiteralString = "MATCH (lease:Lease {name: 'bookgraph', token: $token}) DELETE lease"
