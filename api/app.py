"""The HTTP server: `/graphql`, the explorer at `/`, `/healthz`, `/readyz`, `/metrics`.

`build_app` returns an ASGI application that any program can mount: it changes nothing outside of
itself. `serve` runs it.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import uvicorn
from ariadne.asgi import GraphQL
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Scope

from bookgraph.api.execute.changes import ChangeFeed
from bookgraph.api.execute.errors import format_error
from bookgraph.api.http.connection import Connection
from bookgraph.api.http.console import console_routes
from bookgraph.api.http.guard import Guard
from bookgraph.api.http.handler import Handler
from bookgraph.api.http.neo4j_files import neo4j_routes
from bookgraph.api.http.websocket import WebSocketHandler
from bookgraph.api.ops.metrics import CONTENT_TYPE, Metrics
from bookgraph.api.ops.tracing import TracedApp, TracedStore, start_tracing
from bookgraph.api.options import ServerOptions, own_hosts
from bookgraph.api.schema.build import build_schema
from bookgraph.core.errors import BookgraphError
from bookgraph.graph.query.overview import has_vectors, read_stamp
from bookgraph.graph.store import Store

Endpoint = Callable[[Request], Awaitable[Response]]

logger = logging.getLogger(__name__)

_EXPLORER_DIR = Path(__file__).parent / "explorer"
_SECURITY_HEADERS = {
    # The page loads only files of this server, and no other page can frame it.
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
# A small model is read within this time, so that the first answer is already "ready".
_READY_PATIENCE_S = 1.0
GRACE_S = 10
"""Seconds that a server which shuts down gives to requests in flight."""


class _ExplorerFiles(StaticFiles):
    """The explorer's files, with security headers."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers.update(_SECURITY_HEADERS)
        return response


def build_app(store: Store, options: ServerOptions | None = None) -> ASGIApp:
    """Build the application.

    Args:
        store: the graph that requests read. The caller closes it after the server has ended.
        options: keys, limits, production mode. By default the API is open and read-only.
    """
    options = options or ServerOptions()
    tracer = start_tracing() if options.is_traced else None
    if tracer:
        store = cast("Store", TracedStore(store, tracer))
    metrics = Metrics(options.shared_dir)
    app: ASGIApp = Starlette(routes=_routes(store, options, metrics))
    app = GZipMiddleware(app, minimum_size=1_000, compresslevel=5)
    app = Guard(app, options, metrics)
    return TracedApp(app, tracer) if tracer else app


def _routes(store: Store, options: ServerOptions, metrics: Metrics) -> list[BaseRoute]:
    graphql = _graphql(store, options)
    return [
        Route("/healthz", _healthz),
        Route("/readyz", _readyz_of(store)),
        Route("/metrics", _metrics_of(metrics)),
        Route("/graphql", graphql),
        WebSocketRoute("/graphql", graphql),
        *neo4j_routes(),
        *(console_routes(options.cache) if options.cache and not options.is_production else ()),
        Mount("/", _ExplorerFiles(directory=_EXPLORER_DIR, html=True)),
    ]


def _graphql(store: Store, options: ServerOptions) -> GraphQL:
    schema = build_schema()
    changes = ChangeFeed(store)
    handler = Handler(schema, store, changes, options)
    return GraphQL(
        schema,
        context_value=lambda *_: {"changes": changes},
        http_handler=handler,
        websocket_handler=WebSocketHandler(handler.documents, options),
        error_formatter=format_error,
        introspection=not options.is_production,
        logger=_silent_logger(),
    )


def _silent_logger() -> logging.Logger:
    """A logger outside of the process's tree of loggers, which discards everything.

    `format_error` logs what an operator needs; ariadne would log the stack of every client error.
    """
    silent = logging.Logger("bookgraph.ariadne")  # noqa: LOG001  # no global state
    silent.addHandler(logging.NullHandler())
    return silent


async def _healthz(request: Request) -> Response:
    """Report that the process responds."""
    return JSONResponse({"status": "ok"})


def _readyz_of(store: Store) -> Endpoint:
    async def readyz(request: Request) -> Response:
        """Report whether the database responds, with a model of its books in memory."""
        return await run_in_threadpool(_readiness, store)

    return readyz


def _metrics_of(metrics: Metrics) -> Endpoint:
    async def show(request: Request) -> Response:
        """Return all metrics."""
        return Response(metrics.text(), media_type=CONTENT_TYPE)

    return show


def _readiness(store: Store) -> Response:
    try:
        stamp = read_stamp(store)
        is_fitting = stamp.model is None or has_vectors(store)
        store.models.load_in_background(store, patience_s=_READY_PATIENCE_S)
    except BookgraphError as error:
        logger.warning("Not ready: %s", error)
        return JSONResponse({"status": "the graph database cannot be reached"}, status_code=503)
    if stamp.model is None:
        return JSONResponse(
            {"status": "no embeddings yet", "numBooks": stamp.num_books}, status_code=503
        )
    if not is_fitting:
        return JSONResponse(
            {
                "status": "the model has no vectors of these books: run `bookgraph train`",
                "numBooks": stamp.num_books,
                "embeddingModel": stamp.model,
            },
            status_code=503,
        )
    if not store.models.is_loaded:
        return JSONResponse(
            {"status": "reading the vectors", "numBooks": stamp.num_books}, status_code=503
        )
    return JSONResponse(
        {"status": "ready", "numBooks": stamp.num_books, "embeddingModel": stamp.model}
    )


def serve(
    store: Store,
    *,
    host: str,
    port: int,
    options: ServerOptions | None = None,
    on_ready: Callable[[], None] = lambda: None,
) -> None:
    """Serve until shut down (SIGINT or SIGTERM); requests in flight finish first.

    Args:
        store: the graph.
        host: address to listen on. Only requests that name it, or one of
            `options.allowed_hosts`, are served, so that no web page can reach it under a name of
            its own (DNS rebinding).
        port: port to listen on. `choose_port` checks beforehand whether it is free.
        options: keys, limits, production mode.
        on_ready: called once, when the application is built and before the first request.
    """
    options = options or ServerOptions()
    if not options.allowed_hosts:
        options = replace(options, allowed_hosts=own_hosts(host))
    app = build_app(store.with_timeout(options.timeout_s), options)
    store.models.load_in_background(store)
    on_ready()
    uvicorn.run(app, host=host, port=port, **server_config(options))


def server_config(options: ServerOptions) -> dict[str, Any]:
    """Uvicorn's settings, except the application and its address."""
    return {
        "http": Connection,
        "log_level": "warning",
        # Without a configuration of its own, uvicorn logs through the process's handlers.
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "forwarded_allow_ips": options.trusted_proxies,
        "ws_max_size": options.limits.max_bytes,
        "timeout_graceful_shutdown": GRACE_S,
    }
