"""`bookgraph backup` and `bookgraph restore`: graph, models and settings in one file."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bookgraph.cli.checks import LAST_BACKUP
from bookgraph.cli.common import AsJson, confirm, open_store
from bookgraph.cli.options import whole_number
from bookgraph.cli.render import counted, print_json, say
from bookgraph.core.errors import UsageError
from bookgraph.core.files import atomic_write, format_bytes, translated_write_errors
from bookgraph.core.settings import Settings, load_settings, public_values

if TYPE_CHECKING:
    from bookgraph.core.progress import OnProgress
    from bookgraph.graph import Store
    from bookgraph.graph.backup.container import BackupReader
    from bookgraph.graph.backup.save import BackupReport


def backup(
    file: Annotated[
        Path,
        typer.Argument(help="File to write, or a folder: then the file is named after the time."),
    ],
    keep: Annotated[
        int | None,
        whole_number(
            "--keep", text="Delete all but this many backups of the folder afterwards.", low=1
        ),
    ] = None,
    keep_days: Annotated[
        int | None,
        whole_number(
            "--keep-days", text="Delete backups of the folder older than this many days.", low=1
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write the graph, the models and the settings without secrets into one file.

    Servers keep serving. The file is readable by you alone. --keep and --keep-days delete only
    backups that bookgraph named itself, in this folder.
    """
    from bookgraph.graph.backup.folder import new_path, prune  # noqa: PLC0415  # loads the driver

    now = datetime.now(UTC)
    is_folder = file.is_dir()
    if not is_folder:
        _check_file(file, force=force, is_pruned=keep is not None or keep_days is not None)
    path = new_path(file, now) if is_folder else file
    settings = load_settings()
    with open_store(settings, is_any_schema_allowed=True) as (store, progress):
        report = save(store, path, settings, progress)
    deleted = []
    if keep is not None or keep_days is not None:
        deleted = prune(file, newest=path, num_kept=keep, num_days=keep_days, now=now)
    if as_json:
        print_json(_report_json(report, deleted))
    else:
        _print_report(report, deleted)


def save(store: Store, path: Path, settings: Settings, on_progress: OnProgress) -> BackupReport:
    """Write a backup, and note it for `bookgraph doctor`."""
    from bookgraph.graph.backup.save import write_backup  # noqa: PLC0415  # loads the driver

    report = write_backup(
        store,
        path,
        models=sorted(settings.models_dir.glob("*.npz")),
        settings=public_values(settings),
        on_progress=on_progress,
    )
    _remember(settings, report)
    return report


def restore(
    file: Annotated[Path, typer.Argument(help="File that `bookgraph backup` wrote.")],
    replace: Annotated[
        bool,
        typer.Option("--replace", help="Delete the graph that the database holds. Asks first."),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    check: Annotated[
        bool,
        typer.Option("--check", help="Check the file, print what it holds, and restore nothing."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make the database equal to a backup, and put the files of the models back.

    The whole file is checked before anything is changed. The database is empty, or --replace
    deletes its graph. Settings are printed by --check and never applied.
    """
    from bookgraph.graph.backup.container import open_backup  # noqa: PLC0415  # loads the driver
    from bookgraph.graph.backup.restore import (  # noqa: PLC0415  # loads the driver
        check_target,
        restore_backup,
    )
    from bookgraph.graph.backup.state import look  # noqa: PLC0415  # loads the driver
    from bookgraph.graph.write.migrate import plan_migration  # noqa: PLC0415  # loads the driver

    with open_backup(file) as source:
        if check:
            _print_check(source, as_json=as_json)
            return
        settings = load_settings()
        models_dir = settings.models_dir
        with open_store(settings, is_new_allowed=True, is_any_schema_allowed=True) as (
            store,
            progress,
        ):
            check_target(store, source, models_dir=models_dir, replace=replace)
            state = look(store)
            if state.is_ours and state.restoring is None and not yes:
                confirm(
                    f"Delete the graph at {store.address} with "
                    f"{counted(state.num_books, 'book')} and "
                    f"{counted(len(state.models), 'model')}, and restore {_describe(source)}?"
                )
            report = restore_backup(
                store, source, models_dir=models_dir, replace=replace, on_progress=progress
            )
            is_older = plan_migration(store).is_needed
        facts = {
            "nodes": source.manifest["nodes"],
            "edges": source.manifest["edges"],
            "revision": source.manifest["revision"],
            "model": source.manifest["model"],
            "models": [str(path) for path in report.models],
            "seconds": round(report.elapsed_s, 1),
        }
    if as_json:
        print_json(facts)
    else:
        say(
            f"Restored {counted(report.num_nodes, 'node')} and "
            f"{counted(report.num_edges, 'edge')} in {report.elapsed_s:.1f} s. "
            f"{counted(len(report.models), 'model file')} written to {models_dir}."
        )
    if is_older:
        sys.stderr.write("The backup is of an earlier release. Run `bookgraph migrate`.\n")


def _remember(settings: Settings, report: BackupReport) -> None:
    """Note the backup for `bookgraph doctor`."""
    settings.home.mkdir(parents=True, exist_ok=True)
    with translated_write_errors(settings.home), atomic_write(settings.home / LAST_BACKUP) as file:
        facts = {
            "file": str(report.path.absolute()),
            "at": report.manifest["created_at"],
            "revision": report.manifest["revision"],
        }
        json.dump(facts, file)


def _check_file(file: Path, *, force: bool, is_pruned: bool) -> None:
    if is_pruned:
        raise UsageError(
            f"--keep and --keep-days need a folder of backups, and {file} is not a folder. Pass "
            "an existing folder."
        )
    if not file.parent.is_dir():
        raise UsageError(f"Folder not found: {file.parent}. Create it, or choose another one.")
    if file.exists() and not force:
        raise UsageError(
            f"{file} exists already. Pass --force to replace it, or choose another name."
        )


def _report_json(report: BackupReport, deleted: list[Path]) -> dict[str, Any]:
    return {
        "file": str(report.path),
        "bytes": report.num_bytes,
        "seconds": round(report.elapsed_s, 1),
        "seconds_edits_waited": report.waited_s,
        **report.manifest,
        "deleted": [str(path) for path in deleted],
    }


def _print_report(report: BackupReport, deleted: list[Path]) -> None:
    say(
        f"Wrote {report.path} ({format_bytes(report.num_bytes)}) in {report.elapsed_s:.1f} s: "
        f"{_contents(report.manifest)}."
    )
    if report.waited_s:
        say(f"The graph was being edited. Edits had to wait for {report.waited_s:.1f} s at most.")
    left_out = report.manifest["left_out"]
    if left_out["nodes"]:
        say(
            f"Not in the backup: {counted(left_out['nodes'], 'node')} that bookgraph did not make, "
            f"and {counted(left_out['edges'], 'edge')} to or from them."
        )
    for path in deleted:
        say(f"Deleted {path}.")


def _print_check(source: BackupReader, *, as_json: bool) -> None:
    with source.open("settings.json") as part:
        settings = json.load(part)
    if as_json:
        print_json({**source.manifest, "settings": settings})
        return
    say(f"{source.path} is whole: {_describe(source)}. It holds {_contents(source.manifest)}.")
    say("Settings at the time of the backup:")
    for name, value in settings.items():
        say(f"  {name}={value}")


def _describe(source: BackupReader) -> str:
    manifest = source.manifest
    return f"the backup of {manifest['created_at']} by bookgraph {manifest['bookgraph']}"


def _contents(manifest: Mapping[str, Any]) -> str:
    models = [part for part in manifest["parts"] if part["name"].startswith("models/")]
    return (
        f"{counted(sum(manifest['nodes'].values()), 'node')}, "
        f"{counted(sum(manifest['edges'].values()), 'edge')}, "
        f"{counted(len(models), 'model file')}, at revision {manifest['revision']:,}"
    )
