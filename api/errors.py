"""How errors look to a client: a stable code, a helpful message, never a stack or a statement."""

from __future__ import annotations

import logging
import uuid
from typing import Any

from graphql import GraphQLError

from core.errors import (
    BookgraphError,
    BookNotFoundError,
    DataMissingError,
    LinkNotFoundError,
    StoreUnreachableError,
    UsageError,
)

logger = logging.getLogger(__name__)

# The first class that an error is an instance of gives its code.
_CODES: tuple[tuple[type[BookgraphError], str], ...] = (
    (BookNotFoundError, "BOOK_NOT_FOUND"),
    (LinkNotFoundError, "LINK_NOT_FOUND"),
    (DataMissingError, "DATA_MISSING"),
    (UsageError, "BAD_USER_INPUT"),
    (StoreUnreachableError, "STORE_UNAVAILABLE"),
)
_INTERNAL = "INTERNAL_ERROR"
_INVALID = "GRAPHQL_VALIDATION_FAILED"


def format_error(error: GraphQLError, debug: bool = False) -> dict[str, Any]:
    """Format an error for the response.

    Args:
        error: as graphql-core collected it.
        debug: ignored; what a client sees does not depend on it.

    Returns:
        `message`, `locations`, `path` and `extensions` with `code`, and `nearest` for names that
        are not found. An unexpected error is logged under an id that the client is told.
    """
    formatted: dict[str, Any] = dict(error.formatted)
    original = error.original_error
    extensions: dict[str, Any] = {"code": _INVALID}
    if isinstance(original, BookgraphError):
        extensions["code"] = _code(original)
        if isinstance(original, (BookNotFoundError, LinkNotFoundError)):
            extensions["nearest"] = list(original.nearest)
        if isinstance(original, StoreUnreachableError) or extensions["code"] == _INTERNAL:
            logger.error("a query failed: %s", original)
        if isinstance(original, StoreUnreachableError):
            # The address of the database is the operator's business.
            formatted["message"] = "The graph database cannot be reached now. Try again later."
        elif extensions["code"] == _INTERNAL:
            formatted["message"] = "The server could not answer this."
    elif original is not None and not isinstance(original, GraphQLError):
        request_id = uuid.uuid4().hex[:12]
        logger.error("unexpected error %s", request_id, exc_info=original)
        formatted["message"] = f"Internal error. The log knows it as {request_id}."
        extensions = {"code": _INTERNAL, "requestId": request_id}
    formatted["extensions"] = extensions
    return formatted


def _code(error: BookgraphError) -> str:
    return next((code for kind, code in _CODES if isinstance(error, kind)), _INTERNAL)
