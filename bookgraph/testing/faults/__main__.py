"""`python -m bookgraph.testing.faults`: make all injections of a seed, or some of them."""

from __future__ import annotations

import argparse
import sys
import time

from bookgraph.testing.faults.jobs import end_cleanly, run_jobs
from bookgraph.testing.faults.plan import make_plan
from bookgraph.testing.faults.report import describe_result, save, summary

_BAD = ("lost", "stuck")


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
    end_cleanly()
    start_s = time.monotonic()
    results = []
    for result in run_jobs(plan, num_jobs=options.jobs):
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


if __name__ == "__main__":
    sys.exit(main())
