"""Bounded work in other threads: in order, lazily, and cancelled after a failure."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from bookgraph.core.concurrency import map_in_order


def test_results_come_in_the_order_of_the_items() -> None:
    is_done = [threading.Event() for _ in range(40)]

    def work(number: int) -> int:
        # The first of every four ends last.
        if number % 4 == 0:
            assert is_done[number + 3].wait(10)
        is_done[number].set()
        return number * 2

    with ThreadPoolExecutor(4) as pool:
        assert list(map_in_order(pool, work, range(40), num_waiting=8)) == [
            2 * n for n in range(40)
        ]
        assert list(map_in_order(pool, work, [], num_waiting=8)) == []


@pytest.mark.parametrize("num_waiting", [1, 3])
def test_items_are_taken_only_when_a_place_is_free(num_waiting: int) -> None:
    taken = []

    def items() -> Iterator[int]:
        for number in range(20):
            taken.append(number)
            yield number

    with ThreadPoolExecutor(2) as pool:
        for done in map_in_order(pool, int, items(), num_waiting=num_waiting):
            assert len(taken) - done <= num_waiting
    assert len(taken) == 20


def test_no_work_starts_after_a_failure() -> None:
    begun = []
    is_over = threading.Event()

    def work(number: int) -> None:
        begun.append(number)
        if number == 1:
            raise OSError("broken")
        if number > 1:
            is_over.wait(10)

    with ThreadPoolExecutor(1) as pool:
        with pytest.raises(OSError, match="broken"):
            list(map_in_order(pool, work, range(100), num_waiting=10))
        is_over.set()
    # The one thread may have begun the next item before it was cancelled.
    assert begun in ([0, 1], [0, 1, 2])
