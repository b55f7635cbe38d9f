"""Too large documents are refused cheaply, and the cost of a query is computed right."""

from __future__ import annotations

import time
from typing import Any

import pytest
from graphql import GraphQLSchema, get_introspection_query, get_operation_ast, parse

from bookgraph.api.execute.cost import query_cost
from bookgraph.api.execute.documents import Documents
from bookgraph.api.execute.limits import LimitError, check_limits
from bookgraph.api.options import Limits
from bookgraph.api.schema.build import build_schema

LIMITS = Limits()


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    return build_schema()


def nested(depth: int) -> str:
    return (
        '{ book(title: "x") '
        + "{ similarBooks { nodes " * depth
        + "{ title }"
        + " } }" * depth
        + " }"
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (nested(6), "14 nested fields. The limit is 12"),
        ("{" + "".join(f"a{n}: __typename " for n in range(101)) + "}", "101 aliases"),
        ("{ __typename " + "@skip(if: false)" * 21 + "}", "21 directives"),
        ("{" + " __typename" * 21 + "}", "21 root fields"),
        (
            "{ __schema { types " + "{ fields { type " * 4 + "{ name }" + " } }" * 4 + " } }",
            "4 nested introspection lists",
        ),
        ("query { ...A } fragment A on Query { ...B } fragment B on Query " + nested(6), "nested"),
    ],
)
def test_documents_past_a_limit(text: str, says: str) -> None:
    with pytest.raises(LimitError, match=says):
        check_limits(parse(text), LIMITS)


@pytest.mark.parametrize(
    "text",
    [
        get_introspection_query(),
        get_introspection_query(input_value_deprecation=True, specified_by_url=True),
        nested(5),
        "{" + "".join(f"a{n}: stats {{ numBooks }} " for n in range(20)) + "}",
        "query A { __typename } query B { stats { numBooks } }",
        "fragment A on Query { ...A } { ...A }",
    ],
)
def test_documents_within_the_limits(text: str) -> None:
    check_limits(parse(text), LIMITS)


def bomb(size: int) -> str:
    """Fragments that spread the next one twice: 2 ** size fields, if one spread them out."""
    parts = [
        f"fragment F{n} on Book {{ ...F{n + 1} ... on Book {{ ...F{n + 1} }} }}"
        for n in range(size)
    ]
    return (
        f'{{ book(title: "x") {{ ...F0 }} }} {" ".join(parts)} fragment F{size} on Book {{ title }}'
    )


def test_fragments_that_multiply_take_no_time(schema: GraphQLSchema) -> None:
    start_s = time.monotonic()
    prepared = Documents(schema, LIMITS, is_hidden=False).prepare(bomb(60))
    if prepared.document is not None:
        cost(schema, bomb(60))
    assert time.monotonic() - start_s < 5


@pytest.mark.parametrize(
    "text",
    [
        "{ a " * 3_000,
        "{" * 5_000,
        "{ a(b: " + "[" * 900 + "]" * 900 + ") }",
        "{ a " * 400 + "}" * 400,
        "query(" + "$a: Int " * 900 + ") { __typename }",
    ],
)
def test_hostile_texts_are_refused_quickly(schema: GraphQLSchema, text: str) -> None:
    start_s = time.monotonic()
    prepared = Documents(schema, LIMITS, is_hidden=False).prepare(text)
    assert prepared.document is None
    assert prepared.errors
    assert time.monotonic() - start_s < 2


def cost(schema: GraphQLSchema, text: str, **variables: Any) -> int:
    document = parse(text)
    operation = get_operation_ast(document)
    assert operation is not None
    return query_cost(schema, document, operation, variables)


def test_the_cost_of_lists_multiplies(schema: GraphQLSchema) -> None:
    assert cost(schema, "{ stats { numBooks } }") == 11
    assert cost(schema, "{ books(first: 7) { nodes { title } } }") == 7 * 2
    # 7 books, each with `nodes`, a list field `links` of 3 with `nodes`.
    text = "{ books(first: 7) { nodes { title links(first: 3) { nodes { name } } } } }"
    assert cost(schema, text) == 7 * (1 + 1 + 3 * 2)


def test_a_search_for_each_of_many_parents_costs_more(schema: GraphQLSchema) -> None:
    text = "{ books(first: 10) { nodes { similarBooks(first: 2) { nodes { title } } } } }"
    assert cost(schema, text) == 10 * (1 + 1 + 20 + 2 * 2)


def test_variables_and_their_defaults_count(schema: GraphQLSchema) -> None:
    text = "query($n: Int = 50) { books(first: $n) { nodes { title } } }"
    assert cost(schema, text) == 100
    assert cost(schema, text, n=3) == 6
    assert cost(schema, text, n=-1) == 0
    assert cost(schema, text, n="x") == 200


def test_null_costs_what_the_default_costs(schema: GraphQLSchema) -> None:
    assert cost(schema, "{ books(first: null) { nodes { title } } }") == 20
    text = "query($n: Int = 50) { books(first: $n) { nodes { title } } }"
    assert cost(schema, text, n=None) == 20


def test_a_lookup_of_many_keys_costs_their_number(schema: GraphQLSchema) -> None:
    assert cost(schema, '{ booksByTitle(titles: ["a", "b", "c"]) { title } }') == 3
    assert cost(schema, '{ booksByTitle(titles: "a") { title } }') == 1
    text = "query($n: [String!]! = [1, 2]) { linksByName(names: $n) { books { nodes { title } } } }"
    assert cost(schema, text) == 2 * (1 + 10 * 2)
    assert cost(schema, text, n=["a"] * 40) == 40 * (1 + 10 * 2)
    assert cost(schema, text, n="a") == 1 + 10 * 2
    huge = "9" * 5_000
    assert cost(schema, f"{{ nodes(ids: [{huge}, $i]) {{ ... on Book {{ title }} }} }}") == 2


def test_each_input_of_a_mutation_counts(schema: GraphQLSchema) -> None:
    one = 'mutation { saveBook(input: {title: "x"}) { book { title } } }'
    assert cost(schema, one) == 1 + 1
    some = "mutation($b: [BookInput!]!) { saveBooks(inputs: $b) { results { book { title } } } }"
    assert cost(schema, some, b=[{}] * 100) == 100 * (1 + 1 + 1)
    assert cost(schema, some, b="x") == 3
    given = some.replace("($b: [BookInput!]!)", "").replace("$b", '[{title: "x"}, {title: "y"}]')
    assert cost(schema, given) == 2 * 3


def test_fragments_and_unions_are_counted(schema: GraphQLSchema) -> None:
    text = (
        '{ search(text: "x", first: 2) { hits { node { ... on Book { ...L } ... on Link { name } '
        "} } } } fragment L on Book { links(first: 5) { nodes { name } } }"
    )
    assert cost(schema, text) == 50 + 2 * (1 + 1 + 1 + 5 * 2)
