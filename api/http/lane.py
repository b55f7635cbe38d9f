"""A bounded number of places, and a bounded number that wait for one."""

from __future__ import annotations

import asyncio


class Lane:
    """Lets so many in at once; who finds it full is to be turned away."""

    def __init__(self, num_places: int, *, max_waiting: int) -> None:
        """Start empty.

        Args:
            num_places: how many are in at once.
            max_waiting: how many may wait beside them.
        """
        self._places = asyncio.Semaphore(num_places)
        self._max_waiting = max_waiting
        self._num_waiting = 0

    @property
    def is_full(self) -> bool:
        """Whether one more would have to wait, and too many do already."""
        return self._places.locked() and self._num_waiting >= self._max_waiting

    async def enter(self, *, timeout_s: float | None = None) -> None:
        """Wait for a place; `leave` gives it back.

        Raises:
            TimeoutError: none was free in time; there is nothing to give back.
        """
        self._num_waiting += 1
        try:
            await asyncio.wait_for(self._places.acquire(), timeout_s)
        finally:
            self._num_waiting -= 1

    def leave(self) -> None:
        """Give a place back."""
        self._places.release()
