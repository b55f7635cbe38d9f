"""Makes many injections: Java's caches for all of them, and several places at once."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from multiprocessing.queues import Queue
from pathlib import Path
from queue import Empty

from bookgraph.core.settings import load_settings
from bookgraph.testing.faults.place import open_place, prepared_cache
from bookgraph.testing.faults.plan import Injection
from bookgraph.testing.faults.run import Result, run_all

_MANY = 30
"""From so many injections on, Java's caches save more time than they take."""


def run_jobs(plan: Sequence[Injection], *, num_jobs: int) -> Iterator[Result]:
    """Make injections; with several jobs, in whatever order they end.

    Args:
        plan: the injections.
        num_jobs: how many places are used at once, each by a process of its own.
    """
    with ExitStack() as stack:
        is_long = len(plan) >= _MANY
        cache = stack.enter_context(prepared_cache()) if is_long else load_settings().cache
        if num_jobs == 1:
            place = stack.enter_context(open_place(_folder(0), cache=cache))
            yield from run_all(place, iter(plan))
        else:
            yield from _run_beside(plan, num_jobs, cache)


def _run_beside(plan: Sequence[Injection], num_jobs: int, cache: Path) -> Iterator[Result]:
    context = multiprocessing.get_context("spawn")
    waiting: Queue[Injection | None] = context.Queue()
    done: Queue[Result] = context.Queue()
    for one in [*plan, *[None] * num_jobs]:
        waiting.put(one)
    jobs = [
        context.Process(target=_work, args=(_folder(job), cache, waiting, done))
        for job in range(num_jobs)
    ]
    for job in jobs:
        job.start()
    try:
        for _ in plan:
            while True:
                try:
                    yield done.get(timeout=5)
                    break
                except Empty:
                    assert any(job.is_alive() for job in jobs), "all jobs have ended"
    finally:
        for job in jobs:
            # After a whole run they have ended by themselves.
            job.join(1)
            job.terminate()
            job.join()


def _work(folder: Path, cache: Path, waiting: Queue[Injection | None], done: Queue[Result]) -> None:
    end_cleanly()
    with open_place(folder, cache=cache) as place:
        for result in run_all(place, iter(waiting.get, None)):
            done.put(result)


def end_cleanly() -> None:
    """Also when ended from outside, take the servers and the disk along."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: sys.exit(128 + number))


def _folder(job: int) -> Path:
    return Path(tempfile.gettempdir()) / f"bookgraph-faults-{os.getpid()}-{job}"
