"""Links: the type `Link` and the root fields `link`, `links` and `topLinks`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import graphene
from graphql import GraphQLResolveInfo
from graphql_relay import to_global_id

from bookgraph.api.execute.filters import filter_of
from bookgraph.api.execute.lookahead import (
    page_of,
    selections_of_connection,
    selections_of_node,
)
from bookgraph.api.schema.book import Book
from bookgraph.api.schema.connections import (
    Connection,
    ConnectionValue,
    Edge,
    Row,
    edges_of,
    model_argument,
    nodes_of,
    paged,
    root_list,
    total_of,
)
from bookgraph.api.schema.inputs import (
    LinkOrder,
    book_filter_argument,
    link_filter_argument,
    value_of,
)
from bookgraph.api.schema.node import Node, find_many, key_of, keys_argument, many
from bookgraph.api.schema.properties import output_fields
from bookgraph.api.schema.resolve import call_store, read_list
from bookgraph.graph.query import nodes
from bookgraph.graph.schema import LINK

_LinkProperties: Any = output_fields(LINK)


class Link(_LinkProperties, graphene.ObjectType):
    """A Wikipedia page that books link to."""

    class Meta:
        interfaces = (Node,)

    book = graphene.Field(Book, description="The book whose page this link leads to, if any.")
    books = paged(
        lambda: LinkBookConnection,
        "Books that mention the link, the most frequent first.",
        filter=book_filter_argument(),
    )
    similar_links = paged(
        "similar.SimilarLinkConnection",
        "The most similar links, the best first.",
        filter=link_filter_argument(),
        model=model_argument(),
    )
    predicted_books = paged(
        "similar.PredictedBookConnection",
        "Books that the model expects to mention the link but that do not, the most expected "
        "first.",
        filter=book_filter_argument(),
        model=model_argument(),
    )

    @staticmethod
    def resolve_id(row: Row, info: GraphQLResolveInfo) -> str:
        """Encode type and name."""
        return to_global_id("Link", row["name"])


class LinkEdge(Edge):
    """A link in a list."""

    node = graphene.NonNull(Link, description="The link.")


class LinkConnection(Connection):
    """A list of links."""

    edges = edges_of(LinkEdge)
    nodes = nodes_of(Link)
    total_count = total_of("How many links the whole list has.")


class BookLinkEdge(Edge):
    """A link of a book."""

    node = graphene.NonNull(Link, description="The link.")
    count = graphene.Int(required=True, description="How many times the book mentions it.")


class BookLinkConnection(Connection):
    """The links of a book."""

    edges = edges_of(BookLinkEdge, "The links with cursors and counts.")
    nodes = nodes_of(Link)
    total_count = total_of("How many links the book has.")


class LinkBookEdge(Edge):
    """A book that mentions a link."""

    node = graphene.NonNull(Book, description="The book.")
    count = graphene.Int(required=True, description="How many times it mentions the link.")


class LinkBookConnection(Connection):
    """The books that mention a link."""

    edges = edges_of(LinkBookEdge, "The books with cursors and counts.")
    nodes = nodes_of(Book)
    total_count = total_of("How many books mention the link.")


class LinkQuery(graphene.ObjectType):
    """Single links and lists of links."""

    class Meta:
        abstract = True

    link = graphene.Field(
        Link,
        description="One link, by name or by id. If it does not exist, the error names the most "
        "similar names.",
        name=graphene.String(description="The name or a redirect to it, in any letter case."),
        id=graphene.ID(description="The global id."),
    )
    links_by_name = many(
        Link,
        "One link for each name, in order. Null for each name without a link.",
        names=keys_argument(graphene.String, "Names, or redirects to them, at most 100."),
    )
    links = root_list(
        LinkConnection,
        "All links, or those that match a filter.",
        filter=link_filter_argument(),
        order_by=graphene.Argument(
            LinkOrder, default_value="name", description="The order of the list."
        ),
    )
    top_links = root_list(
        LinkConnection,
        "Links by number of books that mention them, the largest first.",
        filter=link_filter_argument(),
    )

    @staticmethod
    async def resolve_link(
        root: None, info: GraphQLResolveInfo, name: str | None = None, id: str | None = None
    ) -> Row:
        """Find it by its name."""
        key = key_of("Link", "name", name, id)
        wanted = selections_of_node(info)
        return await call_store(info, lambda store: nodes.find_link(store, key, wanted))

    @staticmethod
    async def resolve_links_by_name(
        root: None, info: GraphQLResolveInfo, names: Sequence[str]
    ) -> Sequence[Row | None]:
        """Find each by its name."""
        return await find_many(info, LINK, "names", names)

    @staticmethod
    async def resolve_links(
        root: None,
        info: GraphQLResolveInfo,
        filter: Mapping[str, Any] | None = None,
        order_by: Any = "name",
        **paging: Any,
    ) -> ConnectionValue:
        """Read one page of the list."""
        page, where, order = page_of(paging), filter_of(LINK, filter), value_of(order_by)
        _, node = selections_of_connection(info)
        return await read_list(
            info, page, lambda store: nodes.list_links(store, page, node, where=where, order=order)
        )

    @staticmethod
    async def resolve_top_links(
        root: None,
        info: GraphQLResolveInfo,
        filter: Mapping[str, Any] | None = None,
        **paging: Any,
    ) -> ConnectionValue:
        """Read one page of the list in its order."""
        return await LinkQuery.resolve_links(
            root, info, filter=filter, order_by="num_books_descending", **paging
        )
