"""Detects loads, trainings and edits for all subscribers together, by polling the graph.

Neo4j Community does not notify of changes. While at least one client subscribes, one small
statement runs every two seconds, however many clients there are.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from anyio import to_thread

from bookgraph.core.errors import BookgraphError, UsageError
from bookgraph.graph.query.overview import Edit, Stamp, read_edits, read_stamp
from bookgraph.graph.store import Store

logger = logging.getLogger(__name__)

MAX_FOLLOWERS = 200
_MAX_UNREAD = 20


@dataclass(frozen=True, slots=True)
class Change:
    """A change to the graph.

    Attributes:
        kind: `ingested`, `trained` or `edited`.
        stamp: the graph's state after the change.
        edit: for `edited`, what was done.
    """

    kind: str
    stamp: Stamp
    edit: Edit | None = None


class ChangeFeed:
    """Reports changes to one graph to all that follow it."""

    def __init__(self, store: Store, *, every_s: float = 2.0) -> None:
        """Store the arguments.

        Args:
            store: the graph to poll.
            every_s: seconds between two polls.
        """
        self._store = store
        self._every_s = every_s
        self._followers: set[asyncio.Queue[Change]] = set()
        self._watch: asyncio.Task[None] | None = None

    async def follow(self) -> AsyncGenerator[Change]:
        """Yield changes as they happen, until the caller stops iterating.

        Raises:
            UsageError: too many clients follow already; a retry may help.
        """
        if len(self._followers) >= MAX_FOLLOWERS:
            raise UsageError(f"Too many subscribers (the limit is {MAX_FOLLOWERS}). Retry later.")
        # A follower that reads too slowly loses its oldest changes; the queue does not grow.
        queue: asyncio.Queue[Change] = asyncio.Queue(_MAX_UNREAD)
        self._followers.add(queue)
        if self._watch is None:
            self._watch = asyncio.create_task(self._poll(), name="poll for changes")
        try:
            while True:
                yield await queue.get()
        finally:
            self._followers.discard(queue)
            if not self._followers and self._watch is not None:
                self._watch.cancel()
                self._watch = None

    async def _poll(self) -> None:
        seen = await self._stamp()
        while True:
            await asyncio.sleep(self._every_s)
            stamp = await self._stamp()
            if stamp is None:
                continue
            if seen is not None:
                for change in (*_changes(seen, stamp), *await self._edits(seen, stamp)):
                    self._report(change)
            seen = stamp

    async def _edits(self, before: Stamp, after: Stamp) -> list[Change]:
        if after.revision == before.revision:
            return []
        read = partial(read_edits, self._store, after=before.revision, first=_MAX_UNREAD)
        try:
            edits = await to_thread.run_sync(read, abandon_on_cancel=True)
        except BookgraphError as error:
            logger.warning("Reading the edits failed: %s", error)
            return []
        return [Change("edited", after, edit) for edit in edits]

    async def _stamp(self) -> Stamp | None:
        try:
            return await to_thread.run_sync(read_stamp, self._store, abandon_on_cancel=True)
        except BookgraphError as error:
            logger.warning("Polling for changes failed: %s", error)
            return None

    def _report(self, change: Change) -> None:
        for queue in self._followers:
            if queue.full():
                with suppress(asyncio.QueueEmpty):
                    queue.get_nowait()
            queue.put_nowait(change)


def _changes(before: Stamp, after: Stamp) -> list[Change]:
    changes = []
    if after.is_complete and (after.loaded_at, True) != (before.loaded_at, before.is_complete):
        changes.append(Change("ingested", after))
    if after.model is not None and after.model != before.model:
        changes.append(Change("trained", after))
    return changes
