"""The explorer's lists of properties name what the graph has and what the API serves."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from graphql import GraphQLObjectType

from bookgraph.api.schema.build import build_schema
from bookgraph.graph.schema import BOOK, LINK

SOURCE = (Path(__file__).parents[3] / "api" / "explorer" / "properties.js").read_text("utf-8")
KINDS = {"book": BOOK, "link": LINK}


def names_of(constant: str, kind: str) -> list[str]:
    """The names that a constant of `properties.js` lists for a kind, in order."""
    block = re.search(
        rf"^export const {constant} = {{$(.*?)^}};$", SOURCE, re.DOTALL | re.MULTILINE
    )
    assert block is not None
    entry = re.search(rf"\b{kind}: (\[.*?\]|{{.*?}})", block[1], re.DOTALL)
    assert entry is not None
    if entry[1].startswith("["):
        return re.findall(r'"(\w+)"', entry[1])
    return re.findall(r"(\w+): ", entry[1])


@pytest.mark.parametrize("kind", KINDS)
def test_the_map_has_the_columns_that_the_schema_gives_it(kind: str) -> None:
    columns = [
        re.sub("_(.)", lambda one: one[1].upper(), name) for name in KINDS[kind].names("map")
    ]
    assert {*columns} == {*names_of("COLUMNS", kind), "x", "y"}


@pytest.mark.parametrize("kind", KINDS)
def test_the_api_serves_the_explorers_columns(kind: str) -> None:
    points = build_schema().type_map["MapPoints"]
    assert isinstance(points, GraphQLObjectType)
    assert {*names_of("COLUMNS", kind)} <= {*points.fields}


@pytest.mark.parametrize("kind", KINDS)
def test_points_are_coloured_by_columns_that_the_map_has(kind: str) -> None:
    assert {*names_of("COLORS", kind)} <= {*names_of("COLUMNS", kind), "degree"}
