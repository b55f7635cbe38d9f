"""Redirects: only those that a link leads through are kept, to the end of a short chain."""

from __future__ import annotations

from collections.abc import Iterator

from ingest.redirects import select_redirects
from ingest.steps import resolve_redirect

_PAIRS = [
    ("NYT", "New York Times"),
    ("New York Times", "The New York Times"),
    ("Unused", "Something"),
    ("A", "B"),
    ("B", "A"),
    ("C1", "C2"),
    ("C2", "C3"),
    ("C3", "C4"),
    ("C4", "C5"),
    ("C5", "C6"),
]


def _passes(counter: list[int]) -> object:
    def start() -> Iterator[tuple[str, str]]:
        counter.append(1)
        yield from _PAIRS

    return start


def test_only_what_is_linked_to_is_kept_whatever_its_spelling() -> None:
    counter: list[int] = []
    targets = [":new_York  Times#History", "The New York Times", "#Plot", "", "Nowhere"]
    selected = select_redirects(targets, [_passes(counter)])
    assert selected == {"New York Times": "The New York Times"}
    assert len(counter) == 2


def test_a_chain_is_followed_in_few_passes() -> None:
    counter: list[int] = []
    selected = select_redirects(["NYT"], [_passes(counter)])
    assert selected == {"NYT": "New York Times", "New York Times": "The New York Times"}
    assert resolve_redirect("nYT", selected) == "The New York Times"
    assert len(counter) == 3


def test_a_long_chain_is_left_after_four_hops() -> None:
    selected = select_redirects(["C1"], [_passes([])])
    assert set(selected) == {"C1", "C2", "C3", "C4"}


def test_circles_end() -> None:
    selected = select_redirects(["A"], [_passes([])])
    assert selected == {"A": "B", "B": "A"}


def test_several_dumps_count_together() -> None:
    first, second = (lambda: iter([("X", "Y")])), (lambda: iter([("Y", "Z")]))
    assert select_redirects(["X"], [first, second]) == {"X": "Y", "Y": "Z"}
    assert select_redirects(["X"], []) == {}
