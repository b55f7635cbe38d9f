"""What every command of the command line needs: its common options and an open database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from bookgraph.cli.process import trust_system_certificates
from bookgraph.core.progress import ProgressPrinter
from bookgraph.core.settings import Settings

if TYPE_CHECKING:
    from bookgraph.graph import Store

EXIT_INTERRUPTED = 130

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


@contextmanager
def open_store(settings: Settings) -> Iterator[tuple[Store, ProgressPrinter]]:
    """Open the database that the settings name, with progress shown on stderr meanwhile."""
    from bookgraph.graph import connect  # noqa: PLC0415  # keeps `--help` fast

    trust_system_certificates()
    with ProgressPrinter() as progress, connect(settings, on_progress=progress) as store:
        yield store, progress
