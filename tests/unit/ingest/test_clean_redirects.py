"""Redirects: only those that a link leads through are kept, to the end of a short chain."""

from __future__ import annotations

from collections.abc import Iterator

from bookgraph.ingest.clean.redirects import (
    MAX_REDIRECTS,
    RedirectSource,
    collect_redirects,
    resolve_redirect,
    select_redirects,
)

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


def _passes(counter: list[int]) -> RedirectSource:
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


def test_other_titles_of_a_page_come_from_all_dumps_once_and_sorted() -> None:
    first = [("NYT", "The New York Times"), ("New York Times", "The New York Times"), ("A", "B")]
    second = [("NY Times", "The New York Times"), ("NYT", "The New York Times")]
    found = collect_redirects(
        ["The New York Times", "Dune"], [lambda: iter(first), lambda: iter(second)]
    )
    assert found == {"The New York Times": ("NY Times", "NYT", "New York Times")}


def test_of_too_many_titles_the_shortest_stay() -> None:
    many = [(f"United States {'x' * n}", "USA") for n in range(2 * MAX_REDIRECTS)]
    found = collect_redirects(["USA"], [lambda: iter(reversed(many))])
    assert set(found["USA"]) == {title for title, _ in many[:MAX_REDIRECTS]}


def test_a_page_does_not_lead_to_itself() -> None:
    assert collect_redirects(["A"], [lambda: iter([("A", "A")])]) == {}
