"""`bookgraph neo4j`: start, stop and inspect the local Neo4j."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from bookgraph.cli.common import AsJson
from bookgraph.cli.render import print_json, say
from bookgraph.core.errors import UsageError
from bookgraph.core.processes import command_of, find_clients, parent_of
from bookgraph.core.progress import ProgressPrinter
from bookgraph.core.settings import Settings, load_settings

if TYPE_CHECKING:
    from bookgraph.graph.server.local import ServerStatus

app = typer.Typer(help="Start, stop and inspect the local Neo4j.", no_args_is_help=True)


@app.command()
def start(as_json: AsJson = False) -> None:
    """Start the local Neo4j. The first start downloads it (170 MB)."""
    from bookgraph.graph import LocalServer  # noqa: PLC0415  # loads the driver

    settings = _local_settings()
    with ProgressPrinter() as progress:
        status = LocalServer(settings).start(on_progress=progress)
    _print_status(status, as_json=as_json)


@app.command()
def stop() -> None:
    """Stop the local Neo4j. Its data stays. Warns of commands that use it."""
    from bookgraph.graph import LocalServer  # noqa: PLC0415  # loads the driver

    server = LocalServer(_local_settings())
    _warn_of_clients(server.status())
    was_running = server.stop()
    say("Stopped Neo4j." if was_running else "Neo4j was not running.")


def _warn_of_clients(status: ServerStatus) -> None:
    """Name the processes of bookgraph that cannot go on without this Neo4j."""
    if not status.is_running:
        return
    clients = find_clients(int(status.bolt_uri.rpartition(":")[2]))
    # The worker processes of a server have no name of their own.
    for pid in sorted({pid for one in clients for pid in (one, parent_of(one))}):
        words = " ".join(command_of(pid)[1:])
        if "bookgraph" not in words:
            continue
        if " serve" in words:
            sys.stderr.write(
                f"Warning: `bookgraph serve` (process {pid}) uses this Neo4j and cannot answer "
                "without it. Stop it with `bookgraph serve --stop` or Ctrl-C, or start Neo4j again "
                "with `bookgraph neo4j start`.\n"
            )
        else:
            sys.stderr.write(f"Warning: process {pid} uses this Neo4j: {words[:100]}\n")


@app.command()
def prepare() -> None:
    """Create Java caches that halve the time of every later start of the local Neo4j.

    This takes a minute and 250 MB in the cache folder. The graph and a running server do not
    change.
    """
    from bookgraph.graph.prepare import make_aot_caches  # noqa: PLC0415  # loads the driver

    settings = _local_settings()
    with ProgressPrinter() as progress:
        files = make_aot_caches(settings, on_progress=progress)
    size_mb = sum(file.stat().st_size for file in files) / 1e6
    say(
        f"Prepared: the caches take {size_mb:,.0f} MB in {files[0].parent} and are safe to delete. "
        "The next start of Neo4j uses them."
    )


@app.command()
def repair(as_json: AsJson = False) -> None:
    """Repair a local Neo4j that cannot open the graph's files, and start it.

    Neo4j recovers a copy of the files and checks it. If that fails, the graph is empty afterwards.
    The damaged files are kept in either case. A Neo4j that starts is not changed.
    """
    from bookgraph.graph import LocalServer  # noqa: PLC0415  # loads the driver
    from bookgraph.graph.server.repair import repair_store  # noqa: PLC0415  # loads the driver

    with ProgressPrinter() as progress:
        report = repair_store(LocalServer(_local_settings()), on_progress=progress)
    if as_json:
        print_json(asdict(report))
        return
    if report.kept_in is None and report.is_recovered:
        say("Neo4j runs. There was nothing to repair.")
        return
    if report.is_recovered:
        say("Neo4j runs again, and the graph is back. Compare it with what you expect.")
    else:
        say("Neo4j runs again with an empty graph. Load it again with `bookgraph ingest FILE`.")
    if report.kept_in is not None:
        say(f"The damaged files are kept in {report.kept_in}. Delete them when all is well.")


@app.command("reset-password")
def reset() -> None:
    """Give the local Neo4j a new password if its password file is lost. The graph stays.

    For some seconds Neo4j runs without a login, on a random port that only this machine reaches.
    """
    from bookgraph.graph import LocalServer  # noqa: PLC0415  # loads the driver
    from bookgraph.graph.server.repair import reset_password  # noqa: PLC0415  # loads the driver

    server = LocalServer(_local_settings())
    with ProgressPrinter() as progress:
        reset_password(server, on_progress=progress)
    say(f"The new password is in {server.status().home / 'password'}. Neo4j runs with it.")


@app.command("status")
def show_status(as_json: AsJson = False) -> None:
    """Print whether the local Neo4j is running, and its addresses. Exits with 1 if it is not."""
    from bookgraph.graph import LocalServer  # noqa: PLC0415  # loads the driver

    status = LocalServer(_local_settings()).status()
    _print_status(status, as_json=as_json)
    if not status.is_running:
        sys.exit(1)


@app.command()
def url() -> None:
    """Print the local Neo4j's addresses, user name and password."""
    from bookgraph.graph import LocalServer  # noqa: PLC0415  # loads the driver

    server = LocalServer(_local_settings())
    status = server.status()
    say(
        f"Neo4j Browser: {status.http_url}/browser/\nBolt: {status.bolt_uri}\nUser: neo4j\n"
        f"Password: {server.password}"
    )


def _local_settings() -> Settings:
    settings = load_settings()
    if settings.is_remote:
        raise UsageError(
            f"bookgraph uses the Neo4j at NEO4J_URI={settings.neo4j_uri} and manages no local "
            "one. Unset NEO4J_URI to use the local Neo4j."
        )
    return settings


def _print_status(status: ServerStatus, *, as_json: bool) -> None:
    if as_json:
        print_json(asdict(status))
        return
    if status.is_running:
        say(f"Neo4j {status.version} is running (process {status.pid}).")
        say(f"Bolt: {status.bolt_uri}\nBrowser: {status.http_url}/browser/")
    else:
        say(f"Neo4j {status.version} is not running.")
    say(f"Home: {status.home}\nLog: {status.log_file}")
