"""Cursors of connections: the values that an item is sorted by, and the model of the list.

Clients get them as opaque texts. They name a place by values and not by a number, so they stay
right while the list changes, and the server accepts each one that it gave.
"""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode

import orjson

from bookgraph.core.errors import UsageError
from bookgraph.graph.query.selection import Position

_MOST_CHARS = 20_000


def encode_cursor(position: Position) -> str:
    """The cursor of a place."""
    content = [position.order, position.version, *position.values]
    return urlsafe_b64encode(orjson.dumps(content)).decode()


def decode_cursor(argument: str, cursor: str) -> Position:
    """The place that a cursor names.

    Raises:
        UsageError: it is not a cursor. The message names `argument`.
    """
    try:
        if len(cursor) > _MOST_CHARS:
            raise ValueError  # noqa: TRY301  # one message for all
        match orjson.loads(urlsafe_b64decode(cursor.encode())):
            case [str(order), str() | None as version, *values] if values and all(
                one is None or isinstance(one, (str, int, float)) for one in values
            ):
                return Position(order, tuple(values), version)
    except (ValueError, binascii.Error):
        pass
    raise UsageError(f"{argument}: {cursor[:80]!r} is not a cursor. Pass a cursor of this list.")
