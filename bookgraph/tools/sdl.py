"""Writes the schema that the server serves to `api/schema.graphql`.

Run it after a change of the schema: `python -m bookgraph.tools.sdl`.
"""

from __future__ import annotations

from pathlib import Path

from graphql import print_schema

from bookgraph import api
from bookgraph.api.schema.build import build_schema

SDL_FILE = Path(api.__file__).with_name("schema.graphql")


def schema_text() -> str:
    """The schema in GraphQL's schema definition language."""
    return print_schema(build_schema()) + "\n"


def main() -> None:
    """Write the file."""
    SDL_FILE.write_text(schema_text(), "utf-8")


if __name__ == "__main__":
    main()
