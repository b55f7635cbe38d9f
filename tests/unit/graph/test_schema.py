"""The schema is one table: the rest of the code follows it or is checked against it."""

from __future__ import annotations

import ast
import re
from dataclasses import replace
from pathlib import Path

import graphene
import pytest

from bookgraph.api.schema import properties
from bookgraph.api.schema.book import Book
from bookgraph.api.schema.link import Link
from bookgraph.api.schema.mutation import BookInput
from bookgraph.graph import schema
from bookgraph.graph.export.parquet import node_columns
from bookgraph.graph.export.tables import read_nodes
from bookgraph.graph.query.compile import Compiler
from bookgraph.graph.query.filters import NodeFilter, conditions_of, predicate
from bookgraph.graph.query.overview import facet_fields
from bookgraph.graph.query.selection import select
from bookgraph.graph.schema import BOOK, KINDS, LINK, SLOTS, NodeKind, Property
from bookgraph.graph.write.indexes import range_index, vector_index
from bookgraph.graph.write.wanted import clean_properties
from bookgraph.ingest.clean.fields import FIELD_PROPERTIES
from bookgraph.testing.fakes import RecordingStore

ROOT = Path(__file__).resolve().parents[3]
TEXTS = sorted((ROOT / "graph").rglob("*.py"))

ISBN = Property(
    "isbn",
    "string",
    "International Standard Book Number.",
    frozenset(
        {"answer", "values", "range_index", "vector_index", "facet", "export", "map", "edit"}
    ),
)
EXTENDED = replace(BOOK, properties=(*BOOK.properties, ISBN))


class ExtendedFilter(NodeFilter):
    kind = EXTENDED


def test_one_line_in_the_table_adds_a_property_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    # Queries, filters, indexes.
    assert Compiler().node(EXTENDED, "n", select("isbn")) == "{`isbn`: n.isbn}"
    compiler = Compiler()
    assert "n.isbn" in predicate(ExtendedFilter(isbn=["0-395"]), "n", compiler)
    assert list(compiler.parameters.values()) == [["0-395"]]
    assert "isbn" in EXTENDED.names("range_index")
    assert "book_isbn" in range_index(EXTENDED, "isbn").statement
    assert "n.isbn" in vector_index(EXTENDED, SLOTS[0]).statement
    # Exports.
    store = RecordingStore()
    list(read_nodes(store, EXTENDED))  # type: ignore[arg-type]  # the methods of a store
    assert "n.isbn" in store.calls[0][0]
    assert ("isbn", "string", "n.isbn") in node_columns(EXTENDED)
    # GraphQL: the type, the filter, the mutation's input, the map.
    for base in (properties.output_fields, properties.filter_fields, properties.edit_fields):
        assert hasattr(base(EXTENDED), "isbn"), base
    assert clean_properties(EXTENDED, {"isbn": "1"}) == {"isbn": "1"}
    monkeypatch.setattr(properties, "BOOK", EXTENDED)
    assert hasattr(properties.map_fields(graphene.String), "isbn")
    # Facets.
    monkeypatch.setattr("bookgraph.graph.query.overview.KINDS", {"Book": EXTENDED, "Link": LINK})
    assert facet_fields()["isbn"][0] == BOOK


def test_kinds_are_equal_by_label() -> None:
    assert EXTENDED == BOOK
    assert hash(EXTENDED) == hash(BOOK)
    assert BOOK != LINK
    assert (BOOK.other, LINK.other) == (LINK, BOOK)


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.word)
def test_a_table_is_consistent(kind: NodeKind) -> None:
    names = [name for one in kind.properties for name in (one.name, one.plural) if name]
    assert len(names) == len({*names})
    assert {kind.key, kind.degree, "embedding", "embedding_version"} <= {*names}
    assert {*schema.SEARCHED} <= {*names}
    for x, y in schema.MAP_POSITIONS.values():
        assert {x, y} <= {*names}
    for one in kind.properties:
        assert one.text.endswith("."), one.name
        assert one.text[0].isupper(), one.name
        assert "range" not in one.uses or one.value_type in {"int", "float"}, one.name
        assert not one.plural or one.value_type == "string", one.name


def test_cleaning_gives_only_properties_of_the_table() -> None:
    known = {name for one in BOOK.properties for name in (one.name, one.plural)}
    assert {*FIELD_PROPERTIES} <= known


def test_graphql_describes_properties_as_the_table_does() -> None:
    for kind, graphql in ((BOOK, Book), (LINK, Link)):
        for one in kind.having("answer"):
            assert graphql._meta.fields[one.name].description, one.name
            if one.name != "infobox":
                assert graphql._meta.fields[one.name].description == one.text
    assert {one.plural or one.name for one in BOOK.having("edit")} | {"title", "links"} == {
        *BookInput._meta.fields
    }


def test_the_explorers_lists_name_only_properties_of_the_table() -> None:
    known = {
        re.sub(r"_(\w)", lambda match: match[1].upper(), name)
        for kind in KINDS.values()
        for name in kind.stored("answer")
    }
    lists = [
        re.findall(r'"(\w+)"', text)
        for path in (ROOT / "api" / "explorer").rglob("*.js")
        for text in re.findall(r'\[\s*("\w+"(?:,\s*"\w+")*),?\s*\]', path.read_text("utf-8"))
    ]
    of_properties = [names for names in lists if {"genre", "kind", "numBooks"} & {*names}]
    assert of_properties, "found no list of properties: has the explorer changed?"
    for names in of_properties:
        # The number of edges has one name on both maps.
        assert {*names} - {"degree"} <= known, names


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_labels_and_types_in_cypher_are_those_of_the_schema(path: Path) -> None:
    text = "\n".join(_cypher_of(path))
    labels = set(re.findall(r"\(\w*:([A-Z]\w*)", text))
    types = set(re.findall(r"\[\w*:([A-Z_|]+)[ {\]]", text))
    assert labels <= {*schema.LABELS}
    assert {one for some in types for one in some.split("|")} <= {*schema.RELATIONSHIP_TYPES}


def _cypher_of(path: Path) -> list[str]:
    """The string constants of a module that look like Cypher."""
    pattern = re.compile(r"\b(MATCH|MERGE|UNWIND|CREATE|SEARCH|COLLECT)\b|\)-\[|\]->\(")
    return [
        node.value
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and pattern.search(node.value)
    ]


def test_every_condition_of_a_filter_is_a_field_of_its_graphql_input() -> None:
    for kind in KINDS.values():
        fields = vars(properties.filter_fields(kind))
        assert {*conditions_of(kind)} <= {*fields}
