"""Pages outside Wikipedia that books cite: the root fields `externalLink` and `externalLinks`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import graphene
from graphql import GraphQLResolveInfo

from bookgraph.api.execute.lookahead import (
    page_of,
    selections_of_connection,
    selections_of_node,
)
from bookgraph.api.schema.book import ExternalLink
from bookgraph.api.schema.connections import (
    Connection,
    ConnectionValue,
    Edge,
    Row,
    edges_of,
    nodes_of,
    root_list,
    total_of,
)
from bookgraph.api.schema.inputs import enum_of, value_of
from bookgraph.api.schema.resolve import call_store, read_list
from bookgraph.graph.query import external

ExternalLinkOrder = enum_of(
    "ExternalLinkOrder",
    "Order of a list of external links.",
    {name.upper(): (name, text) for name, (text, _) in external.ORDERS.items()},
)


class ExternalLinkFilterInput(graphene.InputObjectType):
    """Which external links to return; every given condition has to hold."""

    class Meta:
        name = "ExternalLinkFilter"

    host = graphene.List(
        graphene.NonNull(graphene.String), description="Any of these hosts, without `www.`."
    )
    url_contains = graphene.String(description="A part of the URL, in any letter case.")
    num_books_from = graphene.Int(description="Minimum number of books that cite it, inclusive.")


class CitedLinkEdge(Edge):
    """An external link in a list."""

    node = graphene.NonNull(ExternalLink, description="The external link.")


class CitedLinkConnection(Connection):
    """A list of external links."""

    edges = edges_of(CitedLinkEdge)
    nodes = nodes_of(ExternalLink)
    total_count = total_of("How many external links the whole list has.")


class ExternalQuery(graphene.ObjectType):
    """Single external links and lists of them."""

    class Meta:
        abstract = True

    external_link = graphene.Field(
        ExternalLink,
        description="One page outside Wikipedia that books cite, by its URL.",
        url=graphene.String(required=True, description="The URL, as the books cite it."),
    )
    external_links = root_list(
        CitedLinkConnection,
        "All pages outside Wikipedia that books cite, or those that match a filter.",
        filter=graphene.Argument(
            ExternalLinkFilterInput, description="Return only external links that match."
        ),
        order_by=graphene.Argument(
            ExternalLinkOrder, default_value="url", description="The order of the list."
        ),
    )

    @staticmethod
    async def resolve_external_link(root: None, info: GraphQLResolveInfo, url: str) -> Row:
        """Find it by its URL."""
        wanted = selections_of_node(info)
        return await call_store(info, lambda store: external.find_external_link(store, url, wanted))

    @staticmethod
    async def resolve_external_links(
        root: None,
        info: GraphQLResolveInfo,
        filter: Mapping[str, Any] | None = None,
        order_by: Any = "url",
        **paging: Any,
    ) -> ConnectionValue:
        """Read one page of the list."""
        page, order = page_of(paging), value_of(order_by)
        where = external.ExternalFilter(**(filter or {}))
        _, node = selections_of_connection(info)
        return await read_list(
            info,
            page,
            lambda store: external.list_external_links(store, page, node, where=where, order=order),
        )
