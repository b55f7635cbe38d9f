"""`bookgraph neo4j`: start, stop and look at the local Neo4j."""

from __future__ import annotations

import sys
from dataclasses import asdict

import typer

from bookgraph.cli import render as text
from bookgraph.cli.common import AsJson
from bookgraph.cli.process import trust_system_certificates
from bookgraph.core.errors import UsageError
from bookgraph.core.progress import ProgressPrinter
from bookgraph.core.settings import Settings, load_settings

app = typer.Typer(help="The local Neo4j that bookgraph runs by itself.", no_args_is_help=True)


@app.command()
def start(as_json: AsJson = False) -> None:
    """Fetch what is missing and start the local Neo4j; at once when it runs already."""
    from bookgraph.graph import LocalServer  # noqa: PLC0415  # keeps `--help` fast

    settings = _local_settings()
    trust_system_certificates()
    with ProgressPrinter() as progress:
        status = LocalServer(settings).start(on_progress=progress)
    text.print_status(asdict(status), as_json=as_json)


@app.command()
def stop() -> None:
    """Stop the local Neo4j; its data stay."""
    from bookgraph.graph import LocalServer  # noqa: PLC0415  # keeps `--help` fast

    was_running = LocalServer(_local_settings()).stop()
    text.say("Neo4j is stopped." if was_running else "Neo4j was not running.")


@app.command()
def prepare() -> None:
    """Make Java's caches once, so that every later start of Neo4j takes half the time.

    That takes a minute and 250 MB in the cache folder; your graph and server are not touched.
    """
    from bookgraph.graph.prepare import make_aot_caches  # noqa: PLC0415  # keeps `--help` fast

    trust_system_certificates()
    with ProgressPrinter() as progress:
        files = make_aot_caches(_local_settings(), on_progress=progress)
    size_mb = sum(file.stat().st_size for file in files) / 1e6
    text.say(
        f"Prepared: {size_mb:,.0f} MB in {files[0].parent}, safe to delete. The next start of "
        "Neo4j uses them."
    )


@app.command("status")
def show_status(as_json: AsJson = False) -> None:
    """Say whether the local Neo4j runs, and where. Exits with 1 when it does not."""
    from bookgraph.graph import LocalServer  # noqa: PLC0415  # keeps `--help` fast

    status = LocalServer(_local_settings()).status()
    text.print_status(asdict(status), as_json=as_json)
    if not status.is_running:
        sys.exit(1)


@app.command()
def url() -> None:
    """Print how to reach the local Neo4j: Browser, Bolt, user and password."""
    from bookgraph.graph import LocalServer  # noqa: PLC0415  # keeps `--help` fast

    server = LocalServer(_local_settings())
    status = server.status()
    text.say(
        f"Neo4j Browser: {status.http_url}/browser/\nBolt: {status.bolt_uri}\nUser: neo4j\n"
        f"Password: {server.password}"
    )


def _local_settings() -> Settings:
    settings = load_settings()
    if settings.is_remote:
        raise UsageError(
            f"NEO4J_URI={settings.neo4j_uri} is set, so that server is used and there is no local "
            "one to manage. Unset NEO4J_URI first."
        )
    return settings
