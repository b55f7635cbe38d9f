# mypy: allow-subclassing-any
# graphene ships no types, so its classes are Any.
"""Subscriptions: told over a WebSocket (graphql-transport-ws) what happens to the graph."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import graphene
from ariadne.asgi.handlers import GraphQLTransportWSHandler
from graphql import GraphQLError, GraphQLResolveInfo, OperationType, get_operation_ast
from starlette.websockets import WebSocket, WebSocketDisconnect

from bookgraph.api.execute.documents import Documents
from bookgraph.api.execute.errors import format_error
from bookgraph.api.http.guard import rights
from bookgraph.api.options import ServerOptions
from bookgraph.api.schema.connections import Row
from bookgraph.api.schema.inputs import value_of

_BAD_REQUEST = 4400
_FORBIDDEN = 4403
_MAX_OPERATIONS = 10


class ChangeKind(graphene.Enum):
    """What can happen to the graph."""

    INGESTED = "ingested"
    TRAINED = "trained"

    @property
    def description(self) -> str:
        """What each value stands for."""
        if self is ChangeKind.INGESTED:
            return "Books were loaded, and the load came to its end."
        return "A new model's vectors were written."


class GraphChange(graphene.ObjectType):
    """Something that happened to the graph."""

    kind = graphene.NonNull(ChangeKind, description="What it was.")
    loaded_at = graphene.String(description="When books were loaded last, ISO 8601.")
    embedding_model = graphene.String(description="Version of the current model.")
    num_books = graphene.Int(required=True, description="Books now.")


class Subscription(graphene.ObjectType):
    """What happens from now on."""

    graph_changed = graphene.Field(
        graphene.NonNull(GraphChange),
        description="Books were loaded or a model was written.",
        kind=graphene.Argument(ChangeKind, description="Only this."),
    )

    @staticmethod
    async def subscribe_graph_changed(
        root: None, info: GraphQLResolveInfo, kind: Any = None
    ) -> AsyncIterator[Row]:
        """Follow the feed of the server."""
        wanted = None if kind is None else value_of(kind)
        async with aclosing(info.context["changes"].follow()) as changes:
            async for change in changes:
                if wanted in {None, change.kind}:
                    yield {
                        "kind": change.kind,
                        "loaded_at": change.stamp.loaded_at,
                        "embedding_model": change.stamp.model,
                        "num_books": change.stamp.num_books,
                    }

    @staticmethod
    def resolve_graph_changed(change: Row, info: GraphQLResolveInfo, **arguments: Any) -> Row:
        """As it was told."""
        return change


class SocketHandler(GraphQLTransportWSHandler):
    """The WebSocket side of `/graphql`: subscriptions only, within the limits of all documents."""

    def __init__(self, documents: Documents, options: ServerOptions) -> None:
        """Only remembers its arguments.

        Args:
            documents: that checks texts.
            options: keys, and what is hidden.
        """
        super().__init__(on_connect=self._check_key)
        self._documents = documents
        self._options = options

    def _check_key(self, websocket: WebSocket, payload: object) -> None:
        """Take a key from the first message, since a browser cannot send it as a header."""
        if websocket.scope["bookgraph"]["can_read"]:
            return
        given = payload.get("authorization") if isinstance(payload, dict) else None
        if not rights(str(given or ""), self._options)["can_read"]:
            raise GraphQLError("A key is needed: authorization in the payload.")

    async def handle_websocket(self, websocket: WebSocket) -> None:
        """Serve one connection; what is no message of the protocol ends it."""
        try:
            await super().handle_websocket(websocket)
        except (json.JSONDecodeError, KeyError, TypeError, AttributeError, GraphQLError):
            await websocket.close(code=_BAD_REQUEST)
        except WebSocketDisconnect:
            return

    async def handle_websocket_subscribe(
        self, websocket: WebSocket, data: Any, operation_id: str, client_context: Any
    ) -> None:
        """Start a subscription after the checks that every document passes."""
        text = data.get("query") if isinstance(data, dict) else None
        prepared = self._documents.prepare(text) if isinstance(text, str) else None
        errors = prepared.errors if prepared else (GraphQLError("There is no query."),)
        if prepared is not None and prepared.document is not None:
            operation = get_operation_ast(prepared.document, data.get("operationName"))
            if operation is None or operation.operation is not OperationType.SUBSCRIPTION:
                errors = (GraphQLError("Only subscriptions are served over a WebSocket."),)
            elif len(client_context.operations) >= _MAX_OPERATIONS:
                errors = (GraphQLError(f"{_MAX_OPERATIONS} subscriptions are open already."),)
        if not errors:
            await super().handle_websocket_subscribe(websocket, data, operation_id, client_context)
            return
        hidden = self._options.is_production
        payload = [format_error(error, is_hidden=hidden) for error in errors]
        await websocket.send_json({"type": "error", "id": operation_id, "payload": payload})
