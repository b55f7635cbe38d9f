"""The committed schema `api/schema.graphql`; `python -m api.sdl` writes it anew."""

from __future__ import annotations

from pathlib import Path

from graphql import print_schema

from api.schema import build_schema

SDL_FILE = Path(__file__).parent / "schema.graphql"


def schema_text() -> str:
    """The schema that the server serves, as text."""
    return print_schema(build_schema()) + "\n"


if __name__ == "__main__":
    SDL_FILE.write_text(schema_text(), "utf-8")
