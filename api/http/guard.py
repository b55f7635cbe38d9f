"""Stands in front of the application: checks host and key, counts and logs every request."""

from __future__ import annotations

import hmac
import re
import time
import uuid
from http import HTTPStatus
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from bookgraph.api.hosts import EVERY_HOST, KnownHosts
from bookgraph.api.http.admission import Admission, error_response
from bookgraph.api.http.cors import allow_origins
from bookgraph.api.ops.logs import log_request
from bookgraph.api.ops.metrics import Metrics
from bookgraph.api.options import ServerOptions

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_FORBIDDEN = 4403  # of graphql-transport-ws
_HEALTH_PATHS = frozenset({"/healthz", "/readyz"})
# All other paths are static files, which the page that asks for a key consists of.
_DATA_PATHS = frozenset({"/graphql", "/metrics"})


class Guard:
    """An ASGI application around another one."""

    def __init__(self, app: ASGIApp, options: ServerOptions, metrics: Metrics) -> None:
        """Store the arguments.

        Args:
            app: the application to protect.
            options: keys, hosts, and how many requests at once.
            metrics: counts the requests.
        """
        self._app = app
        self._graphql = Admission(app, options)
        self._shared = allow_origins(self._respond, options.cors_origins)
        self._hosts = KnownHosts.parse(options.allowed_hosts or (EVERY_HOST,))
        self._options = options
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or WebSocket, or pass on the server's start and end."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = headers.get("x-request-id", "")
        record: dict[str, Any] = {
            "id": given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex[:16],
            **rights(headers.get("authorization", ""), self._options),
        }
        scope["bookgraph"] = record
        if scope["type"] == "http":
            await self._serve(scope, receive, send)
        elif self._hosts.serve(scope) and self._is_same_site(headers):
            # A missing key does not matter yet: it may come in the first message.
            await self._app(scope, receive, send)
        else:
            await _refuse(WebSocket(scope, receive, send))

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        record = scope["bookgraph"]
        start_s = time.monotonic()
        record["status"] = int(HTTPStatus.INTERNAL_SERVER_ERROR)

        async def send_marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                record["status"] = message["status"]
                MutableHeaders(scope=message)["X-Request-Id"] = record["id"]
            await send(message)

        # The files for Neo4j Browser are open to pages of all origins, and say so themselves.
        is_open = _path(scope).startswith("/neo4j/")
        # A preflight request to a foreign host must fail, and not be answered for the host.
        is_refused = scope["method"] == "OPTIONS" and not self._is_known_host(scope)
        app = self._respond if is_open or is_refused else self._shared
        with self._metrics.in_flight.track_inprogress():
            try:
                await app(scope, receive, send_marked)
            finally:
                self._record(scope, time.monotonic() - start_s)

    async def _respond(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a request, or pass it on."""
        refusal = self._refusal(scope)
        app = refusal or (self._graphql if _path(scope) == "/graphql" else self._app)
        await app(scope, receive, send)

    def _refusal(self, scope: Scope) -> Response | None:
        record = scope["bookgraph"]
        if not self._is_known_host(scope):
            record["codes"] = ["UNKNOWN_HOST"]
            # The name is the client's: a cache or a page must never show it as this server's.
            message = (
                "This host is not served here. Use an address of this server, or have its "
                "operator add the host name to BOOKGRAPH_ALLOWED_HOSTS."
            )
            return error_response(HTTPStatus.MISDIRECTED_REQUEST, "UNKNOWN_HOST", message)
        if not record["can_read"] and _path(scope) in _DATA_PATHS:
            record["codes"] = ["UNAUTHENTICATED"]
            message = "A key is needed. Send the header `Authorization: Bearer KEY`."
            response = error_response(HTTPStatus.UNAUTHORIZED, "UNAUTHENTICATED", message)
            response.headers["WWW-Authenticate"] = "Bearer"
            return response
        return None

    def _is_known_host(self, scope: Scope) -> bool:
        # Load balancers and Kubernetes probe each process at its own address, by any name.
        return _path(scope) in _HEALTH_PATHS or self._hosts.serve(scope)

    def _is_same_site(self, headers: Headers) -> bool:
        """Whether a WebSocket comes from a page of this server, or not from a page at all."""
        origin = headers.get("origin")
        if origin is None or origin in self._options.cors_origins:
            return True
        return origin.partition("://")[2] == headers.get("host")

    def _record(self, scope: Scope, elapsed_s: float) -> None:
        """Count and log a request after its response."""
        record = scope["bookgraph"]
        path = _path(scope)
        route = path[1:] if path in _DATA_PATHS | _HEALTH_PATHS else "files"
        if record.get("operation") == "subscription":
            # Its time is that of its client, and says nothing about the time of requests.
            route = "subscriptions"
        self._metrics.count(route, record["status"], elapsed_s, record.get("codes", []))
        log_request(scope, path, elapsed_s)


def _path(scope: Scope) -> str:
    """The path below the prefix under which the application is mounted."""
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", ""))


def rights(authorization: str, options: ServerOptions) -> dict[str, bool]:
    """What an Authorization header permits: `can_read` and `can_write`."""
    kind, _, key = authorization.partition(" ")
    given = key.strip() if kind.lower() == "bearer" else ""
    can_write = _is_one_of(given, options.write_keys)
    can_read = not options.read_keys or _is_one_of(given, options.read_keys)
    return {"can_write": can_write, "can_read": can_read or can_write}


async def _refuse(websocket: WebSocket) -> None:
    """Close a WebSocket with a code. A page cannot see why a handshake was refused."""
    offered = websocket.scope.get("subprotocols") or [None]
    await websocket.accept(subprotocol=offered[0])
    await websocket.close(code=_FORBIDDEN, reason="This origin or host is not allowed.")


def _is_one_of(given: str, keys: tuple[str, ...]) -> bool:
    """Whether a key is known, in a time that does not depend on which letters match."""
    # All keys are compared, so that the time does not reveal which one matched either.
    matches = [hmac.compare_digest(given.encode(), key.encode()) for key in keys]
    return bool(given) and any(matches)
