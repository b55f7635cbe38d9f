"""Subscriptions over a WebSocket (protocol graphql-transport-ws).

Built on ariadne's handler, which speaks the protocol. This one adds the key check, the limits of
all documents, and refuses everything but subscriptions.
"""

from __future__ import annotations

import json
from typing import Any

from ariadne.asgi.handlers import GraphQLTransportWSHandler
from graphql import GraphQLError, OperationType, get_operation_ast
from starlette.websockets import WebSocket, WebSocketDisconnect

from bookgraph.api.execute.documents import Documents
from bookgraph.api.execute.errors import format_error
from bookgraph.api.http.guard import rights
from bookgraph.api.options import ServerOptions

# The codes that clients of the protocol expect.
_BAD_REQUEST = 4400
_UNAUTHORIZED = 4401


class WebSocketHandler(GraphQLTransportWSHandler):
    """The WebSocket side of `/graphql`."""

    def __init__(self, documents: Documents, options: ServerOptions) -> None:
        """Store the arguments.

        Args:
            documents: prepares query texts.
            options: keys, and what production mode hides.
        """
        super().__init__()
        self._documents = documents
        self._options = options

    async def handle_websocket(self, websocket: WebSocket) -> None:
        """Serve one connection. A message outside the protocol ends it."""
        try:
            await super().handle_websocket(websocket)
        except (json.JSONDecodeError, KeyError, TypeError, AttributeError, GraphQLError):
            await websocket.close(code=_BAD_REQUEST)
        except WebSocketDisconnect:
            return

    async def handle_websocket_connection_init_message(
        self, websocket: WebSocket, message: Any, client_context: Any
    ) -> None:
        """Check the key, which may come as a header or, from a browser, in this message."""
        given = _authorization(message.get("payload"))
        if websocket.scope["bookgraph"]["can_read"] or rights(given, self._options)["can_read"]:
            await super().handle_websocket_connection_init_message(
                websocket, message, client_context
            )
            return
        reason = 'A valid key is needed. Send {"authorization": "Bearer KEY"} as payload.'
        await websocket.close(code=_UNAUTHORIZED, reason=reason)

    async def handle_websocket_subscribe(
        self, websocket: WebSocket, data: Any, operation_id: str, client_context: Any
    ) -> None:
        """Start a subscription, or send the errors that prevent it."""
        if not client_context.connection_acknowledged:
            await websocket.close(code=_UNAUTHORIZED, reason="Send connection_init first.")
            return
        errors = self._errors(data, num_open=len(client_context.operations))
        if not errors:
            await super().handle_websocket_subscribe(websocket, data, operation_id, client_context)
            return
        hidden = self._options.is_production
        payload = [format_error(error, is_hidden=hidden) for error in errors]
        await websocket.send_json({"type": "error", "id": operation_id, "payload": payload})

    def _errors(self, data: Any, *, num_open: int) -> tuple[GraphQLError, ...]:
        """What is wrong with a request to subscribe."""
        text = data.get("query") if isinstance(data, dict) else None
        if not isinstance(text, str):
            return (GraphQLError("The payload has no query. Send it as the string `query`."),)
        prepared = self._documents.prepare(text)
        if prepared.document is None:
            return prepared.errors
        operation = get_operation_ast(prepared.document, data.get("operationName"))
        if operation is None or operation.operation is not OperationType.SUBSCRIPTION:
            return (GraphQLError("Only subscriptions are served over a WebSocket."),)
        limit = self._options.max_subscriptions
        if num_open >= limit:
            message = (
                f"This connection already has {limit} open subscriptions. "
                "Complete one of them, or open another connection."
            )
            return (GraphQLError(message),)
        return ()


def _authorization(payload: object) -> str:
    """The Authorization header in a payload, whose name is in any letter case as in HTTP."""
    given = payload if isinstance(payload, dict) else {}
    found = (text for name, text in given.items() if name.lower() == "authorization")
    text = next(found, "")
    return text if isinstance(text, str) else ""
