"""The HTTP server: `/graphql`, the explorer at `/`, `/healthz`, `/readyz`, `/metrics`."""

from __future__ import annotations

import gc
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import uvicorn
from ariadne.asgi import GraphQL
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from bookgraph.api.execute.errors import format_error
from bookgraph.api.http.console import console_routes
from bookgraph.api.http.guard import Guard
from bookgraph.api.http.handler import Handler
from bookgraph.api.http.neo4j_files import neo4j_routes
from bookgraph.api.http.requests import PREFLIGHT_HEADERS
from bookgraph.api.ops.changes import ChangeFeed
from bookgraph.api.ops.metrics import Metrics
from bookgraph.api.ops.tracing import TracedApp, TracedStore, start_tracing
from bookgraph.api.options import LOOPBACK, ServerOptions
from bookgraph.api.schema.build import build_schema
from bookgraph.api.schema.subscription import SocketHandler
from bookgraph.core.errors import BookgraphError
from bookgraph.graph.query.overview import read_stamp
from bookgraph.graph.store import Store

Endpoint = Callable[[Request], Awaitable[Response]]

logger = logging.getLogger(__name__)

_GC_THRESHOLD = 50_000

_EXPLORER_DIR = Path(__file__).parent / "explorer"
_SECURITY_HEADERS = {
    # The page loads nothing that is not ours, and no other page can frame it.
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
GRACE_S = 10
"""Seconds that a server which is told to end takes for what is asked already."""


class _ExplorerFiles(StaticFiles):
    """The explorer's files with the headers that keep the page to itself."""

    async def get_response(self, path: str, scope: object) -> Response:
        response = await super().get_response(path, scope)  # type: ignore[arg-type]  # starlette's own
        response.headers.update(_SECURITY_HEADERS)
        return response


def build_app(store: Store, options: ServerOptions | None = None) -> ASGIApp:
    """Build the application.

    Args:
        store: asked by every request; the caller closes it when the server has ended.
        options: keys, limits, production mode; open and with the default limits without.
    """
    options = options or ServerOptions()
    tracer = start_tracing() if options.is_traced else None
    if tracer:
        store = cast("Store", TracedStore(store, tracer))
    schema = build_schema()
    metrics = Metrics(options.shared_dir)
    handler = Handler(schema, store, options)
    changes = ChangeFeed(store)
    graphql = GraphQL(
        schema,
        context_value=lambda *_: {"changes": changes},
        http_handler=handler,
        websocket_handler=SocketHandler(handler.documents, options),
        error_formatter=format_error,
        introspection=not options.is_production,
        logger=_silent_logger(),
    )
    routes = [
        Route("/healthz", _healthz),
        Route("/readyz", _readyz_of(store)),
        Route("/metrics", _metrics_of(metrics)),
        Route("/graphql", graphql),
        WebSocketRoute("/graphql", graphql),
        *neo4j_routes(),
        *(console_routes(options.cache) if options.cache and not options.is_production else ()),
        Mount("/", _ExplorerFiles(directory=_EXPLORER_DIR, html=True)),
    ]

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        _calm_garbage_collector()
        yield
        metrics.close()

    inner = Starlette(routes=routes, lifespan=lifespan)
    app: ASGIApp = GZipMiddleware(inner, minimum_size=1_000, compresslevel=5)
    if options.cors_origins:
        app = CORSMiddleware(
            app,
            allow_origins=options.cors_origins,
            allow_methods=("GET", "POST"),
            allow_headers=("Authorization", "Content-Type", *PREFLIGHT_HEADERS),
            expose_headers=("ETag", "Retry-After", "X-Request-Id"),
            max_age=600,
        )
    guarded = Guard(app, options, metrics)
    return TracedApp(guarded, tracer) if tracer else guarded


def _silent_logger() -> logging.Logger:
    # `format_error` logs what an operator should know; ariadne's would log every typing error of a
    # client with its stack.
    silent = logging.getLogger("bookgraph.ariadne")
    silent.addHandler(logging.NullHandler())
    silent.propagate = False
    return silent


async def _healthz(request: Request) -> Response:
    """Whether the process answers."""
    return JSONResponse({"status": "ok"})


def _readyz_of(store: Store) -> Endpoint:
    async def readyz(request: Request) -> Response:
        """Whether the graph answers and has embeddings."""
        return await run_in_threadpool(_readiness, store)

    return readyz


def _metrics_of(metrics: Metrics) -> Endpoint:
    async def show(request: Request) -> Response:
        """What was counted."""
        return PlainTextResponse(metrics.text(), media_type="text/plain; version=0.0.4")

    return show


def _readiness(store: Store) -> Response:
    try:
        stamp = read_stamp(store)
    except BookgraphError as error:
        logger.warning("not ready: %s", error)
        return JSONResponse({"status": "the graph database cannot be reached"}, status_code=503)
    if stamp.model is None:
        return JSONResponse(
            {"status": "no embeddings yet", "numBooks": stamp.num_books}, status_code=503
        )
    return JSONResponse(
        {"status": "ready", "numBooks": stamp.num_books, "embeddingModel": stamp.model}
    )


def _calm_garbage_collector() -> None:
    """Look for garbage seldom, and never again among what was loaded at the start.

    An answer is hundreds of objects that all live until it is sent, and next to none in circles:
    Python's default looks at all of them with every answer, a twentieth of its time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_GC_THRESHOLD)


def serve(store: Store, *, host: str, port: int, options: ServerOptions | None = None) -> None:
    """Serve until the process is told to end (SIGINT or SIGTERM); what is asked is answered first.

    Args:
        store: the graph.
        host: address to listen on. On a loopback address only requests to it by its own names are
            served, so that no web page can reach it under a name of its own (DNS rebinding).
        port: port to listen on; `choose_port` finds out beforehand whether it is free.
        options: keys, limits, production mode.
    """
    options = options or ServerOptions()
    if host in LOOPBACK and not options.allowed_hosts:
        options = replace(options, allowed_hosts=LOOPBACK)
    app = build_app(store.with_timeout(options.timeout_s), options)
    uvicorn.run(app, host=host, port=port, **server_config(options))


def server_config(options: ServerOptions) -> dict[str, Any]:
    """What uvicorn is told beside the application and its address."""
    return {
        "log_level": "warning",
        # Its own lines go the way of all others.
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "forwarded_allow_ips": options.trusted_proxies,
        "ws_max_size": options.limits.max_bytes,
        "timeout_graceful_shutdown": GRACE_S,
    }
