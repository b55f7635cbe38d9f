"""`python -m bookgraph.testing.faults`: make all injections of a seed, or some of them."""

from __future__ import annotations

import argparse
import multiprocessing
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from multiprocessing.queues import Queue
from pathlib import Path
from queue import Empty

from bookgraph.core.settings import load_settings
from bookgraph.testing.faults.place import open_place, prepared_cache
from bookgraph.testing.faults.plan import Injection, make_plan
from bookgraph.testing.faults.report import describe_result, save, summary
from bookgraph.testing.faults.run import Result, run_all

_BAD = ("lost", "stuck")
_MANY = 30
"""From so many injections on, Java's caches save more time than they take."""


def main() -> int:
    """Make injections; exits with 1 if one of them left something lost or stuck."""
    parser = argparse.ArgumentParser(prog="python -m bookgraph.testing.faults", description=__doc__)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument(
        "--only", default="", metavar="N,N-M,...", help="numbers of injections; by default all"
    )
    parser.add_argument("--stage", default="", help="only stages whose name begins so")
    parser.add_argument("--kind", default="", help="only kinds whose name begins so")
    parser.add_argument("--jobs", type=int, default=1, help="places that are used at once")
    parser.add_argument("--list", action="store_true", help="print the plan, and do nothing")
    parser.add_argument(
        "--keep", action="store_true", help="save the result in the repository, and its table"
    )
    options = parser.parse_args()
    plan = [
        one
        for one in make_plan(options.seed)
        if (not options.only or one.number in _numbers(options.only))
        and one.stage.startswith(options.stage)
        and one.kind.startswith(options.kind)
    ]
    if options.list:
        for one in plan:
            print(f"{one.number:>3} {one.stage}: {one.kind}, at {one.moment:.0%}")  # noqa: T201
        return 0
    _end_cleanly()
    start_s = time.monotonic()
    results = []
    for result in _run(plan, num_jobs=options.jobs):
        results.append(result)
        print(describe_result(result), flush=True)  # noqa: T201  # the result of the program
    print(summary(results, elapsed_s=time.monotonic() - start_s))  # noqa: T201
    save(results, seed=options.seed, elapsed_s=time.monotonic() - start_s, keep=options.keep)
    return int(any(result.verdict in _BAD for result in results))


def _numbers(text: str) -> set[int]:
    numbers: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        numbers |= {*range(int(first), int(last or first) + 1)}
    return numbers


def _run(plan: list[Injection], *, num_jobs: int) -> Iterator[Result]:
    with ExitStack() as stack:
        is_long = len(plan) >= _MANY
        cache = stack.enter_context(prepared_cache()) if is_long else load_settings().cache
        if num_jobs == 1:
            place = stack.enter_context(open_place(_folder(0), cache=cache))
            yield from run_all(place, iter(plan))
        else:
            yield from _run_beside(plan, num_jobs, cache)


def _run_beside(plan: list[Injection], num_jobs: int, cache: Path) -> Iterator[Result]:
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
    _end_cleanly()
    with open_place(folder, cache=cache) as place:
        for result in run_all(place, iter(waiting.get, None)):
            done.put(result)


def _end_cleanly() -> None:
    """Also when ended from outside, take the servers and the disk along."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: sys.exit(128 + number))


def _folder(job: int) -> Path:
    return Path(tempfile.gettempdir()) / f"bookgraph-faults-{os.getpid()}-{job}"


if __name__ == "__main__":
    sys.exit(main())
