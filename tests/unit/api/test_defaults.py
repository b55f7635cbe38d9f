"""A null argument or input field is the same as one that is left out, wherever it comes from."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from graphql import (
    ExecutionResult,
    GraphQLArgument,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInt,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLString,
    execute_sync,
    parse,
    subscribe,
)

from bookgraph.api.execute.defaults import apply_defaults
from bookgraph.api.schema.build import build_schema

INNER: GraphQLInputObjectType = GraphQLInputObjectType(
    "Inner",
    lambda: {
        "size": GraphQLInputField(GraphQLInt, default_value=7, out_name="size_"),
        "word": GraphQLInputField(GraphQLString),
        "more": GraphQLInputField(GraphQLList(GraphQLNonNull(INNER))),
    },
)


def schema() -> tuple[GraphQLSchema, list[dict[str, Any]]]:
    """A schema, and the arguments that its resolver has got."""
    seen: list[dict[str, Any]] = []
    field = GraphQLField(
        GraphQLString,
        {
            "first": GraphQLArgument(GraphQLInt, default_value=10, out_name="first_"),
            "text": GraphQLArgument(GraphQLString),
            "must": GraphQLArgument(GraphQLNonNull(GraphQLInt), default_value=1),
            "inner": GraphQLArgument(INNER),
        },
        resolve=lambda *_, **given: seen.append(given),
    )
    built = GraphQLSchema(GraphQLObjectType("Query", {"a": field}))
    apply_defaults(built)
    return built, seen


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("", {"first_": 10, "must": 1}),
        ("(first: null, text: null, inner: null)", {"first_": 10, "must": 1}),
        ("(first: $n, text: $t, inner: $i)", {"first_": 10, "must": 1}),
        ('(first: 0, text: "")', {"first_": 0, "text": "", "must": 1}),
        (
            "(inner: {size: null, word: null})",
            {"first_": 10, "must": 1, "inner": {"size_": 7}},
        ),
        (
            "(inner: {more: [{size: $n, word: $t}]})",
            {"first_": 10, "must": 1, "inner": {"size_": 7, "more": [{"size_": 7}]}},
        ),
    ],
)
def test_null_gives_way_to_the_default(given: str, expected: dict[str, Any]) -> None:
    built, seen = schema()
    document = parse(f"query($n: Int, $t: String, $i: Inner) {{ a{given} }}")
    result = execute_sync(built, document, variable_values={"n": None, "t": None, "i": None})
    assert result.errors is None
    assert seen == [expected]


def test_null_is_still_refused_where_a_value_is_required() -> None:
    built, seen = schema()
    result = execute_sync(built, parse("{ a(must: null) }"))
    assert result.errors is not None
    assert seen == []


def test_a_subscription_to_changes_of_a_null_kind_gets_all() -> None:
    class Feed:
        async def follow(self) -> Any:
            yield type("Change", (), {"kind": "trained", "stamp": Stamp, "edit": None})

    class Stamp:
        loaded_at, model, num_books = None, "v", 3

    async def first() -> ExecutionResult:
        document = parse("subscription { graphChanged(kind: null) { kind numBooks } }")
        found = await subscribe(build_schema(), document, context_value={"changes": Feed()})
        assert not isinstance(found, ExecutionResult), found.errors
        return await anext(found)

    assert asyncio.run(first()).data == {"graphChanged": {"kind": "TRAINED", "numBooks": 3}}


def test_null_is_a_value_of_its_own_where_a_type_says_so() -> None:
    named = build_schema().type_map["BookInput"]
    assert isinstance(named, GraphQLInputObjectType)
    given = named.out_type({"title": "A", "year": None, "genres": []})
    assert given["year"] is None
