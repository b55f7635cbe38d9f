"""`bookgraph serve`: the GraphQL API and the explorer."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Annotated

import typer

from bookgraph.cli.common import announce_env_file, open_store, warn_of_model
from bookgraph.cli.options import settings_option
from bookgraph.cli.process import end_gently_on_hangup, tune_garbage_collector, was_interrupted
from bookgraph.cli.render import say
from bookgraph.core.processes import local_url
from bookgraph.core.progress import ProgressPrinter
from bookgraph.core.settings import Settings, export_settings, load_settings

if TYPE_CHECKING:
    from bookgraph.api import ServerOptions

logger = logging.getLogger(__name__)


def serve(
    host: Annotated[str | None, settings_option("host", metavar="ADDRESS")] = None,
    port: Annotated[str | None, settings_option("port", metavar="INTEGER")] = None,
    workers: Annotated[str | None, settings_option("workers", metavar="INTEGER")] = None,
    public: Annotated[
        bool,
        typer.Option("--public", help="Let everybody who reaches the server read, without a key."),
    ] = False,
    background: Annotated[
        bool,
        typer.Option("--background", help="Start the server, wait until it is ready, and return."),
    ] = False,
    stop: Annotated[
        bool, typer.Option("--stop", help="Stop the server that runs in the background.")
    ] = False,
) -> None:
    """Serve GraphQL at /graphql and the explorer at /.

    Serve until shut down; requests in flight finish first.
    """
    from bookgraph.api import BackgroundServer  # noqa: PLC0415  # slow to import
    from bookgraph.api.ops.logs import configure_logs  # noqa: PLC0415  # slow to import

    options = {"host": host, "port": port, "workers": workers}
    given: dict[str, object] = {name: value for name, value in options.items() if value is not None}
    if public:
        given["public"] = True
    settings = load_settings(**given)
    if settings.log_json and not background:
        configure_logs(is_json=True)
    announce_env_file()
    server = BackgroundServer(settings.home)
    if stop:
        was_running = server.stop()
        say("Stopped the server." if was_running else "No server runs in the background.")
        return
    # The worker processes and the background server load their own settings.
    export_settings(given)
    if background:
        check_options(settings)
        with ProgressPrinter() as progress:
            url = server.start(host=settings.host, port=settings.port, on_progress=progress)
        say(f"GraphQL: {url}/graphql\nExplorer: {url}/\nStop: bookgraph serve --stop")
    else:
        _serve_here(settings)


def check_options(settings: Settings) -> ServerOptions:
    """The options of a server, before anything starts. Warns if everybody can read.

    Raises:
        UsageError: a host name is none, or production mode has no keys and is not public.
    """
    from bookgraph.api import ServerOptions  # noqa: PLC0415  # slow to import
    from bookgraph.api.options import find_exposure  # noqa: PLC0415  # slow to import

    warning = find_exposure(settings)
    if warning:
        logger.warning(warning)
    return ServerOptions.from_settings(settings)


def _serve_here(settings: Settings) -> None:
    from bookgraph.api import serve as serve_forever  # noqa: PLC0415  # slow to import
    from bookgraph.api import serve_workers  # noqa: PLC0415  # slow to import
    from bookgraph.api.ops.background import choose_port  # noqa: PLC0415  # slow to import
    from bookgraph.cli.worker import ENTRY_POINT  # noqa: PLC0415  # slow to import

    port = choose_port(settings.host, settings.port)
    url = local_url(settings.host, port)
    options = check_options(settings)
    with open_store(settings, is_new_allowed=True) as (store, _):
        say(f"GraphQL: {url}/graphql\nExplorer: {url}/")
        warn_of_model(store)
        if settings.workers == 1:
            end_gently_on_hangup()
            serve_forever(
                store,
                host=settings.host,
                port=port,
                options=options,
                on_ready=tune_garbage_collector,
            )
            if was_interrupted():
                raise KeyboardInterrupt  # uvicorn keeps it to itself
    if settings.workers > 1:
        # Each worker opens its own connection. The one above only checked that Neo4j answers.
        serve_workers(settings, port=port, entry_point=ENTRY_POINT)
