"""Work in other threads or processes, a limited amount of it at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_in_order(
    executor: Executor,
    work: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    num_waiting: int,
) -> Iterator[Result]:
    """Yield `work(item)` of each item, in order, like `Executor.map` but lazily.

    Args:
        executor: does the work.
        work: the work. An error that it raises is raised here, and work that has not begun is
            cancelled.
        items: taken one at a time, so that memory does not grow with their number.
        num_waiting: how many results may be in progress, or done and not yet yielded.
    """
    waiting: deque[Future[Result]] = deque()
    try:
        for item in items:
            waiting.append(executor.submit(work, item))
            if len(waiting) >= num_waiting:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()
