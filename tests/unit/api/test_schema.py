"""The committed schema is the one that is served, and everything in it is described."""

from __future__ import annotations

from pathlib import Path

import pytest
from graphql import GraphQLEnumType, GraphQLInputObjectType, GraphQLNamedType, build_schema

from bookgraph.api.schema import build as api_schema
from bookgraph.tools.sdl import (
    CHANGES_FILE,
    SDL_FILE,
    breaking_changes,
    changes_text,
    main,
    schema_text,
)


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


def test_the_changes_since_the_last_release_are_written_down() -> None:
    assert CHANGES_FILE.read_text("utf-8") == changes_text(), "run `python -m bookgraph.tools.sdl`"


def test_the_changelog_names_each_type_or_field_that_may_break_a_client() -> None:
    changelog = (CHANGES_FILE.parents[1] / "CHANGELOG.md").read_text("utf-8")
    for change in breaking_changes():
        # Such as `Mutation.saveBook changed type ...` or `SavedBook was removed.`
        name = change.partition(" ")[0].rpartition(".")[2]
        assert f"`{name}`" in changelog, change


def test_the_committed_schema_parses() -> None:
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


def test_the_tool_writes_the_schema_and_its_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    monkeypatch.setattr(Path, "write_text", lambda _, text, *__: written.append(text))
    main()
    assert written == [schema_text(), changes_text()]
