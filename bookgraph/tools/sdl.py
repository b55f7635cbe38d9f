"""The committed schema `api/schema.graphql`; `python -m bookgraph.tools.sdl` writes it anew."""

from __future__ import annotations

from pathlib import Path

from graphql import print_schema

from bookgraph import api
from bookgraph.api.schema.build import build_schema

SDL_FILE = Path(api.__file__).with_name("schema.graphql")


def schema_text() -> str:
    """The schema that the server serves, as text."""
    return print_schema(build_schema()) + "\n"


if __name__ == "__main__":
    SDL_FILE.write_text(schema_text(), "utf-8")
