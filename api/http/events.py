"""Subscriptions over server-sent events: graphql-sse in its distinct connections mode.

Each operation has a response of its own, which ends with the event `complete`, or when the client
closes the connection.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, suppress
from http import HTTPStatus
from typing import Any

from graphql import DocumentNode, ExecutionResult, GraphQLError, GraphQLSchema, subscribe
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from bookgraph.api.execute.changes import ChangeFeed
from bookgraph.api.http.connection import STOPPING
from bookgraph.api.http.requests import EVENT_STREAM, GraphQLRequest, Refusal
from bookgraph.api.options import ServerOptions

KEEP_ALIVE_S = 12.0
"""Seconds after which a comment is sent, so that no proxy closes a quiet connection."""

_COMMENT = b":\n\n"
# Without a data line, a browser would drop the event.
_COMPLETE = b"event: complete\ndata:\n\n"
_HEADERS = {
    "Cache-Control": "no-store",
    "Vary": "Accept",
    # nginx would collect events before it passes them on.
    "X-Accel-Buffering": "no",
}

Format = Callable[[ExecutionResult], bytes]
"""Turns a result into JSON on one line."""


def single_event(result: bytes) -> Response:
    """The response to an operation with one result, or to one that could not be run.

    Args:
        result: JSON on one line.
    """
    return Response(_next(result) + _COMPLETE, media_type=EVENT_STREAM, headers=_HEADERS)


class EventStreams:
    """The open streams of one application."""

    def __init__(self, schema: GraphQLSchema, changes: ChangeFeed, options: ServerOptions) -> None:
        """Start without streams.

        Args:
            schema: the schema to serve.
            changes: what subscriptions follow.
            options: how many subscriptions a client may have.
        """
        self._schema = schema
        self._changes = changes
        self._max_per_client = options.max_subscriptions
        self._num_by_client: Counter[str] = Counter()

    async def subscribe(
        self, request: Request, query: GraphQLRequest, document: DocumentNode, to_json: Format
    ) -> Response:
        """Start a subscription.

        Args:
            request: its client is counted, and its disconnection ends the subscription.
            query: the variables, and the name of the operation.
            document: holds the operation.
            to_json: formats each result.

        Raises:
            Refusal: 429, the client has too many subscriptions.
        """
        client = request.client.host if request.client else ""
        if self._num_by_client[client] >= self._max_per_client:
            raise Refusal(
                HTTPStatus.TOO_MANY_REQUESTS,
                f"This address already has {self._max_per_client} open subscriptions. "
                "Close one of them, or retry later.",
                code="TOO_MANY_REQUESTS",
                headers={"Retry-After": "1"},
            )
        found = await subscribe(
            self._schema,
            document,
            context_value={"changes": self._changes},
            variable_values=query.variables,
            operation_name=query.operation_name,
        )
        if isinstance(found, ExecutionResult):
            for error in found.errors or ():
                error.extensions = {"code": "BAD_USER_INPUT"}
            return single_event(to_json(found))
        return _EventStream(found, to_json, client, self._num_by_client)


class _EventStream(Response):
    """A response that sends results as they come."""

    media_type = EVENT_STREAM

    def __init__(
        self,
        results: AsyncIterator[ExecutionResult],
        to_json: Format,
        client: str,
        num_by_client: Counter[str],
    ) -> None:
        super().__init__(headers=_HEADERS)
        del self.headers["content-length"]
        self._results = results
        self._to_json = to_json
        self._client = client
        self._num_by_client = num_by_client

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send events until the operation is complete, the client has gone or the server stops."""
        self._num_by_client[self._client] += 1
        ends = [asyncio.create_task(_disconnection(receive))]
        stopping: asyncio.Event | None = scope.get("state", {}).get(STOPPING)
        if stopping is not None:
            ends.append(asyncio.create_task(stopping.wait()))  # type: ignore[arg-type]
        start = {"status": self.status_code, "headers": self.raw_headers}
        try:
            await send({"type": "http.response.start", **start})
            async with aclosing(self._chunks(ends)) as chunks:
                async for chunk in chunks:
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
            # A client that is still there learns that the response is whole.
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            await _cancel(*ends)
            self._num_by_client[self._client] -= 1
            if not self._num_by_client[self._client]:
                del self._num_by_client[self._client]

    async def _chunks(self, ends: list[asyncio.Task[None]]) -> AsyncGenerator[bytes]:
        # The first bytes tell the client that the stream is open.
        yield _COMMENT
        result = asyncio.ensure_future(_result_of(self._results))
        try:
            while True:
                done, _ = await asyncio.wait(
                    (result, *ends), timeout=KEEP_ALIVE_S, return_when=asyncio.FIRST_COMPLETED
                )
                if not done:
                    yield _COMMENT
                elif result not in done:
                    # Without `complete`, so that a client connects again after a restart.
                    return
                else:
                    found, is_last = result.result()
                    if found is not None:
                        yield _next(self._to_json(found))
                    if is_last:
                        yield _COMPLETE
                        return
                    result = asyncio.ensure_future(_result_of(self._results))
        finally:
            await _cancel(result)


async def _result_of(
    results: AsyncIterator[ExecutionResult],
) -> tuple[ExecutionResult | None, bool]:
    """The next result, if there is one, and whether it is the last."""
    try:
        return await anext(results), False
    except StopAsyncIteration:
        return None, True
    except Exception as error:  # noqa: BLE001  # formatted and logged like the error of a query
        return ExecutionResult(None, [GraphQLError(str(error), original_error=error)]), True


async def _disconnection(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _cancel(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    for task in tasks:
        with suppress(asyncio.CancelledError):
            await task


def _next(result: bytes) -> bytes:
    return b"event: next\ndata: " + result + b"\n\n"
