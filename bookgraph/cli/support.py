"""`bookgraph support-bundle`: what a maintainer needs to see, without secrets and without data."""

from __future__ import annotations

import io
import json
import platform
import sys
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from importlib.metadata import distributions
from pathlib import Path
from typing import Annotated, Any

import typer

from bookgraph import __version__
from bookgraph.cli.checks import run_checks
from bookgraph.cli.common import AsJson
from bookgraph.cli.render import print_json, say
from bookgraph.core.errors import BookgraphError, UsageError
from bookgraph.core.files import atomic_write, translated_write_errors
from bookgraph.core.masking import MASK, mask_secrets
from bookgraph.core.settings import Settings, load_settings, public_values, secret_values

_LOG_BYTES = 200_000
_LOGS = ("logs/*.log*", "neo4j/logs/*.log*", "neo4j/conf/neo4j.conf")
_PARTS: Mapping[str, str] = {
    "versions.json": "versions of bookgraph, Python, the system and the installed packages",
    "settings.json": "the settings; keys, passwords and users in URLs are masked",
    "doctor.json": "what `bookgraph doctor` finds",
    "graph.json": "numbers of nodes, edges and models, and the states of the indexes",
    "files.json": "names and sizes of the files in the data folder",
    "logs/": f"the last {_LOG_BYTES // 1000} kB of each log and Neo4j's configuration, masked",
}
_LEFT_OUT = "passwords, keys, tokens, titles, vectors, models, dumps, the store's files"


def support_bundle(
    file: Annotated[Path, typer.Argument(help="Zip file to write.")],
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write versions, masked settings, doctor's findings and the ends of logs into one file.

    It holds no passwords, keys, titles or vectors. Look through it before you send it.
    """
    if file.is_dir() or not file.parent.is_dir():
        raise UsageError(f"{file} cannot be a file. Pass a file name in an existing folder.")
    if file.exists() and not force:
        raise UsageError(
            f"{file} exists already. Pass --force to replace it, or choose another name."
        )
    settings = load_settings()
    secrets = [*secret_values(settings), *_stored_secrets(settings)]
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in _iter_parts(settings):
            archive.writestr(name, mask_secrets(text, secrets))
        names = archive.namelist()
    with (
        translated_write_errors(file.parent, setting=None),
        atomic_write(file, "wb", permissions=0o600) as out,
    ):
        out.write(buffer.getvalue())
    if as_json:
        print_json({"file": str(file), "parts": names, "left_out": _LEFT_OUT})
        return
    say(f"Wrote {file}. It holds:")
    for name, text in _PARTS.items():
        say(f"  {name}: {text}")
    say(f"It does not hold: {_LEFT_OUT}. Look through it before you send it.")


def _iter_parts(settings: Settings) -> Iterator[tuple[str, str]]:
    parts = "\n".join(f"{name}: {text}" for name, text in _PARTS.items())
    yield "README.txt", f"A support bundle of bookgraph.\n\n{parts}\n\nNot in it: {_LEFT_OUT}.\n"
    yield "versions.json", _json(_versions())
    yield "settings.json", _json(public_values(settings))
    yield "doctor.json", _json([asdict(check) for check in run_checks(settings)])
    yield "graph.json", _json(_graph(settings))
    yield "files.json", _json(_files(settings.home))
    for path in _logs(settings.home):
        name = path.relative_to(settings.home).as_posix().replace("/", "-")
        yield f"logs/{name}", _end_of(path)


def _versions() -> dict[str, Any]:
    packages = {one.name: one.version for one in distributions() if one.name}
    return {
        "bookgraph": __version__,
        "python": sys.version,
        "system": platform.platform(),
        "packages": dict(sorted(packages.items(), key=lambda one: one[0].lower())),
    }


def _graph(settings: Settings) -> dict[str, Any]:
    """Numbers only, and only of a database that runs already."""
    from bookgraph.graph import LocalServer, connect  # noqa: PLC0415  # loads the driver
    from bookgraph.graph.backup.state import count  # noqa: PLC0415  # loads the driver
    from bookgraph.graph.write.indexes import list_indexes  # noqa: PLC0415  # loads the driver

    if not settings.is_remote and not LocalServer(settings).status().is_running:
        return {"state": "Neo4j is not running"}
    try:
        with connect(settings) as store:
            counts = count(store)
            return {**asdict(counts), "indexes": list_indexes(store)}
    except BookgraphError as error:
        return {"state": str(error)}


def _files(home: Path) -> dict[str, int]:
    """Files by path and bytes. The names of dumps and exports are the user's own, so not those."""
    found = {}
    for path in sorted(home.rglob("*")):
        place = path.relative_to(home)
        if path.is_file() and not path.is_symlink() and place.parts[0] not in {"dumps", "spools"}:
            found[place.as_posix()] = path.stat().st_size
    return found


def _logs(home: Path) -> list[Path]:
    found = {path for pattern in _LOGS for path in home.glob(pattern)}
    # A link could lead to any file of the machine. Query logs have titles among their parameters.
    return sorted(
        path
        for path in found
        if path.is_file() and not path.is_symlink() and not path.name.startswith("query.log")
    )


def _end_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _LOG_BYTES))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return MASK
    # Half of a line could be half of a secret, which would not be recognised.
    return text if path.stat().st_size <= _LOG_BYTES else text.partition("\n")[2]


def _stored_secrets(settings: Settings) -> list[str]:
    try:
        return [(settings.neo4j_home / "password").read_text("utf-8").strip()]
    except OSError:
        return []


def _json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)
