"""`bookgraph migrate`: brings the graph of an earlier release to the schema of this one."""

from __future__ import annotations

import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bookgraph.cli.backup import save
from bookgraph.cli.common import AsJson, open_store
from bookgraph.cli.render import print_json, say
from bookgraph.core.files import translated_write_errors
from bookgraph.core.settings import Settings, load_settings

if TYPE_CHECKING:
    from bookgraph.graph.write.migrate import Migration


def migrate(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be done, and change nothing.")
    ] = False,
    no_backup: Annotated[bool, typer.Option("--no-backup", help="Make no backup first.")] = False,
    as_json: AsJson = False,
) -> None:
    """Bring the graph of an earlier release to the schema of this one.

    A backup is made first, in the folder backups of BOOKGRAPH_HOME. Servers go on answering.
    """
    from bookgraph.graph.backup.folder import new_path  # noqa: PLC0415  # loads the driver
    from bookgraph.graph.write.migrate import migrate as migrate_graph  # noqa: PLC0415
    from bookgraph.graph.write.migrate import plan_migration  # noqa: PLC0415

    settings = load_settings()
    with open_store(settings, is_any_schema_allowed=True) as (store, progress):
        todo = plan_migration(store)
        if todo.is_needed and not dry_run:
            if not no_backup:
                path = new_path(_backups_folder(settings), datetime.now(UTC))
                save(store, path, settings, progress)
                sys.stderr.write(f"Saved the graph in {path}.\n")
            migrate_graph(store, on_progress=progress)
    if as_json:
        print_json({**asdict(todo), "is_dry_run": dry_run})
    else:
        _print(todo, is_dry_run=dry_run)


def _backups_folder(settings: Settings) -> Path:
    folder = settings.home / "backups"
    with translated_write_errors(folder):
        folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _print(todo: Migration, *, is_dry_run: bool) -> None:
    if not todo.is_needed:
        say(f"The graph has the schema of this release ({todo.to_version}). Nothing to do.")
        return
    verb = "Would do" if is_dry_run else "Done"
    for step in todo.steps:
        say(f"{verb}: step {step.number}. {step.text}")
    if todo.indexes:
        say(f"{verb}: build these indexes anew: {', '.join(todo.indexes)}.")
    if not is_dry_run:
        say(f"The graph has the schema {todo.to_version} now.")
