"""Answers GraphQL over HTTP: reads the request, runs it within its limits, picks the status.

Built on ariadne's handler, of which it replaces what the GraphQL-over-HTTP specification wants
otherwise: media types, statuses, GET, persisted queries.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

import orjson
from ariadne.asgi.handlers import GraphQLHTTPHandler
from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    GraphQLSchema,
    OperationType,
    execute,
    get_operation_ast,
)
from starlette.requests import Request
from starlette.responses import Response

from bookgraph.api.execute.cost import query_cost
from bookgraph.api.execute.documents import Documents, Prepared, text_hash
from bookgraph.api.execute.errors import answer_status, error_code, format_error
from bookgraph.api.execute.fast import FastContext, is_coroutine
from bookgraph.api.execute.limits import LimitError
from bookgraph.api.http.lane import Lane
from bookgraph.api.http.requests import (
    JSON,
    RESPONSE_JSON,
    GraphQLRequest,
    Refusal,
    read_request,
    response_type,
)
from bookgraph.api.options import ServerOptions
from bookgraph.core.errors import BookgraphError, QueryTimeoutError
from bookgraph.graph.store import Store

# Neo4j itself gives up first, so that its own error is the one that is told.
_GRACE_S = 1.0
_RETRY_AFTER_S = "2"


class Handler(GraphQLHTTPHandler):
    """The HTTP side of `/graphql`."""

    def __init__(self, schema: GraphQLSchema, store: Store, options: ServerOptions) -> None:
        """Only remembers its arguments.

        Args:
            schema: that is served.
            store: asked by each request.
            options: limits and what is hidden.
        """
        super().__init__()
        self._served = schema
        self._store = store
        self._options = options
        self._heavy = Lane(options.max_heavy, max_waiting=4 * options.max_heavy)
        self.documents = Documents(schema, options.limits, is_hidden=options.is_production)

    async def handle_request(self, request: Request) -> Response:
        """Answer one request."""
        record = request.scope.setdefault("bookgraph", {})
        media_type = JSON
        try:
            media_type = response_type(request.headers.get("accept"))
            asked = await read_request(
                request,
                max_bytes=self._options.limits.max_bytes,
                is_preflight_needed=self._options.is_production,
            )
            prepared = self._find(asked)
            status, answer = await self._answer(asked, prepared, media_type, record)
        except Refusal as refusal:
            record["codes"] = [refusal.code]
            error = {"message": refusal.message, "extensions": {"code": refusal.code}}
            return _response({"errors": [error]}, refusal.status, media_type, refusal.headers)
        headers = (
            {"Retry-After": _RETRY_AFTER_S} if status == HTTPStatus.SERVICE_UNAVAILABLE else {}
        )
        response = _response(answer, status, media_type, headers)
        return _revalidated(request, response) if asked.is_get else response

    def _find(self, asked: GraphQLRequest) -> Prepared:
        """The document that is asked for, by its text or by the hash of a persisted one.

        Raises:
            Refusal: the hash is of another text, or of none that is known.
        """
        text, digest = asked.query, asked.persisted_hash
        if text is None:
            text = self.documents.persisted(digest or "")
            if text is None:
                raise Refusal(
                    # Clients of this protocol look for the code in a well-formed answer.
                    HTTPStatus.OK,
                    "PersistedQueryNotFound",
                    code="PERSISTED_QUERY_NOT_FOUND",
                )
        elif digest is not None:
            if text_hash(text) != digest:
                raise Refusal(HTTPStatus.BAD_REQUEST, "The hash is not the sha256 of the query.")
            self.documents.persist(text)
        return self.documents.prepare(text)

    async def _answer(
        self, asked: GraphQLRequest, prepared: Prepared, media_type: str, record: dict[str, Any]
    ) -> tuple[HTTPStatus, dict[str, Any]]:
        if prepared.document is None:
            result, is_run = ExecutionResult(None, list(prepared.errors)), False
        else:
            result, is_run = await self._run(asked, prepared.document, record)
        errors = result.errors or []
        record["codes"] = codes = [error_code(error) for error in errors]
        answer: dict[str, Any] = {}
        if errors:
            answer["errors"] = [
                format_error(
                    error,
                    request_id=record.get("id", ""),
                    is_hidden=self._options.is_production,
                )
                for error in errors
            ]
        if not is_run:
            is_strict = media_type == RESPONSE_JSON
            # A client that knows only JSON finds its errors by reading the answer.
            return (HTTPStatus.BAD_REQUEST if is_strict else HTTPStatus.OK), answer
        answer["data"] = result.data
        return answer_status(codes, result.data), answer

    async def _run(
        self, asked: GraphQLRequest, document: DocumentNode, record: dict[str, Any]
    ) -> tuple[ExecutionResult, bool]:
        """Run an operation.

        Returns:
            Its result, and whether it was run at all.
        """
        operation = get_operation_ast(document, asked.operation_name)
        if operation is not None:
            record["operation"] = operation.operation.value
            record["name"] = operation.name.value if operation.name else None
            if operation.operation is OperationType.SUBSCRIPTION:
                raise Refusal(
                    HTTPStatus.BAD_REQUEST,
                    "Subscriptions are served over WebSocket (graphql-transport-ws).",
                )
            if asked.is_get and operation.operation is not OperationType.QUERY:
                raise Refusal(
                    HTTPStatus.METHOD_NOT_ALLOWED,
                    "A GET request changes nothing; use POST.",
                    headers={"Allow": "POST"},
                )
            cost = query_cost(self._served, document, operation, asked.variables)
            record["cost"] = cost
            most = self._options.limits.max_cost
            if cost > most:
                message = f"The query may cost {cost}; at most {most} is answered. Ask for less."
                return ExecutionResult(None, [LimitError(message)]), False
        async with self._place(record.get("cost", 0)):
            result = await self._execute(asked, document, record)
        # Without a path nothing was run: the variables or the operation's name do not fit.
        is_run = result.data is not None or any(
            error.path or isinstance(error.original_error, BookgraphError)
            for error in result.errors or ()
        )
        if not is_run:
            for error in result.errors or ():
                error.extensions = {"code": "BAD_USER_INPUT"}
        return result, is_run

    @asynccontextmanager
    async def _place(self, cost: int) -> AsyncIterator[None]:
        """Let a costly query wait for its turn, so that others are served beside it.

        Raises:
            Refusal: 503, too many wait already, or the turn does not come in time.
        """
        if cost <= self._options.heavy_cost:
            yield
            return
        busy = Refusal(
            HTTPStatus.SERVICE_UNAVAILABLE,
            f"Too many costly queries are asked; this one may cost {cost}. Come back in a moment, "
            "or ask for less.",
            code="BUSY",
            headers={"Retry-After": _RETRY_AFTER_S},
        )
        if self._heavy.is_full:
            raise busy
        try:
            await self._heavy.enter(timeout_s=self._options.timeout_s / 2)
        except TimeoutError:
            raise busy from None
        try:
            yield
        finally:
            self._heavy.leave()

    async def _execute(
        self, asked: GraphQLRequest, document: DocumentNode, record: dict[str, Any]
    ) -> ExecutionResult:
        found = execute(
            self._served,
            document,
            context_value={
                "store": self._store,
                "can_write": record.get("can_write", False),
                "is_production": self._options.is_production,
            },
            variable_values=asked.variables,
            operation_name=asked.operation_name,
            execution_context_class=FastContext,
            is_awaitable=is_coroutine,
        )
        if isinstance(found, ExecutionResult):
            return found
        try:
            return await asyncio.wait_for(found, self._options.timeout_s + _GRACE_S)
        except TimeoutError:
            error = QueryTimeoutError("The time for this question is over.")
            return ExecutionResult(None, [GraphQLError(str(error), original_error=error)])


def _response(
    answer: Mapping[str, Any], status: HTTPStatus, media_type: str, headers: Mapping[str, str]
) -> Response:
    return Response(
        _encode(answer),
        status_code=status,
        media_type=f"{media_type}; charset=utf-8",
        headers={**headers, "Vary": "Accept", "Cache-Control": "no-store"},
    )


def _encode(answer: Mapping[str, Any]) -> bytes:
    try:
        return orjson.dumps(answer, default=str)
    except TypeError:
        # Half a surrogate pair or a number of more than 64 bits, which only a question can bring.
        text = json.dumps(answer, ensure_ascii=False, separators=(",", ":"), default=str)
        return text.encode("utf-8", "replace")


def _revalidated(request: Request, response: Response) -> Response:
    """A GET's answer with an ETag, or only word that it has not changed."""
    tag = f'W/"{hashlib.sha256(response.body).hexdigest()[:32]}"'
    if response.status_code != HTTPStatus.OK:
        return response
    response.headers["ETag"] = tag
    response.headers["Cache-Control"] = "no-cache"
    known = {one.strip() for one in request.headers.get("if-none-match", "").split(",")}
    if tag not in known and "*" not in known:
        return response
    headers = {name: response.headers[name] for name in ("etag", "vary", "cache-control")}
    return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
