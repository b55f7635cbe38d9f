"""How errors look to a client: a stable code, a helpful message, never a stack, statement or path.

The client can fix `GRAPHQL_PARSE_FAILED`, `GRAPHQL_VALIDATION_FAILED`, `QUERY_TOO_LARGE`,
`BAD_USER_INPUT`, `BOOK_NOT_FOUND`, `LINK_NOT_FOUND`, `DATA_MISSING` and `FORBIDDEN`. Only the
operator can fix `STORE_UNAVAILABLE`, `TIMEOUT` and `INTERNAL_ERROR`.
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

# An error has the code of the first class that it is an instance of.
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
# The operator's log has the details; a client gets these messages instead.
_HIDDEN_MESSAGES = {
    "STORE_UNAVAILABLE": "The graph database is not available. Retry later.",
    "TIMEOUT": "The query timed out. Request fewer or smaller lists.",
    _INTERNAL: "An internal error occurred. The server's log has the details.",
}
# The address of the database in a message of ours.
_ADDRESS = re.compile(r" at (?:bolt|neo4j)[+a-z]*://\S+")
# graphql-core quotes values of variables in Python's words. Texts in quotes stay as they are.
_PYTHON_WORD = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|\b(?:None|True|False)\b""")
_GRAPHQL_WORDS = {"None": "null", "True": "true", "False": "false"}
_SUGGESTION = re.compile(r" Did you mean .*\?$", re.DOTALL)


def format_error(
    error: GraphQLError, debug: bool = False, *, request_id: str = "", is_hidden: bool = False
) -> dict[str, Any]:
    """Format an error for the response.

    Args:
        error: as graphql-core collected it.
        debug: ignored. ariadne passes it, but a client never sees more.
        request_id: the id of the request in the log.
        is_hidden: leave out suggestions that reveal names of the schema.

    Returns:
        `message`, `locations`, `path` and `extensions`, which has `code`, `requestId` and, for a
        name that was not found, `nearest`.
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
            "Request %s failed: %s", request_id, original, exc_info=None if is_known else original
        )
        formatted["message"] = _HIDDEN_MESSAGES[code]
    elif isinstance(original, BookgraphError):
        formatted["message"] = _ADDRESS.sub("", error.message)
    else:
        message = (
            _SUGGESTION.sub("", error.message) if is_hidden and original is None else error.message
        )
        formatted["message"] = _PYTHON_WORD.sub(_graphql_word, message)
    if request_id:
        extensions["requestId"] = request_id
    formatted["extensions"] = extensions
    return formatted


def _graphql_word(found: re.Match[str]) -> str:
    return _GRAPHQL_WORDS.get(found[0], found[0])


def error_code(error: GraphQLError) -> str:
    """The stable code of an error."""
    original = error.original_error
    if isinstance(error, LimitError) or isinstance(original, LimitError):
        return "QUERY_TOO_LARGE"
    if isinstance(error, GraphQLSyntaxError):
        is_large = error.message.endswith("Parsing aborted.")
        return "QUERY_TOO_LARGE" if is_large else "GRAPHQL_PARSE_FAILED"
    if original is None or isinstance(original, GraphQLError):
        # An error without a path comes from before the execution: the variables or the operation
        # do not fit.
        given = (error.extensions or {}).get("code")
        return str(given or ("BAD_USER_INPUT" if error.path else "GRAPHQL_VALIDATION_FAILED"))
    return next((code for kind, code in _CODES if isinstance(original, kind)), _INTERNAL)


def response_status(codes: list[str], data: object) -> HTTPStatus:
    """The status of an executed operation: 200 unless an error left no data at all.

    Args:
        codes: the codes of all errors.
        data: the data of the response.
    """
    has_data = isinstance(data, dict) and any(value is not None for value in data.values())
    if not has_data:
        for code, status in _STATUSES.items():
            if code in codes:
                return status
    return HTTPStatus.OK
