"""How a root field asks the graph: one question in a thread, its answer as a connection."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from anyio import to_thread
from graphql import GraphQLResolveInfo
from graphql_relay import from_global_id

from bookgraph.api.schema.connections import ConnectionValue
from bookgraph.core.errors import UsageError
from bookgraph.graph.query.selection import NodeList, Page
from bookgraph.graph.schema import KINDS
from bookgraph.graph.store import Store

T = TypeVar("T")


async def ask(info: GraphQLResolveInfo, question: Callable[[Store], T]) -> T:
    """Ask the store of the request's context."""
    # The driver blocks, so each question waits in a thread while the server goes on. A client that
    # has gone or waited too long does not wait for the thread; Neo4j ends its statement in time.
    return await to_thread.run_sync(question, info.context["store"], abandon_on_cancel=True)


async def ask_list(
    info: GraphQLResolveInfo, page: Page, question: Callable[[Store], NodeList]
) -> ConnectionValue:
    """Ask for a part of a list."""
    found = await ask(info, question)
    return ConnectionValue(found.items, page, found.total, found.has_next)


def key_of(type_name: str, argument: str, key: str | None, global_id: str | None) -> str:
    """The one key that was given, as itself or inside a global id.

    Raises:
        UsageError: both are given, or none, or the id is of another type.
    """
    if (key is None) == (global_id is None):
        raise UsageError(f"Give either {argument} or id, and not both.")
    if key is not None:
        return key
    found_type, found_key = parse_id(global_id or "")
    if found_type != type_name:
        raise UsageError(f"id: {global_id!r} is no id of a {type_name}.")
    return found_key


def parse_id(global_id: str) -> tuple[str, str]:
    """The type and the key of a global id.

    Raises:
        UsageError: it is no id of a book or a link.
    """
    try:
        found = from_global_id(global_id)
    except (ValueError, UnicodeDecodeError):
        found = None
    if found is None or found.type not in KINDS:
        raise UsageError(f"id: {global_id!r} is no id of a book or a link.")
    return found.type, found.id
