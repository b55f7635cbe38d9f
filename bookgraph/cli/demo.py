"""`bookgraph demo`: from the sample to a running explorer in one command."""

from __future__ import annotations

import json
import logging
import shlex
import sys
from pathlib import Path

from bookgraph.cli.common import find_checkout, open_store, program
from bookgraph.cli.ingest import print_counts
from bookgraph.cli.map import print_map
from bookgraph.cli.process import interrupted_exit_code
from bookgraph.cli.render import say
from bookgraph.cli.serve import check_options
from bookgraph.cli.similar import print_similar
from bookgraph.cli.train import print_training, train_and_write
from bookgraph.core.errors import PortTakenError
from bookgraph.core.progress import ProgressPrinter
from bookgraph.core.settings import Settings, load_settings

SAMPLE = Path(__file__).parents[1] / "samples" / "classics.ndjson"
TITLE = "War and Peace"

logger = logging.getLogger(__name__)


def demo() -> None:
    """Load a sample of 1,310 well-known books, train, find similar books, and serve the result.

    The first run downloads Neo4j (170 MB). The graph's other books are deleted: the sample
    replaces them. The local Neo4j and the server keep running in the background.
    """
    from bookgraph.embed import LayoutConfig, TrainConfig  # noqa: PLC0415  # slow to import
    from bookgraph.embed.maps.pipeline import map_graph  # noqa: PLC0415  # slow to import
    from bookgraph.graph import LocalServer, nearest_books  # noqa: PLC0415  # slow to import
    from bookgraph.ingest import CleaningOptions, ingest_files  # noqa: PLC0415  # slow to import

    settings = load_settings()
    check_options(settings)
    with open_store(settings, is_new_allowed=True) as (store, progress):
        report = ingest_files([SAMPLE], store, options=CleaningOptions(), on_progress=progress)
    print_counts(report)
    trained = train_and_write(settings, TrainConfig())
    print_training(trained)
    if not trained.is_complete:
        sys.exit(interrupted_exit_code())
    with open_store(settings, is_new_allowed=True) as (store, progress):
        mapped = map_graph(store, LayoutConfig(), on_progress=progress)
        neighbours = nearest_books(store, [TITLE], num=5)
        url = _serve(settings, progress)
    print_map(mapped)
    print_similar([TITLE], neighbours)
    browser_url = "" if settings.is_remote else LocalServer(settings).status().http_url
    _print_addresses(url, browser_url, settings)


def _serve(settings: Settings, progress: ProgressPrinter) -> str:
    """Serve in the background. If the default port is taken, use a free one."""
    from bookgraph.api import BackgroundServer  # noqa: PLC0415  # slow to import

    server = BackgroundServer(settings.home)
    try:
        return server.start(host=settings.host, port=settings.port, on_progress=progress)
    except PortTakenError:
        if "port" in settings.model_fields_set:
            raise
        logger.warning("Another program uses port %d. Using a free port instead.", settings.port)
        return server.start(host=settings.host, port=0, on_progress=progress)


def _print_addresses(url: str, browser_url: str, settings: Settings) -> None:
    """Print where to see the result, how to query it, and how to stop it."""
    query = (
        f'{{ similarBooks(like: ["{TITLE}"], first: 5) {{ edges {{ score node {{ title }} }} }} }}'
    )
    body = json.dumps({"query": query})
    say(f"\nExplorer:      {url}/")
    say(f"GraphQL:       {url}/graphql")
    if browser_url:
        say(f"Neo4j Browser: {browser_url}/browser/ (`{program()} neo4j url` prints the password)")
        # Neo4j's Content-Security-Policy permits guides from `localhost`, but not from 127.0.0.1.
        guide = url.replace("127.0.0.1", "localhost").replace("[::1]", "localhost")
        say(f"Its guide:     {browser_url}/browser/?cmd=play&arg={guide}/neo4j/guide.html")
    say("\nTry a query:")
    # A shell would take the brackets of an IPv6 address as a pattern.
    say(f"curl -s {shlex.quote(f'{url}/graphql')} -H 'Content-Type: application/json' -d '{body}'")
    say(f"\nThe data is in {settings.home}. The servers keep running. Stop them: {_stop_command()}")


def _stop_command() -> str:
    if find_checkout() == Path.cwd():
        return "make stop"
    return f"{program()} serve --stop && {program()} neo4j stop"
