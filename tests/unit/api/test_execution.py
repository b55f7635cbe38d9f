"""The fast execution gives the same result as graphql-core's own, including errors and order."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from graphql import ExecutionResult, GraphQLSchema, execute, parse
from hypothesis import given, settings
from hypothesis import strategies as st

from bookgraph.api.execute.fast import FastContext, is_coroutine
from bookgraph.api.execute.lookahead import selection_key
from bookgraph.api.schema.build import build_schema
from bookgraph.api.schema.connections import ConnectionValue
from bookgraph.graph.query.selection import NodeList, Page

SCHEMA = build_schema()
QUERY = parse(
    """query($no: Boolean!) { a: stats { numBooks sources loadedAt b: numLinks isComplete __typename
       numEdges @include(if: $no) }
     embeddingModel { version dim seed properties { name value } }
     similarBooks(like: "x") { edges { score
       node { id t: title title year authors infobox { name } }
       why { score link { id name numBooks } } } pageInfo { endCursor } } }"""
)
WHY = selection_key("why", {"first": 5})

anything = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**40), 2**40), st.floats(), st.text(max_size=5)
)
NAMES = ("num_books", "num_links", "is_complete", "loaded_at", "version", "dim", "seed")
rows = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(
        ("num_books", "num_links", "is_complete", "loaded_at", "version", "dim", "seed"), anything
    ),
)
nodes = st.fixed_dictionaries(
    {"title": st.text(max_size=3), "infobox": st.just('{"a": "b"}')},
    optional={"year": anything, "authors": st.lists(st.text(max_size=2), max_size=2)},
)


async def later(value: Any) -> Any:
    await asyncio.sleep(0)
    return value


def run(root: dict[str, Any], context: type | None) -> tuple[Any, list[str]]:
    def resolver(name: str) -> Any:
        return lambda *_, **__: later(root[name])

    fields = SCHEMA.query_type.fields
    kept = {name: fields[name].resolve for name in root}
    for name in root:
        fields[name].resolve = resolver(name)
    options = {"execution_context_class": context, "is_awaitable": is_coroutine} if context else {}

    async def answer() -> ExecutionResult:
        found = execute(SCHEMA, QUERY, variable_values={"no": False}, **options)  # type: ignore[arg-type]
        return found if isinstance(found, ExecutionResult) else await found

    try:
        result = asyncio.run(answer())
    finally:
        for name, resolve in kept.items():
            fields[name].resolve = resolve
    return result.data, sorted(str(error.formatted) for error in result.errors or ())


@given(stats=rows, model=rows, near=st.lists(nodes, max_size=3))
@settings(max_examples=60, deadline=None)
def test_both_ways_agree(stats: Any, model: Any, near: Any) -> None:
    items = [
        {
            "node": node,
            "at": [0.5, "k"],
            "score": 0.5,
            WHY: [{"score": 1, "link": {"name": "n", "num_books": 2}}],
        }
        for node in near
    ]
    root = {
        "stats": stats,
        "embeddingModel": model,
        "similarBooks": ConnectionValue(
            NodeList(items, None, has_more=False, order="similar"), Page(10)
        ),
    }
    fast, plain = run(root, FastContext), run(root, None)
    assert repr(fast) == repr(plain)


def test_the_order_is_the_querys() -> None:
    stats = {"num_books": 1, "num_links": 2, "is_complete": True}
    root = {"stats": stats, "embeddingModel": {}, "similarBooks": None}
    data, _ = run(root, FastContext)
    assert data["a"] is None or list(data["a"]) == [
        "numBooks",
        "sources",
        "loadedAt",
        "b",
        "isComplete",
        "__typename",
    ]
    assert data["a"]["b"] == 2


@pytest.mark.parametrize("value", [2**31, "x", float("nan")])
def test_a_value_that_does_not_fit_is_an_error_with_its_path(value: Any) -> None:
    stats = {"num_books": value, "num_links": 2, "is_complete": True}
    data, errors = run({"stats": stats, "embeddingModel": None, "similarBooks": None}, FastContext)
    assert data["a"] is None
    assert "'path': ['a', 'numBooks']" in errors[0]


def test_a_type_knows_its_own_fields_only() -> None:
    other: GraphQLSchema = build_schema()
    assert other.query_type is not SCHEMA.query_type
    assert run({"stats": None, "embeddingModel": None, "similarBooks": None}, FastContext)[1] == []
