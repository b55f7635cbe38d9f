"""The look-ahead finds what a query needs, with fragments, aliases and directives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from graphql import GraphQLResolveInfo, GraphQLSchema, execute_sync, parse

from bookgraph.api.execute.cursors import encode_cursor
from bookgraph.api.execute.lookahead import (
    page_of,
    selected_fields,
    selection_key,
    selections_below,
    selections_of_connection,
    selections_of_node,
)
from bookgraph.api.schema.build import build_schema
from bookgraph.core.errors import UsageError
from bookgraph.graph.query.selection import Page, Position, Selection


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    return build_schema()


def look(
    schema: GraphQLSchema, query: str, reader: Callable[[GraphQLResolveInfo], Any], **variables: Any
) -> Any:
    """What a reader makes of the first root field."""
    seen: list[Any] = []

    def resolver(root: None, info: GraphQLResolveInfo, **arguments: Any) -> None:
        seen.append(reader(info))

    fields = schema.query_type.fields
    name = query.partition("{")[2].strip().split("(")[0].split("{")[0].split(":")[-1].strip()
    kept, fields[name].resolve = fields[name].resolve, resolver
    try:
        result = execute_sync(schema, parse(query), variable_values=variables)
    finally:
        fields[name].resolve = kept
    assert result.errors is None, result.errors
    return seen[0]


def names(selections: tuple[Selection, ...]) -> list[str]:
    return [one.name for one in selections]


def node(schema: GraphQLSchema, body: str, **variables: Any) -> tuple[Selection, ...]:
    return look(schema, body, selections_of_node, **variables)


def test_plain_fields_take_their_properties_names(schema: GraphQLSchema) -> None:
    found = node(schema, '{ book(title: "x") { id numLinks articleLength __typename } }')
    assert names(found) == ["title", "num_links", "article_length"]
    assert [one.key for one in found] == ["title", "num_links", "article_length"]


def test_fragments_are_part_of_the_selection(schema: GraphQLSchema) -> None:
    query = (
        'query { book(title: "x") { ...A ... on Book { year ...A } ... { pages } } } '
        "fragment A on Book { title ...B } fragment B on Book { author }"
    )
    assert sorted(names(node(schema, query))) == ["author", "pages", "title", "year"]


@pytest.mark.parametrize(
    ("skip", "include", "expected"),
    [(True, True, ["author"]), (False, False, ["title"]), (False, True, ["title", "author"])],
)
def test_directives_decide_with_variables(
    schema: GraphQLSchema, skip: bool, include: bool, expected: list[str]
) -> None:
    query = (
        "query($s: Boolean!, $i: Boolean!) "
        '{ book(title: "x") { title @skip(if: $s) ... @include(if: $i) { author } } }'
    )
    assert names(node(schema, query, s=skip, i=include)) == expected


def test_one_field_with_two_arguments_is_two_selections(schema: GraphQLSchema) -> None:
    query = (
        '{ book(title: "x") { a: links(first: 1) { nodes { name } } '
        "b: links(first: 2, after: null) { nodes { title } } } }"
    )
    one, two = node(schema, query)
    assert one.key != two.key
    assert (one.page, two.page) == (Page(1), Page(2))
    assert (names(one.node), names(two.node)) == (["name"], ["title"])


def test_one_field_selected_twice_is_one_selection(schema: GraphQLSchema) -> None:
    query = (
        '{ book(title: "x") { a: links(first: 3) { nodes { name } } '
        "b: links(first: 3) { edges { count node { numBooks name } } } } }"
    )
    (found,) = node(schema, query)
    assert sorted(names(found.node)) == ["name", "num_books"]
    assert names(found.edge) == ["count"]


def test_the_same_two_fields_deeper_down_are_united(schema: GraphQLSchema) -> None:
    query = (
        '{ book(title: "x") { links { nodes { books(first: 1) { nodes { title } } } } '
        "...F } } fragment F on Book { links { nodes { books(first: 1) { nodes { year } } } } }"
    )
    (links,) = node(schema, query)
    (books,) = links.node
    assert names(books.node) == ["title", "year"]


def test_connections_tell_edges_from_nodes(schema: GraphQLSchema) -> None:
    query = (
        '{ similarBooks(like: "x") { edges { cursor score node { title } '
        "why(first: 2) { score link { name } } } nodes { year } pageInfo { endCursor } } }"
    )
    edge, found = look(schema, query, selections_of_connection)
    assert names(found) == ["title", "year"]
    assert sorted(names(edge)) == ["cursor", "score", "why"]
    why = next(one for one in edge if one.name == "why")
    assert why.page == Page(2)
    assert names(why.node) == ["score", "link"]
    assert names(why.node[1].node) == ["name"]


def test_members_of_a_union_have_their_own(schema: GraphQLSchema) -> None:
    query = (
        '{ search(text: "x") { hits { node { __typename ... on Book { title } ...L } } } } '
        "fragment L on Link { name numBooks }"
    )
    found = look(schema, query, lambda info: selections_below(info, {"hits"}, {"node"}))
    assert {kind: names(wanted) for kind, wanted in found.items()} == {
        "Book": ["title"],
        "Link": ["name", "num_books"],
    }


def test_an_interface_asks_each_of_its_types_for_the_key(schema: GraphQLSchema) -> None:
    found = look(schema, '{ node(id: "x") { id ... on Book { year } } }', selections_below)
    assert {kind: names(wanted) for kind, wanted in found.items()} == {
        "Book": ["title", "year"],
        "Link": ["name"],
    }


def test_columns_are_read_by_name(schema: GraphQLSchema) -> None:
    query = "{ mapPoints { x numLinks t: title } }"
    assert look(schema, query, selected_fields) == {"x", "num_links", "title"}


def test_keys_are_equal_for_equal_arguments_only() -> None:
    assert selection_key("numBooks", {}) == "num_books"
    one = selection_key("links", {"first": 1, "after": None})
    assert one == selection_key("links", {"after": None, "first": 1})
    assert one != selection_key("links", {"first": 2, "after": None})
    assert one.isidentifier()


def test_pages() -> None:
    assert page_of({}) == Page(10)
    assert page_of({"first": 0}) == Page(0)
    place = Position("similar", (0.1 + 0.2, "Émile"), "v")
    assert page_of({"first": 100, "after": encode_cursor(place)}) == Page(100, place)
    other = Position("year", (None, "Dune"))
    assert page_of({"first": 10, "last": 5, "before": encode_cursor(other)}) == Page(
        5, before=other, is_backward=True
    )


@pytest.mark.parametrize(
    "arguments",
    [
        {"first": -1},
        {"first": 101},
        {"first": None},
        {"after": ""},
        {"after": "x"},
        {"after": "YXJyYXljb25uZWN0aW9uOi0x"},
        {"after": "YXJyYXljb25uZWN0aW9uOjk5OTk5OTk="},
    ],
)
def test_pages_out_of_bounds(arguments: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        page_of(arguments)
