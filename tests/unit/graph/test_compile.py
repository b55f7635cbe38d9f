"""Compiling: what is refused, and that every value is a parameter; integration tests run it."""

from __future__ import annotations

import pytest

from bookgraph.graph.query.compile import Compiler, digits
from bookgraph.graph.query.fields import new_compiler
from bookgraph.graph.query.selection import Page, Position, Selection, select
from bookgraph.graph.schema import BOOK, KINDS, LINK, NodeKind


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.word)
def test_every_property_that_queries_return_compiles(kind: NodeKind) -> None:
    for name in kind.stored("answer").keys() - {"embedding"}:
        compiler = new_compiler()
        assert name in compiler.node(kind, "n", select(name))
        assert compiler.parameters == {}


def test_a_page_becomes_parameters() -> None:
    compiler = new_compiler()
    page = Page(70, after=Position("links", (3, 210, "war")))
    text = compiler.node(BOOK, "n", [Selection("l", "links", page, node=select("name"))])
    assert {*compiler.parameters.values()} == {71, 210, 3, "war"}
    assert not any(value in text for value in ("71", "210", "war"))


def test_two_lists_of_one_field_share_no_parameter() -> None:
    compiler = new_compiler()
    compiler.node(BOOK, "n", [Selection(key, "links", Page(1)) for key in ("a", "b")])
    assert len(compiler.parameters) == 2


def test_every_name_is_new() -> None:
    compiler = Compiler()
    names = [*compiler.names("near", "near"), compiler.name("near"), compiler.parameter(1)]
    assert len({*names}) == 4


@pytest.mark.parametrize(
    "key", ["a`b", "a b", "1a", "", "é", "a-b", "a}) RETURN 1 //", "x`: 1} //"]
)
def test_a_key_that_could_end_its_quotes_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="is an invalid key"):
        new_compiler().node(BOOK, "n", [Selection(key, "title")])


def test_a_key_with_arguments_stands_under_a_name_that_is_the_same_for_all() -> None:
    texts = []
    for key in ("similar_books_0a9Z", "similar_books_77"):
        compiler = Compiler()
        texts.append(compiler.key(Selection(key, "similar_books")))
        assert compiler.renamed == {"__0": key}
    assert texts == ["`__0`", "`__0`"]
    assert Compiler().key(Selection("title", "title")) == "`title`"


@pytest.mark.parametrize(
    "name", ["nothing", "name", "books", "checksum", "embedding_version", "title) DELETE n //"]
)
def test_a_field_that_books_do_not_have_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="A book has no field"):
        new_compiler().node(BOOK, "n", [Selection("key", name)])


def test_a_field_that_links_do_not_have_is_refused() -> None:
    with pytest.raises(ValueError, match="A link has no field 'author'"):
        new_compiler().node(LINK, "n", select("author"))


@pytest.mark.parametrize("number", [0, 7, 1_234_567_890])
def test_digits_write_a_number(number: int) -> None:
    assert digits(number) == str(number)
