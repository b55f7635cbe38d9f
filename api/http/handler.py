"""Serves GraphQL over HTTP: reads a request, runs it within its limits, picks the status.

Built on ariadne's handler. It replaces what the GraphQL-over-HTTP specification wants differently:
media types, statuses, GET, persisted queries.
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
    OperationDefinitionNode,
    OperationType,
    execute,
    get_operation_ast,
)
from starlette.requests import Request
from starlette.responses import Response

from bookgraph.api.execute.changes import ChangeFeed
from bookgraph.api.execute.cost import query_cost
from bookgraph.api.execute.documents import Documents, Prepared, text_hash
from bookgraph.api.execute.errors import error_code, format_error, response_status
from bookgraph.api.execute.fast import FastContext, is_coroutine
from bookgraph.api.execute.limits import LimitError
from bookgraph.api.http.admission import Lane
from bookgraph.api.http.events import EventStreams, single_event
from bookgraph.api.http.requests import (
    EVENT_STREAM,
    JSON,
    RESPONSE_JSON,
    GraphQLRequest,
    Refusal,
    accepts_events,
    read_request,
    response_type,
)
from bookgraph.api.options import ServerOptions
from bookgraph.core.errors import BookgraphError, QueryTimeoutError
from bookgraph.graph.store import Store

# Neo4j's own timeout ends first, so that its error is the one that is reported.
_GRACE_S = 1.0
_RETRY_AFTER_S = "2"


class Handler(GraphQLHTTPHandler):
    """The HTTP side of `/graphql`."""

    def __init__(
        self, schema: GraphQLSchema, store: Store, changes: ChangeFeed, options: ServerOptions
    ) -> None:
        """Store the arguments.

        Args:
            schema: the schema to serve.
            store: the graph that requests read.
            changes: what subscriptions follow.
            options: limits, and what production mode hides.
        """
        super().__init__()
        self._schema = schema
        self._store = store
        self._options = options
        self._streams = EventStreams(schema, changes, options)
        self._heavy = Lane(options.max_heavy, max_waiting=4 * options.max_heavy)
        self.documents = Documents(schema, options.limits, is_hidden=options.is_production)

    async def handle_request(self, request: Request) -> Response:
        """Respond to one request."""
        record = request.scope.setdefault("bookgraph", {})
        media_type = JSON
        try:
            accept = request.headers.get("accept")
            media_type = response_type(accept)
            query = await read_request(
                request,
                max_bytes=self._options.limits.max_bytes,
                is_preflight_needed=self._options.is_production,
            )
            prepared = self._find(query)
            if accepts_events(accept) and _is_subscription(prepared, query, record):
                return await self._subscribe(request, query, prepared, record)
            status, body = await self._respond(query, prepared, media_type, record)
        except Refusal as refusal:
            record["codes"] = [refusal.code]
            error = {"message": refusal.message, "extensions": {"code": refusal.code}}
            body = {"errors": [error]}
            if media_type == EVENT_STREAM and refusal.status == HTTPStatus.OK:
                return single_event(_encode(body))
            media_type = JSON if media_type == EVENT_STREAM else media_type
            return _response(body, refusal.status, media_type, refusal.headers)
        if media_type == EVENT_STREAM:
            return single_event(_encode(body))
        headers = (
            {"Retry-After": _RETRY_AFTER_S} if status == HTTPStatus.SERVICE_UNAVAILABLE else {}
        )
        response = _response(body, status, media_type, headers)
        return _revalidated(request, response) if query.is_get else response

    def _find(self, query: GraphQLRequest) -> Prepared:
        """The document of a request, by its text or by the hash of a persisted query.

        Raises:
            Refusal: the hash belongs to another text, or to no known one.
        """
        text, digest = query.text, query.persisted_hash
        if text is None:
            text = self.documents.persisted(digest or "")
            if text is None:
                raise Refusal(
                    # Clients of this protocol expect the code in a response with status 200.
                    HTTPStatus.OK,
                    "PersistedQueryNotFound",
                    code="PERSISTED_QUERY_NOT_FOUND",
                )
        elif digest is not None:
            if text_hash(text) != digest:
                raise Refusal(HTTPStatus.BAD_REQUEST, "sha256Hash is not the SHA-256 of the query.")
            self.documents.persist(text)
        return self.documents.prepare(text)

    async def _respond(
        self, query: GraphQLRequest, prepared: Prepared, media_type: str, record: dict[str, Any]
    ) -> tuple[HTTPStatus, dict[str, Any]]:
        if prepared.document is None:
            result, is_run = ExecutionResult(None, list(prepared.errors)), False
        else:
            result, is_run = await self._run(query, prepared.document, record)
        record["codes"] = codes = [error_code(error) for error in result.errors or ()]
        body = self._errors_of(result, record)
        if not is_run:
            is_strict = media_type == RESPONSE_JSON
            # A client that accepts only plain JSON finds the errors in a response with status 200.
            return (HTTPStatus.BAD_REQUEST if is_strict else HTTPStatus.OK), body
        body["data"] = result.data
        return response_status(codes, result.data), body

    def _errors_of(self, result: ExecutionResult, record: dict[str, Any]) -> dict[str, Any]:
        """A response without data: its errors, if there are any."""
        errors = [
            format_error(
                error, request_id=record.get("id", ""), is_hidden=self._options.is_production
            )
            for error in result.errors or ()
        ]
        return {"errors": errors} if errors else {}

    async def _subscribe(
        self,
        request: Request,
        query: GraphQLRequest,
        prepared: Prepared,
        record: dict[str, Any],
    ) -> Response:
        assert prepared.document is not None

        def to_json(result: ExecutionResult) -> bytes:
            record.setdefault("codes", []).extend(map(error_code, result.errors or ()))
            data = {} if result.data is None else {"data": result.data}
            return _encode({**self._errors_of(result, record), **data})

        return await self._streams.subscribe(request, query, prepared.document, to_json)

    async def _run(
        self, query: GraphQLRequest, document: DocumentNode, record: dict[str, Any]
    ) -> tuple[ExecutionResult, bool]:
        """Run an operation.

        Returns:
            Its result, and whether it ran at all.
        """
        operation = get_operation_ast(document, query.operation_name)
        if operation is not None:
            _note(operation, record)
            if operation.operation is OperationType.SUBSCRIPTION:
                raise Refusal(
                    HTTPStatus.BAD_REQUEST,
                    "Subscriptions are served as server-sent events (send the header "
                    f"`Accept: {EVENT_STREAM}`) and over a WebSocket (graphql-transport-ws).",
                )
            if query.is_get and operation.operation is not OperationType.QUERY:
                raise Refusal(
                    HTTPStatus.METHOD_NOT_ALLOWED,
                    "Mutations are not served over GET. Use POST.",
                    headers={"Allow": "POST"},
                )
            cost = query_cost(self._schema, document, operation, query.variables)
            record["cost"] = cost
            limit = self._options.limits.max_cost
            if cost > limit:
                message = (
                    f"The query can cost {cost}. The limit is {limit}. "
                    "Request fewer or smaller lists."
                )
                return ExecutionResult(None, [LimitError(message)]), False
        async with self._turn(record.get("cost", 0)):
            result = await self._execute(query, document, record)
        # Errors without a path come from before the execution: the variables or the name of the
        # operation do not fit.
        is_run = result.data is not None or any(
            error.path or isinstance(error.original_error, BookgraphError)
            for error in result.errors or ()
        )
        if not is_run:
            for error in result.errors or ():
                error.extensions = {"code": "BAD_USER_INPUT"}
        return result, is_run

    @asynccontextmanager
    async def _turn(self, cost: int) -> AsyncIterator[None]:
        """Make a costly query wait for its turn, so that small ones are served meanwhile.

        Raises:
            Refusal: 503, too many wait already, or the turn did not come in time.
        """
        if cost <= self._options.heavy_cost:
            yield
            return
        busy = Refusal(
            HTTPStatus.SERVICE_UNAVAILABLE,
            f"Too many concurrent costly queries. This one can cost {cost}. Retry later, or "
            "request fewer or smaller lists.",
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
        self, query: GraphQLRequest, document: DocumentNode, record: dict[str, Any]
    ) -> ExecutionResult:
        found = execute(
            self._schema,
            document,
            context_value={
                "store": self._store.pinned(),
                "can_write": record.get("can_write", False),
                "is_production": self._options.is_production,
            },
            variable_values=query.variables,
            operation_name=query.operation_name,
            execution_context_class=FastContext,
            is_awaitable=is_coroutine,
        )
        if isinstance(found, ExecutionResult):
            return found
        try:
            return await asyncio.wait_for(found, self._options.timeout_s + _GRACE_S)
        except TimeoutError:
            error = QueryTimeoutError("The query timed out.")
            return ExecutionResult(None, [GraphQLError(str(error), original_error=error)])


def _is_subscription(prepared: Prepared, query: GraphQLRequest, record: dict[str, Any]) -> bool:
    document = prepared.document
    operation = get_operation_ast(document, query.operation_name) if document else None
    if operation is None or operation.operation is not OperationType.SUBSCRIPTION:
        return False
    _note(operation, record)
    return True


def _note(operation: OperationDefinitionNode, record: dict[str, Any]) -> None:
    """Note an operation for the log, the metrics and the trace."""
    record["operation"] = operation.operation.value
    record["name"] = operation.name.value if operation.name else None


def _response(
    body: Mapping[str, Any], status: HTTPStatus, media_type: str, headers: Mapping[str, str]
) -> Response:
    return Response(
        _encode(body),
        status_code=status,
        media_type=f"{media_type}; charset=utf-8",
        headers={**headers, "Vary": "Accept", "Cache-Control": "no-store"},
    )


def _encode(body: Mapping[str, Any]) -> bytes:
    try:
        return orjson.dumps(body, default=str)
    except TypeError:
        # Half a surrogate pair, or a number of more than 64 bits: both come from requests only.
        text = json.dumps(body, ensure_ascii=False, separators=(",", ":"), default=str)
        return text.encode("utf-8", "replace")


def _revalidated(request: Request, response: Response) -> Response:
    """Add an ETag to the response to a GET, or replace it by 304 if the client has it already."""
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
