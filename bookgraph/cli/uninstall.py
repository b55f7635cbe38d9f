"""`bookgraph uninstall`: what bookgraph keeps on this machine, and its removal."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from bookgraph.cli.common import AsJson, confirm
from bookgraph.cli.render import print_json, say
from bookgraph.core.errors import BookgraphError, UsageError
from bookgraph.core.files import describe_os_error, format_bytes
from bookgraph.core.settings import Settings, load_settings

# What bookgraph makes, by the names that it gives. The data folder may be any folder, such as the
# user's own, where `models` or `logs` hold files of other programs.
_HOME = {
    "models": r"\.?[a-z0-9]+-\d+d-[0-9a-f]{12}\b.*",
    "dumps": r"[a-z_]+wiki[a-z]*",
    "spools": r"[0-9a-f]{16}-.+|pipe-\d+-\d+",
    "backups": r"bookgraph-\d{8}T\d{6}Z(-\d+)?\.zip",
    "run": r"workers-\d+",
    "logs": r"serve\.log(\.\d+)?",
    "": r"serve\.json|last-backup\.json|\.(serve|last-backup)\.json\..+\.part",
}
_CACHE = {"aot": r"(server|admin)-[0-9a-f]{16}\.aot|training(\.lock)?"}


@dataclass(frozen=True, slots=True)
class _Item:
    """A file or folder that bookgraph made.

    Attributes:
        path: where it is.
        num_bytes: its size; links inside count as nothing.
    """

    path: Path
    num_bytes: int


def uninstall(
    data: Annotated[
        bool, typer.Option("--data", help="Remove what is listed. Asks first.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """List what bookgraph keeps on this machine, with sizes; --data removes it.

    Only files and folders that bookgraph makes are removed; others in the data folder and in the
    cache folder stay, and links are not followed. A database at NEO4J_URI is not touched.
    """
    settings = load_settings()
    items = _find(settings)
    if data and items:
        _refuse_running(settings)
        if not yes:
            _say_items(items)
            size = format_bytes(sum(item.num_bytes for item in items))
            confirm(f"Remove these {len(items)} files and folders ({size})? This cannot be undone.")
        for item in items:
            _remove(item.path)
        for root, names in (
            (settings.home, _HOME),
            (settings.cache, {**_CACHE, "jars": "", "": ""}),
        ):
            for folder in names:
                _remove_empty(root / folder)
    if as_json:
        listed = [{"path": str(item.path), "bytes": item.num_bytes} for item in items]
        print_json({"is_removed": data, "items": listed})
        return
    if not items:
        say(f"bookgraph keeps nothing in {settings.home} and {settings.cache}.")
    elif data:
        say(f"Removed {format_bytes(sum(item.num_bytes for item in items))}.")
    else:
        _say_items(items)
        say("Remove all of it: bookgraph uninstall --data")
    say(f"Remove the program itself: {sys.executable} -m pip uninstall bookgraph")


def _find(settings: Settings) -> list[_Item]:
    from bookgraph.graph.jars.lock import load_lock  # noqa: PLC0415  # loads the driver

    jars = {
        jar.file_name for section in ("neo4j", "graphiql") for jar in load_lock(section=section)
    }
    found = [path for path in [settings.neo4j_home] if _is_neo4j_home(path)]
    for root, names in ((settings.home, _HOME), (settings.cache, _CACHE)):
        for folder, name in names.items():
            found += _children(root / folder, re.compile(name).fullmatch)
    found += _children(settings.cache / "jars", lambda one: one in jars or one == ".lock")
    return [_Item(path, _size(path)) for path in found]


def _is_neo4j_home(path: Path) -> bool:
    """Whether it is a local Neo4j that bookgraph made, and not one of the user's own."""
    return path.is_dir() and not path.is_symlink() and (path / "start.lock").is_file()


def _children(folder: Path, is_ours: Callable[[str], object]) -> list[Path]:
    if folder.is_symlink() or not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if is_ours(path.name) and not path.is_symlink())


def _size(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(one.lstat().st_size for one in files if one.is_file() and not one.is_symlink())


def _refuse_running(settings: Settings) -> None:
    from bookgraph.api import BackgroundServer  # noqa: PLC0415  # slow to import
    from bookgraph.graph import LocalServer  # noqa: PLC0415  # loads the driver

    commands = []
    if BackgroundServer(settings.home).url is not None:
        commands.append("bookgraph serve --stop")
    if LocalServer(settings).status().is_running:
        commands.append("bookgraph neo4j stop")
    if commands:
        raise UsageError(
            "Servers that use this data are running. Nothing was removed. Stop them first: "
            + " && ".join(commands)
        )


def _remove(path: Path) -> None:
    try:
        if path.is_dir():
            # Removes links themselves, never what they lead to.
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise BookgraphError(
            f"Cannot remove {path}: {describe_os_error(error)}. What came before it is gone. Make "
            "it writable, or remove it yourself, then run the command again."
        ) from error


def _remove_empty(folder: Path) -> None:
    """Remove the folder itself where nothing is left in it."""
    if folder.is_dir() and not folder.is_symlink() and not any(folder.iterdir()):
        folder.rmdir()


def _say_items(items: list[_Item]) -> None:
    for item in items:
        say(f"{format_bytes(item.num_bytes):>10}  {item.path}")
