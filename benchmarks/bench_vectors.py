"""Measures ranking in memory: one list, a hundred lists at once, an edit, at several sizes.

Run: python benchmarks/bench_vectors.py [--dim 64] [--sizes 37020 78778 1000000]
Prints a table in Markdown; milliseconds are the best of five, beside those of plain numpy sorting.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np

from bookgraph.graph.vectors.table import VectorTable, Wanted

NUM_REPEATS = 5


def best_ms(work: Callable[[], object]) -> float:
    """The least time of some runs, in milliseconds."""
    times = []
    for _ in range(NUM_REPEATS):
        start_s = time.perf_counter()
        work()
        times.append(time.perf_counter() - start_s)
    return 1000 * min(times)


def measure(num: int, dim: int) -> str:
    """One row of the table."""
    generator = np.random.default_rng(0)
    vectors = generator.normal(size=(num, dim)).astype(np.float32)
    table = VectorTable([f"title {row:07}" for row in range(num)], vectors)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    lists = [Wanted(table.unit(row), 11, hidden=[row]) for row in range(100)]
    one = best_ms(lambda: table.rank(lists[:1], "cosine"))
    many = best_ms(lambda: table.rank(lists, "cosine"))
    plain = best_ms(lambda: np.argsort(-(unit @ unit[0]))[:11])
    edit = best_ms(lambda: table.changed({"title 0000005": None, "a new one": table.vector(7)}))
    megabytes = (table.vectors.nbytes + 24 * num) / 2**20
    return (
        f"| {num:,} | {one:.1f} (sorting all: {plain:.1f}) | {many:.0f} | {edit:.0f} "
        f"| {megabytes:,.0f} MiB and the keys |"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dim", type=int, default=64)
    parser.add_argument("--sizes", type=int, nargs="+", default=[37_020, 78_778, 1_000_000])
    options = parser.parse_args()
    print("| nodes | one list of 10 | a hundred at once | an edit | memory |")
    print("|---|---|---|---|---|")
    for size in options.sizes:
        print(measure(size, options.dim))


if __name__ == "__main__":
    main()
