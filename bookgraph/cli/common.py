"""What several commands need: shared options, an open database, the checkout."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bookgraph.core.errors import BookgraphError, UsageError
from bookgraph.core.progress import ProgressPrinter
from bookgraph.core.settings import Settings

if TYPE_CHECKING:
    from bookgraph.graph import Store

EXIT_INTERRUPTED = 130

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@contextmanager
def open_store(settings: Settings) -> Iterator[tuple[Store, ProgressPrinter]]:
    """Connect to the database in the settings, starting the local Neo4j if none is named.

    Yields:
        The database, and a callback that shows progress on stderr.
    """
    from bookgraph.graph import connect  # noqa: PLC0415  # loads the driver

    with ProgressPrinter() as progress, connect(settings, on_progress=progress) as store:
        yield store, progress


def confirm(question: str) -> None:
    """Ask before something is deleted.

    Raises:
        UsageError: there is no terminal to ask at.
        BookgraphError: the answer is no.
    """
    if not sys.stdin.isatty():
        raise UsageError(f"{question} Pass --yes to confirm, as there is no terminal to ask at.")
    if not typer.confirm(question, err=True):
        raise BookgraphError("Nothing was changed.")


def find_checkout() -> Path | None:
    """The root of the checkout that this code runs from, or None for an installed package."""
    root = Path(__file__).resolve().parents[2]
    return root if (root / "Makefile").is_file() else None


def program() -> str:
    """How to call this program from the current folder: by name, or by path if not on PATH."""
    if shutil.which("bookgraph"):
        return "bookgraph"
    path = Path(sys.argv[0]).absolute()
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
