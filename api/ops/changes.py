"""Notices what is loaded and trained, for all subscribers with one look at the graph.

Neo4j Community tells nobody of changes, so one small statement is sent every other second while
somebody listens, however many they are.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass

from anyio import to_thread

from bookgraph.core.errors import BookgraphError, UsageError
from bookgraph.graph.query.overview import Stamp, read_stamp
from bookgraph.graph.store import Store

logger = logging.getLogger(__name__)

MAX_FOLLOWERS = 200
_MOST_UNREAD = 20


@dataclass(frozen=True, slots=True)
class Change:
    """Something that happened to the graph.

    Attributes:
        kind: `ingested` or `trained`.
        stamp: the graph's state afterwards.
    """

    kind: str
    stamp: Stamp


class ChangeFeed:
    """Tells followers of changes to one graph."""

    def __init__(self, store: Store, *, every_s: float = 2.0) -> None:
        """Only remembers its arguments.

        Args:
            store: that is looked at.
            every_s: seconds between two looks.
        """
        self._store = store
        self._every_s = every_s
        self._followers: set[asyncio.Queue[Change]] = set()
        self._watch: asyncio.Task[None] | None = None

    async def follow(self) -> AsyncIterator[Change]:
        """Changes as they happen, from now on; ends when the caller stops asking.

        Raises:
            UsageError: too many follow already.
        """
        if len(self._followers) >= MAX_FOLLOWERS:
            raise UsageError(f"{MAX_FOLLOWERS} subscribers listen already. Try again later.")
        # One that does not read loses the oldest changes, not the server's memory.
        queue: asyncio.Queue[Change] = asyncio.Queue(_MOST_UNREAD)
        self._followers.add(queue)
        if self._watch is None:
            self._watch = asyncio.create_task(self._look())
        try:
            while True:
                yield await queue.get()
        finally:
            self._followers.discard(queue)
            if not self._followers and self._watch is not None:
                self._watch.cancel()
                self._watch = None

    async def _look(self) -> None:
        seen = await self._stamp()
        while True:
            await asyncio.sleep(self._every_s)
            stamp = await self._stamp()
            if stamp is None:
                continue
            for change in _changes(seen, stamp) if seen else ():
                self._tell(change)
            seen = stamp

    async def _stamp(self) -> Stamp | None:
        try:
            return await to_thread.run_sync(read_stamp, self._store, abandon_on_cancel=True)
        except BookgraphError as error:
            logger.warning("cannot look for changes: %s", error)
            return None

    def _tell(self, change: Change) -> None:
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
