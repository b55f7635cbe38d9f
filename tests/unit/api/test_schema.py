"""The schema is the committed one, all of it is described, and it needs no torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from graphql import GraphQLEnumType, GraphQLInputObjectType, GraphQLNamedType, build_schema

from bookgraph.api.schema import build as api_schema
from bookgraph.tools.sdl import SDL_FILE, schema_text

ROOT = Path(__file__).resolve().parents[3]


def own_types() -> list[GraphQLNamedType]:
    built = api_schema.build_schema()
    standard = {"String", "Int", "Float", "Boolean", "ID"}
    return [
        one
        for name, one in built.type_map.items()
        if not name.startswith("__") and name not in standard
    ]


def test_the_committed_schema_is_the_one_that_is_served() -> None:
    assert SDL_FILE.read_text("utf-8") == schema_text(), "run `python -m bookgraph.tools.sdl`"


def test_the_committed_schema_can_be_read() -> None:
    assert build_schema(SDL_FILE.read_text("utf-8")).query_type is not None


def test_everything_is_described() -> None:
    missing = []
    for one in own_types():
        if not one.description:
            missing.append(one.name)
        for name, field in getattr(one, "fields", {}).items():
            if not field.description:
                missing.append(f"{one.name}.{name}")
            if not isinstance(one, GraphQLInputObjectType):
                missing += [
                    f"{one.name}.{name}({argument}:)"
                    for argument, value in field.args.items()
                    if not value.description
                ]
        if isinstance(one, GraphQLEnumType):
            missing += [f"{one.name}.{n}" for n, v in one.values.items() if not v.description]
    assert missing == []


def test_descriptions_are_sentences() -> None:
    for one in own_types():
        for text in [
            one.description,
            *(f.description for f in getattr(one, "fields", {}).values()),
        ]:
            assert text is not None
            assert text.rstrip().endswith((".", "...")), text
            assert not text[0].islower(), text


def test_the_module_writes_the_schema(tmp_path: Path) -> None:
    code = (
        "import runpy, sys, pathlib, bookgraph.tools.sdl\n"
        "pathlib.Path.write_text = lambda self, text, encoding: print(len(text))\n"
        "runpy.run_module('bookgraph.tools.sdl', run_name='__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(done.stdout) == len(schema_text())
