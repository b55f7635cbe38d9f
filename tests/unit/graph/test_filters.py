"""Filters: what is refused, what the vector index can check; integration tests run them."""

from __future__ import annotations

import pytest

from bookgraph.core.errors import UsageError
from bookgraph.graph.query.compile import Compiler
from bookgraph.graph.query.filters import (
    MAX_CONDITIONS,
    MAX_VALUES,
    BookFilter,
    LinkFilter,
    NodeFilter,
    conditions_of,
    predicate,
)
from bookgraph.graph.schema import BOOK, LINK


def test_the_conditions_come_from_the_schema() -> None:
    assert {"author", "genre", "year_from", "year_to", "num_links_to"} <= {*conditions_of(BOOK)}
    assert not {"year", "title", "authors", "author_from"} & {*conditions_of(BOOK)}
    assert {*conditions_of(LINK)} == {
        "kind",
        "num_books_from",
        "num_books_to",
        "title_contains",
        "mentioned_by",
    }


@pytest.mark.parametrize("wanted", [None, BookFilter(), LinkFilter(), BookFilter(genre=None)])
def test_without_a_condition_there_is_no_text(wanted: NodeFilter | None) -> None:
    assert predicate(wanted, "n", Compiler()) == ""


def test_an_unknown_condition_is_refused() -> None:
    with pytest.raises(TypeError, match="A filter of books has no condition 'colour'"):
        BookFilter(colour=["blue"])


def test_values_never_become_part_of_the_text() -> None:
    evil = "x'] OR true //"
    compiler = Compiler()
    text = predicate(BookFilter(author=[evil], year_from=-750), "n", compiler)
    assert evil not in text
    assert "750" not in text
    assert list(compiler.parameters.values()) == [[evil], -750]


def test_too_many_conditions_are_refused() -> None:
    many = BookFilter(any_of=tuple(BookFilter(year_to=n) for n in range(MAX_CONDITIONS)))
    with pytest.raises(UsageError, match="41 nested filters"):
        predicate(many, "n", Compiler())


def test_too_many_values_are_refused() -> None:
    with pytest.raises(UsageError, match="author: 201 values"):
        predicate(BookFilter(author=["x"] * (MAX_VALUES + 1)), "n", Compiler())
