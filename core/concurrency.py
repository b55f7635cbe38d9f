"""Work in other threads or processes, a limited amount of it at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
Pool = TypeVar("Pool", bound=Executor)


@contextmanager
def worker_threads(num: int, *, name: str) -> Iterator[ThreadPoolExecutor]:
    """Threads that have ended after the block, except after an interruption.

    After Ctrl-C nobody waits for what they do: one may wait for a network for half a minute.

    Args:
        num: how many.
        name: prefix of their names.
    """
    with ended_unless_interrupted(ThreadPoolExecutor(num, thread_name_prefix=name)) as pool:
        yield pool


@contextmanager
def ended_unless_interrupted(pool: Pool) -> Iterator[Pool]:
    """A pool whose work has ended after the block, see `worker_threads`."""
    is_interrupted = False
    try:
        yield pool
    except KeyboardInterrupt:
        is_interrupted = True
        raise
    finally:
        pool.shutdown(wait=not is_interrupted, cancel_futures=True)


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
