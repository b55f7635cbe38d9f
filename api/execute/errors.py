"""How errors look to a client: a stable code, a helpful message, never a stack or a statement.

Codes: `GRAPHQL_PARSE_FAILED`, `GRAPHQL_VALIDATION_FAILED`, `QUERY_TOO_LARGE`, `BAD_USER_INPUT`,
`BOOK_NOT_FOUND`, `LINK_NOT_FOUND`, `DATA_MISSING`, `FORBIDDEN` for what the client can change;
`STORE_UNAVAILABLE`, `TIMEOUT`, `INTERNAL_ERROR` for what only the server can.
"""

from __future__ import annotations

import logging
import re
from http import HTTPStatus
from typing import Any

from graphql import GraphQLError, GraphQLSyntaxError

from bookgraph.api.execute.limits import LimitError
from bookgraph.core.errors import (
    AccessDeniedError,
    BookgraphError,
    BookNotFoundError,
    DataMissingError,
    LinkNotFoundError,
    QueryTimeoutError,
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
    (QueryTimeoutError, "TIMEOUT"),
    (AccessDeniedError, "FORBIDDEN"),
)
_INTERNAL = "INTERNAL_ERROR"
_STATUSES = {
    "STORE_UNAVAILABLE": HTTPStatus.SERVICE_UNAVAILABLE,
    "TIMEOUT": HTTPStatus.GATEWAY_TIMEOUT,
    _INTERNAL: HTTPStatus.INTERNAL_SERVER_ERROR,
    "FORBIDDEN": HTTPStatus.FORBIDDEN,
}
# What the operator's log says in full is said to a client in general.
_HIDDEN_MESSAGES = {
    "STORE_UNAVAILABLE": "The graph database cannot be reached now. Try again later.",
    "TIMEOUT": "This took longer than the server allows. Ask for less of it.",
    _INTERNAL: "The server could not answer this.",
}
_SUGGESTION = re.compile(r" Did you mean .*\?$", re.DOTALL)


def format_error(
    error: GraphQLError, debug: bool = False, *, request_id: str = "", is_hidden: bool = False
) -> dict[str, Any]:
    """Format an error for the response.

    Args:
        error: as graphql-core collected it.
        debug: ignored; what a client sees does not depend on it.
        request_id: under which the log knows the request.
        is_hidden: leave out suggestions that tell the schema's names.

    Returns:
        `message`, `locations`, `path` and `extensions` with `code`, and `nearest` for names that
        are not found.
    """
    formatted: dict[str, Any] = dict(error.formatted)
    original = error.original_error
    code = error_code(error)
    extensions: dict[str, Any] = {"code": code}
    if isinstance(original, (BookNotFoundError, LinkNotFoundError)):
        extensions["nearest"] = list(original.nearest)
    if code in _HIDDEN_MESSAGES:
        is_known = isinstance(original, BookgraphError)
        logger.error(
            "request %s failed: %s", request_id, original, exc_info=None if is_known else original
        )
        formatted["message"] = _HIDDEN_MESSAGES[code]
    elif is_hidden and original is None:
        formatted["message"] = _SUGGESTION.sub("", error.message)
    if request_id:
        extensions["requestId"] = request_id
    formatted["extensions"] = extensions
    return formatted


def error_code(error: GraphQLError) -> str:
    """The stable code of an error."""
    original = error.original_error
    if isinstance(error, LimitError) or isinstance(original, LimitError):
        return "QUERY_TOO_LARGE"
    if isinstance(error, GraphQLSyntaxError):
        is_large = error.message.endswith("Parsing aborted.")
        return "QUERY_TOO_LARGE" if is_large else "GRAPHQL_PARSE_FAILED"
    if original is None or isinstance(original, GraphQLError):
        # Without a path nothing was run: a variable, or an operation that is not there.
        given = (error.extensions or {}).get("code")
        return str(given or ("BAD_USER_INPUT" if error.path else "GRAPHQL_VALIDATION_FAILED"))
    return next((code for kind, code in _CODES if isinstance(original, kind)), _INTERNAL)


def answer_status(codes: list[str], data: object) -> HTTPStatus:
    """The status of what was run: other than 200 only where an error left nothing to answer.

    Args:
        codes: of all errors.
        data: what was answered beside them.
    """
    has_data = isinstance(data, dict) and any(value is not None for value in data.values())
    if not has_data:
        for code, status in _STATUSES.items():
            if code in codes:
                return status
    return HTTPStatus.OK
