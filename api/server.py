"""The HTTP server: `/graphql`, the explorer at `/`, health at `/healthz` and `/readyz`."""

from __future__ import annotations

import logging
from pathlib import Path

import uvicorn
from ariadne.asgi import GraphQL
from ariadne.asgi.handlers import GraphQLHTTPHandler
from ariadne.explorer import ExplorerHttp405
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from api.errors import format_error
from api.schema import build_schema
from core.errors import BookgraphError
from graph.store import Store

logger = logging.getLogger(__name__)

_EXPLORER_DIR = Path(__file__).parent / "explorer"
_SECURITY_HEADERS = {
    # The page loads nothing that is not ours, and no other page can frame it.
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


class _ExplorerFiles(StaticFiles):
    """The explorer's files with the headers that keep the page to itself."""

    async def get_response(self, path: str, scope: object) -> Response:
        response = await super().get_response(path, scope)  # type: ignore[arg-type]  # starlette's own
        response.headers.update(_SECURITY_HEADERS)
        return response


def build_app(store: Store) -> ASGIApp:
    """Build the application.

    Args:
        store: asked by every request; the caller closes it when the server has ended.
    """

    def context(request: object, data: object) -> dict[str, object]:
        return {"request": request, "store": store}

    graphql = GraphQL(
        build_schema(),
        context_value=context,
        error_formatter=format_error,
        http_handler=GraphQLHTTPHandler(),
        # No page that would load scripts from outside.
        explorer=ExplorerHttp405(),
        introspection=True,
        debug=False,
        # `format_error` logs what an operator should know; this one would log every typing error
        # of a client with its stack.
        logger=_silent_logger(),
    )

    async def healthz(request: Request) -> Response:
        """Whether the process answers."""
        return JSONResponse({"status": "ok"})

    async def readyz(request: Request) -> Response:
        """Whether the graph answers and has embeddings."""
        return await run_in_threadpool(_readiness, store)

    return Starlette(
        routes=[
            Route("/healthz", healthz),
            Route("/readyz", readyz),
            Route("/graphql", graphql),
            Mount("/", _ExplorerFiles(directory=_EXPLORER_DIR, html=True)),
        ]
    )


def _silent_logger() -> logging.Logger:
    silent = logging.getLogger("bookgraph.ariadne")
    silent.addHandler(logging.NullHandler())
    silent.propagate = False
    return silent


def _readiness(store: Store) -> Response:
    try:
        rows = store.read(
            "OPTIONAL MATCH (model:EmbeddingModel {is_current: true}) "
            "RETURN model.version AS version, COUNT { MATCH (:Book) } AS num_books"
        )
    except BookgraphError as error:
        logger.warning("not ready: %s", error)
        return JSONResponse({"status": "the graph database cannot be reached"}, status_code=503)
    row = rows[0]
    if row["version"] is None:
        return JSONResponse(
            {"status": "no embeddings yet", "numBooks": row["num_books"]}, status_code=503
        )
    return JSONResponse(
        {"status": "ready", "numBooks": row["num_books"], "embeddingModel": row["version"]}
    )


def serve(store: Store, *, host: str, port: int) -> None:
    """Serve until the process is told to end (SIGINT or SIGTERM).

    Args:
        store: the graph.
        host: address to listen on.
        port: port to listen on; `bind` finds out beforehand whether it is free.
    """
    uvicorn.run(build_app(store), host=host, port=port, log_level="warning", access_log=False)
