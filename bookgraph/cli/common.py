"""What several commands need: shared options, an open database, the checkout."""

from __future__ import annotations

import logging
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bookgraph.core.progress import ProgressPrinter
from bookgraph.core.settings import Settings, describe_env_file

if TYPE_CHECKING:
    from bookgraph.graph import Store

logger = logging.getLogger(__name__)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@contextmanager
def open_store(
    settings: Settings,
    *,
    is_new_allowed: bool = False,
    is_any_schema_allowed: bool = False,
    checks_model: bool = False,
) -> Iterator[tuple[Store, ProgressPrinter]]:
    """Connect to the database in the settings, starting the local Neo4j if none is named.

    Args:
        settings: where the database is.
        is_new_allowed: whether a local Neo4j is made where there is none yet. Commands that need
            data say that there are none, without a download.
        is_any_schema_allowed: whether the graph may be of another release.
        checks_model: after the block, say on stderr if the current model does not fit the graph.

    Yields:
        The database, and a callback that shows progress on stderr.
    """
    from bookgraph.graph import connect  # noqa: PLC0415  # loads the driver

    with (
        ProgressPrinter() as progress,
        connect(
            settings,
            is_new_allowed=is_new_allowed,
            is_any_schema_allowed=is_any_schema_allowed,
            on_progress=progress,
        ) as store,
    ):
        yield store, progress
        if checks_model:
            warn_of_model(store)


def warn_of_model(store: Store) -> None:
    """Say on stderr if the current model does not fit the graph."""
    from bookgraph.graph import read_model_fit  # noqa: PLC0415  # loads the driver

    problem = read_model_fit(store).problem
    if problem is not None:
        sys.stderr.write(f"{problem}\n")


def announce_env_file() -> None:
    """Say which settings come from `.env`: another user may have left one in this folder."""
    used = describe_env_file()
    if used:
        # Not a warning, but said without `--debug` too, and as JSON where the log is JSON.
        logger.warning(used)


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
