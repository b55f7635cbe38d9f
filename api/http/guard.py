"""Stands before the application: who may ask, how many at once, what is counted and logged."""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import re
import time
import uuid
from collections import Counter, deque
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, NamedTuple

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bookgraph.api.http.lane import Lane
from bookgraph.api.ops.logs import ACCESS_LOGGER
from bookgraph.api.ops.metrics import Metrics
from bookgraph.api.options import ServerOptions

access_log = logging.getLogger(ACCESS_LOGGER)

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_FORBIDDEN = 4403
_OPEN_PATHS = frozenset({"/healthz", "/readyz"})


class Guard:
    """An ASGI application around another one."""

    def __init__(self, app: ASGIApp, options: ServerOptions, metrics: Metrics) -> None:
        """Only remembers its arguments.

        Args:
            app: what is guarded.
            options: keys, hosts and how many at once.
            metrics: counted into.
        """
        self._app = app
        self._options = options
        self._metrics = metrics
        self._lane = Lane(options.max_concurrent, max_waiting=options.max_waiting)
        self._num_by_client: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or a WebSocket, or the server's start and end."""
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
        refused = self._refusal(scope, headers, record)
        if scope["type"] == "websocket":
            # A key may still come in the first message; a foreign page may not even begin.
            if record.get("codes") == ["UNKNOWN_HOST"] or not self._is_own_page(headers):
                await send({"type": "websocket.close", "code": _FORBIDDEN})
                return
            await self._app(scope, receive, send)
            return
        await self._serve(scope, receive, send, refused)

    async def _serve(
        self, scope: Scope, receive: Receive, send: Send, refused: Response | None
    ) -> None:
        record = scope["bookgraph"]
        start_s = time.monotonic()
        record["status"] = int(HTTPStatus.INTERNAL_SERVER_ERROR)

        async def send_marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                record["status"] = message["status"]
                MutableHeaders(scope=message)["X-Request-Id"] = record["id"]
            await send(message)

        self._metrics.in_flight += 1
        try:
            if refused is not None:
                await refused(scope, receive, send_marked)
            elif _path(scope) == "/graphql":
                await self._in_turn(scope, receive, send_marked)
            else:
                await self._app(scope, receive, send_marked)
        finally:
            self._metrics.in_flight -= 1
            self._note(scope, time.monotonic() - start_s)

    async def _in_turn(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a question in when there is room for it, and turn it away when too many wait."""
        client = (scope.get("client") or ("", 0))[0]
        if self._num_by_client[client] >= self._options.max_per_client:
            await _turn_away(_TOO_MANY, scope, receive, send)
            return
        self._num_by_client[client] += 1
        try:
            # A body that comes slowly takes no place from those that have asked.
            received = await self._received(receive)
            if received is None:
                await _turn_away(_SLOW, scope, receive, send)
            elif self._lane.is_full:
                await _turn_away(_BUSY, scope, receive, send)
            else:
                await self._lane.enter()
                try:
                    await self._app(scope, received, send)
                finally:
                    self._lane.leave()
        finally:
            self._num_by_client[client] -= 1
            if not self._num_by_client[client]:
                del self._num_by_client[client]

    async def _received(self, receive: Receive) -> Receive | None:
        """The body, read ahead as far as it may go; None when it does not come in time."""
        messages: list[Message] = []
        size = 0
        try:
            async with asyncio.timeout(self._options.timeout_s):
                while True:
                    message = await receive()
                    messages.append(message)
                    size += len(message.get("body", b""))
                    if not message.get("more_body") or size > self._options.limits.max_bytes:
                        break
        except TimeoutError:
            return None
        ahead = deque(messages)

        async def replay() -> Message:
            return ahead.popleft() if ahead else await receive()

        return replay

    def _refusal(self, scope: Scope, headers: Headers, record: dict[str, Any]) -> Response | None:
        allowed = self._options.allowed_hosts
        if allowed and _host(headers.get("host", "")) not in allowed:
            record["codes"] = ["UNKNOWN_HOST"]
            return _error(
                HTTPStatus.MISDIRECTED_REQUEST, "UNKNOWN_HOST", "This host is not served here."
            )
        if not record["can_read"] and _path(scope) not in _OPEN_PATHS:
            record["codes"] = ["UNAUTHENTICATED"]
            response = _error(
                HTTPStatus.UNAUTHORIZED, "UNAUTHENTICATED", "Send a key: Authorization: Bearer ..."
            )
            response.headers["WWW-Authenticate"] = "Bearer"
            return response
        return None

    def _is_own_page(self, headers: Headers) -> bool:
        """Whether a WebSocket comes from a page of this server, or from no page at all."""
        origin = headers.get("origin")
        if origin is None or origin in self._options.cors_origins:
            return True
        return origin.partition("://")[2] == headers.get("host")

    def _note(self, scope: Scope, elapsed_s: float) -> None:
        record = scope["bookgraph"]
        path = _path(scope)
        route = path[1:] if path in {"/graphql", "/metrics", *_OPEN_PATHS} else "files"
        codes = record.get("codes", [])
        self._metrics.count(route, record["status"], elapsed_s, codes)
        if access_log.isEnabledFor(logging.INFO):
            line = {
                "id": record["id"],
                "method": scope["method"],
                "path": path,
                "status": record["status"],
                "ms": round(elapsed_s * 1000, 1),
                **{
                    name: record[name]
                    for name in ("operation", "name", "cost", "codes")
                    if record.get(name)
                },
            }
            text = json.dumps(line, ensure_ascii=False)
            access_log.info("%s", text, extra={"fields": line})


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


def _is_one_of(given: str, keys: tuple[str, ...]) -> bool:
    """Whether a key is among those that are known, in a time that does not tell which letters."""
    # All are compared, so that the time does not tell which one it was either.
    matches = [hmac.compare_digest(given.encode(), key.encode()) for key in keys]
    return bool(given) and any(matches)


def _host(header: str) -> str:
    """The host of a Host header in lowercase, without its port and without brackets."""
    if header.startswith("["):
        return header[1:].partition("]")[0].lower()
    return header.partition(":")[0].lower()


class _Away(NamedTuple):
    """How a request is turned away that asks nothing wrong."""

    status: HTTPStatus
    code: str
    message: str
    headers: Mapping[str, str]


_LATER = {"Retry-After": "1"}
_TOO_MANY = _Away(
    HTTPStatus.TOO_MANY_REQUESTS,
    "TOO_MANY_REQUESTS",
    "You ask too much at once. Come back in a moment.",
    _LATER,
)
_BUSY = _Away(
    HTTPStatus.SERVICE_UNAVAILABLE,
    "BUSY",
    "Too much is asked at once. Come back in a moment.",
    _LATER,
)
_SLOW = _Away(
    HTTPStatus.REQUEST_TIMEOUT,
    "REQUEST_TIMEOUT",
    "The request's body did not come in time.",
    {"Connection": "close"},
)


async def _turn_away(away: _Away, scope: Scope, receive: Receive, send: Send) -> None:
    scope["bookgraph"]["codes"] = [away.code]
    response = _error(away.status, away.code, away.message)
    response.headers.update(away.headers)
    await response(scope, receive, send)


def _error(status: HTTPStatus, code: str, message: str) -> Response:
    return JSONResponse(
        {"errors": [{"message": message, "extensions": {"code": code}}]}, status_code=status
    )
