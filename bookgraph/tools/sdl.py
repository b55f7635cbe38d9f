"""Writes the schema that the server serves, and what changed in it since the last release.

The schema goes to `api/schema.graphql`, the changes to `docs/graphql-changes.md`. Run it after a
change of the schema: `python -m bookgraph.tools.sdl`. A release copies the schema over
`docs/released.graphql`, and the changes begin anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from graphql import (
    GraphQLEnumType,
    GraphQLNamedType,
    GraphQLSchema,
    find_breaking_changes,
    print_schema,
)
from graphql import build_schema as parse_schema

from bookgraph import api
from bookgraph.api.schema.build import build_schema

SDL_FILE = Path(api.__file__).with_name("schema.graphql")
_DOCS = Path(__file__).resolve().parents[2] / "docs"
RELEASED_FILE = _DOCS / "released.graphql"
CHANGES_FILE = _DOCS / "graphql-changes.md"

_HEAD = """\
# Changes of the GraphQL schema

Since the last release, whose schema is [released.graphql](released.graphql). This page is generated
by `python -m bookgraph.tools.sdl`.
"""


def schema_text() -> str:
    """The schema in GraphQL's schema definition language."""
    return print_schema(build_schema()) + "\n"


def breaking_changes() -> list[str]:
    """What may break a client of the last release, one sentence each."""
    found = find_breaking_changes(_released(), parse_schema(schema_text()))
    return sorted(change.description for change in found)


def changes_text() -> str:
    """The page about the changes."""
    return "\n".join(
        [
            _HEAD,
            "## Clients may have to change\n",
            *(f"- {one}" for one in breaking_changes() or ["Nothing."]),
            "\n## Added\n",
            *(f"- `{one}`" for one in _added(_released(), parse_schema(schema_text()))),
            "",
        ]
    )


def _released() -> GraphQLSchema:
    return parse_schema(RELEASED_FILE.read_text("utf-8"))


def _added(old: GraphQLSchema, new: GraphQLSchema) -> Iterator[str]:
    """Schema coordinates of what is new: types, then their fields, values and arguments."""
    for name, one in sorted(new.type_map.items()):
        known = old.type_map.get(name)
        if known is None:
            yield name
            continue
        yield from (f"{name}.{member}" for member in _members(one) if member not in _members(known))
        for member, field in getattr(one, "fields", {}).items():
            before = getattr(getattr(known, "fields", {}).get(member), "args", None)
            if before is not None:
                arguments = [argument for argument in field.args if argument not in before]
                yield from (f"{name}.{member}({argument}:)" for argument in arguments)


def _members(one: GraphQLNamedType) -> list[str]:
    return [*(one.values if isinstance(one, GraphQLEnumType) else getattr(one, "fields", {}))]


def main() -> None:
    """Write the files."""
    SDL_FILE.write_text(schema_text(), "utf-8")
    CHANGES_FILE.write_text(changes_text(), "utf-8")


if __name__ == "__main__":
    main()
