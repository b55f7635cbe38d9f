"""Filters as predicates: parameters only, and/or/not, what the index can check by itself."""

from __future__ import annotations

import pytest

from bookgraph.core.errors import UsageError
from bookgraph.graph.query.filters import (
    MAX_CONDITIONS,
    MAX_VALUES,
    BookFilter,
    Filter,
    LinkFilter,
    index_predicate,
    is_index_enough,
    predicate,
)
from bookgraph.graph.query.projection import Compiler


def text_of(wanted: Filter | None) -> tuple[str, list[object]]:
    compiler = Compiler()
    return predicate(wanted, "n", compiler), list(compiler.parameters.values())


@pytest.mark.parametrize("wanted", [None, BookFilter(), LinkFilter()])
def test_no_condition_is_no_text(wanted: Filter | None) -> None:
    assert text_of(wanted) == ("", [])


def test_a_list_matches_any_of_the_books_values() -> None:
    text, values = text_of(BookFilter(genre=["Novel", "Satire"]))
    assert text == "(any(value IN n.genres WHERE value IN $p1))"
    assert values == [["Novel", "Satire"]]


def test_ranges_are_inclusive() -> None:
    text, values = text_of(BookFilter(year_from=-750, year_to=1900, pages_to=300))
    assert text == "(n.year >= $p1 AND n.year <= $p2 AND n.pages <= $p3)"
    assert values == [-750, 1900, 300]


def test_and_or_not_nest() -> None:
    wanted = BookFilter(
        author=["Homer"],
        all_of=(BookFilter(num_links_from=5),),
        any_of=(BookFilter(year_to=0), BookFilter(language=["Greek"])),
        none_of=(BookFilter(genre=["Novel"]),),
    )
    text, values = text_of(wanted)
    assert text == (
        "(any(value IN n.authors WHERE value IN $p1) AND (n.num_links >= $p2) AND "
        "((n.year <= $p3) OR (any(value IN n.languages WHERE value IN $p4))) AND "
        "NOT coalesce((any(value IN n.genres WHERE value IN $p5)), false))"
    )
    assert values == [["Homer"], 5, 0, ["Greek"], ["Novel"]]


def test_an_empty_choice_is_always_met_and_its_contrary_never() -> None:
    assert text_of(BookFilter(any_of=(BookFilter(), BookFilter(year_to=1))))[0] == (
        "((true OR (n.year <= $p1)))"
    )
    assert text_of(BookFilter(none_of=(BookFilter(),)))[0] == "(NOT coalesce(true, false))"


def test_values_never_stand_in_the_text() -> None:
    evil = "x'] OR true //"
    text, values = text_of(BookFilter(author=[evil]))
    assert evil not in text
    assert values == [[evil]]


def test_link_filters() -> None:
    text, values = text_of(LinkFilter(kind=["category"], num_books_from=4, num_books_to=9))
    assert text == "(n.num_books >= $p1 AND n.num_books <= $p2 AND n.kind IN $p3)"
    assert values == [4, 9, ["category"]]


def test_too_many_conditions_are_refused() -> None:
    many = BookFilter(any_of=tuple(BookFilter(year_to=n) for n in range(MAX_CONDITIONS)))
    with pytest.raises(UsageError, match="41 conditions"):
        text_of(many)


def test_too_many_values_are_refused() -> None:
    with pytest.raises(UsageError, match="author: 201 values"):
        text_of(BookFilter(author=["x"] * (MAX_VALUES + 1)))


@pytest.mark.parametrize(
    ("wanted", "text", "is_enough"),
    [
        (None, "", True),
        (BookFilter(), "", True),
        (BookFilter(year_from=1, year_to=2), " AND n.year >= $p1 AND n.year <= $p2", True),
        (BookFilter(year_from=1, genre=["Novel"]), " AND n.year >= $p1", False),
        (BookFilter(none_of=(BookFilter(year_from=1),)), "", False),
        (BookFilter(pages_to=3), "", False),
        (LinkFilter(num_books_to=9), " AND n.num_books <= $p1", True),
        (LinkFilter(kind=["file"]), "", False),
    ],
)
def test_what_the_vector_index_can_check(wanted: Filter | None, text: str, is_enough: bool) -> None:
    assert index_predicate(wanted, "n", Compiler()) == text
    assert is_index_enough(wanted) is is_enough
