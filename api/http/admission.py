"""Decides how many requests run at once, how many wait, and which are turned away.

A request enters a lane only after its whole body has arrived, so that a slow client never takes a
place from one that is ready.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Mapping
from contextlib import ExitStack
from http import HTTPStatus
from typing import NamedTuple

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bookgraph.api.http.requests import EVENT_STREAM
from bookgraph.api.options import ServerOptions


class Lane:
    """A bounded number of places, and a bounded number of waiters for them."""

    def __init__(self, num_places: int, *, max_waiting: int) -> None:
        """Start empty.

        Args:
            num_places: how many may be inside at once.
            max_waiting: how many may wait for a place.
        """
        self._places = asyncio.Semaphore(num_places)
        self._max_admitted = num_places + max_waiting
        self._num_admitted = 0

    @property
    def is_full(self) -> bool:
        """Whether all places are taken and too many wait already."""
        return self._num_admitted >= self._max_admitted

    async def enter(self, *, timeout_s: float | None = None) -> None:
        """Wait for a place; `leave` returns it.

        Raises:
            TimeoutError: no place became free in time; do not call `leave`.
        """
        # Counted before the first wait, so that a burst of requests cannot all find room.
        self._num_admitted += 1
        try:
            async with asyncio.timeout(timeout_s):
                await self._places.acquire()
        except BaseException:
            self._num_admitted -= 1
            raise

    def leave(self) -> None:
        """Return a place."""
        self._num_admitted -= 1
        self._places.release()


class Admission:
    """Lets requests to `/graphql` into an application, each in its turn."""

    def __init__(self, app: ASGIApp, options: ServerOptions) -> None:
        """Start without requests.

        Args:
            app: handles the requests.
            options: how many at once, in all and for each client.
        """
        self._app = app
        self._options = options
        self._lane = Lane(options.max_concurrent, max_waiting=options.max_waiting)
        self._num_by_client: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or turn it away if there are too many."""
        client = (scope.get("client") or ("", 0))[0]
        if self._num_by_client[client] >= self._options.max_per_client:
            await _turn_away(_TOO_MANY, scope, receive, send)
            return
        self._num_by_client[client] += 1
        with ExitStack() as held:
            held.callback(self._forget, client)
            await self._in_turn(scope, receive, send, held)

    def _forget(self, client: str) -> None:
        self._num_by_client[client] -= 1
        if not self._num_by_client[client]:
            del self._num_by_client[client]

    async def _in_turn(self, scope: Scope, receive: Receive, send: Send, held: ExitStack) -> None:
        received = await self._read_body(receive)
        if received is None:
            await _turn_away(_SLOW, scope, receive, send)
        elif self._lane.is_full:
            await _turn_away(_BUSY, scope, receive, send)
        else:
            await self._lane.enter()
            held.callback(self._lane.leave)

            async def send_freeing(message: Message) -> None:
                # A stream of events waits most of the time, and has a limit of its own.
                if message["type"] == "http.response.start" and _is_event_stream(message):
                    held.close()
                await send(message)

            await self._app(scope, received, send_freeing)

    async def _read_body(self, receive: Receive) -> Receive | None:
        """Read the body up to the limit, and return a `receive` that replays it.

        Returns:
            None if the body does not arrive within the timeout.
        """
        messages: deque[Message] = deque()
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

        async def replay() -> Message:
            return messages.popleft() if messages else await receive()

        return replay


class _Rejection(NamedTuple):
    """The response to a request that is turned away although nothing is wrong with it."""

    status: HTTPStatus
    code: str
    message: str
    headers: Mapping[str, str]


_RETRY_LATER = {"Retry-After": "1"}
_TOO_MANY = _Rejection(
    HTTPStatus.TOO_MANY_REQUESTS,
    "TOO_MANY_REQUESTS",
    "Too many concurrent requests from this address. Retry later.",
    _RETRY_LATER,
)
_BUSY = _Rejection(
    HTTPStatus.SERVICE_UNAVAILABLE,
    "BUSY",
    "Too many concurrent requests. Retry later.",
    _RETRY_LATER,
)
_SLOW = _Rejection(
    HTTPStatus.REQUEST_TIMEOUT,
    "REQUEST_TIMEOUT",
    "The request body did not arrive in time.",
    {"Connection": "close"},
)


async def _turn_away(rejection: _Rejection, scope: Scope, receive: Receive, send: Send) -> None:
    scope["bookgraph"]["codes"] = [rejection.code]
    response = error_response(rejection.status, rejection.code, rejection.message)
    response.headers.update(rejection.headers)
    await response(scope, receive, send)


def _is_event_stream(message: Message) -> bool:
    return Headers(raw=message["headers"]).get("content-type", "").startswith(EVENT_STREAM)


def error_response(status: HTTPStatus, code: str, message: str) -> Response:
    """A response with one error in the form that GraphQL clients expect."""
    return JSONResponse(
        {"errors": [{"message": message, "extensions": {"code": code}}]}, status_code=status
    )
