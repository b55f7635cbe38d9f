"""How a root field reads the graph: one call in a thread, its result as a connection."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from anyio import to_thread
from graphql import GraphQLResolveInfo

from bookgraph.api.schema.connections import ConnectionValue
from bookgraph.graph.query.selection import NodeList, Page
from bookgraph.graph.store import Store

T = TypeVar("T")


async def call_store(info: GraphQLResolveInfo, work: Callable[[Store], T]) -> T:
    """Run some work on the store of the request's context.

    The driver blocks, so the work runs in a thread while the server does other things. If the
    client disconnects or the request times out, the thread is abandoned; Neo4j ends its statement
    at its own timeout.
    """
    return await to_thread.run_sync(work, info.context["store"], abandon_on_cancel=True)


async def read_list(
    info: GraphQLResolveInfo, page: Page, work: Callable[[Store], NodeList]
) -> ConnectionValue:
    """Read one page of a list."""
    found = await call_store(info, work)
    return ConnectionValue(found, page)
