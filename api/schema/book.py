"""Books: the type `Book` and the root fields `book`, `books` and `topBooks`.

A value of these types is a row that `graph.query.nodes` returns. Each field finds its value in the
row under the key that the look-ahead gave to it; nothing here reads the graph below a root field.
"""

from __future__ import annotations

import json
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
    BookOrder,
    book_filter_argument,
    link_filter_argument,
    value_of,
)
from bookgraph.api.schema.node import Node, find_many, key_of, keys_argument, many
from bookgraph.api.schema.properties import output_fields
from bookgraph.api.schema.resolve import call_store, read_list
from bookgraph.api.schema.scalars import URL
from bookgraph.graph.query import nodes
from bookgraph.graph.schema import BOOK, EXTERNAL_LINK

_BookProperties: Any = output_fields(BOOK)


class InfoboxField(graphene.ObjectType):
    """One parameter of a book's infobox, as on the page."""

    name = graphene.String(required=True, description="The parameter's name.")
    value = graphene.String(required=True, description="The parameter's text.")


class ExternalLink(graphene.ObjectType):
    """A page outside Wikipedia that books cite."""

    url = URL(required=True, description=EXTERNAL_LINK["url"])
    host = graphene.String(description=EXTERNAL_LINK["host"])
    num_books = graphene.Int(required=True, description=EXTERNAL_LINK["num_books"])
    books = paged(
        lambda: CitingBookConnection,
        "Books that cite the page, the most frequent first.",
        filter=book_filter_argument(),
    )


class Book(_BookProperties, graphene.ObjectType):
    """A book: a Wikipedia page with a book infobox."""

    class Meta:
        interfaces = (Node,)

    infobox = graphene.List(
        graphene.NonNull(InfoboxField), description="The infobox, uncleaned, as on the page."
    )
    links = paged(
        "link.BookLinkConnection",
        "Links that the book mentions, the most frequent first.",
        filter=link_filter_argument(),
    )
    external_links = paged(
        lambda: ExternalLinkConnection, "Pages outside Wikipedia that the book cites."
    )
    similar_books = paged(
        "similar.SimilarBookConnection",
        "The most similar books, the best first.",
        filter=book_filter_argument(),
        model=model_argument(),
    )
    related_books = paged(
        "similar.RelatedBookConnection",
        "Books that share the most, and the rarest, links with this one. Vectors play no part.",
        filter=book_filter_argument(),
    )
    predicted_links = paged(
        "similar.PredictedLinkConnection",
        "Links that the model expects but the book does not mention, the most expected first.",
        filter=link_filter_argument(),
        model=model_argument(),
    )

    @staticmethod
    def resolve_id(row: Row, info: GraphQLResolveInfo) -> str:
        """Encode type and title."""
        return to_global_id("Book", row["title"])

    @staticmethod
    def resolve_infobox(row: Row, info: GraphQLResolveInfo) -> list[dict[str, str]]:
        """Unpack the stored JSON."""
        stored = json.loads(row["infobox"] or "{}")
        return [{"name": name, "value": value} for name, value in stored.items()]


class ExternalLinkEdge(Edge):
    """An external link of a book."""

    node = graphene.NonNull(ExternalLink, description="The external link.")
    count = graphene.Int(required=True, description="How many times the book cites it.")


class ExternalLinkConnection(Connection):
    """The external links of a book."""

    edges = edges_of(ExternalLinkEdge, "The external links with cursors and counts.")
    nodes = nodes_of(ExternalLink)
    total_count = total_of("How many external links the book has.")


class CitingBookEdge(Edge):
    """A book that cites an external link."""

    node = graphene.NonNull(Book, description="The book.")
    count = graphene.Int(required=True, description="How many times it cites the page.")


class CitingBookConnection(Connection):
    """The books that cite an external link."""

    edges = edges_of(CitingBookEdge, "The books with cursors and counts.")
    nodes = nodes_of(Book)
    total_count = total_of("How many books cite the page.")


class BookEdge(Edge):
    """A book in a list."""

    node = graphene.NonNull(Book, description="The book.")


class BookConnection(Connection):
    """A list of books."""

    edges = edges_of(BookEdge)
    nodes = nodes_of(Book)
    total_count = total_of("How many books the whole list has.")


class BookQuery(graphene.ObjectType):
    """Single books and lists of books."""

    class Meta:
        abstract = True

    book = graphene.Field(
        Book,
        description="One book, by title or by id. If it does not exist, the error names the most "
        "similar titles.",
        title=graphene.String(description="The exact title, or one that redirects to it."),
        id=graphene.ID(description="The global id."),
    )
    books_by_title = many(
        Book,
        "One book for each title, in order. Null for each title without a book.",
        titles=keys_argument(graphene.String, "Titles, or redirects to them, at most 100."),
    )
    books = root_list(
        BookConnection,
        "All books, or those that match a filter.",
        filter=book_filter_argument(),
        order_by=graphene.Argument(
            BookOrder, default_value="title", description="The order of the list."
        ),
    )
    top_books = root_list(BookConnection, "Books by number of links, the largest first.")

    @staticmethod
    async def resolve_book(
        root: None, info: GraphQLResolveInfo, title: str | None = None, id: str | None = None
    ) -> Row:
        """Find it by its title."""
        key = key_of("Book", "title", title, id)
        wanted = selections_of_node(info)
        return await call_store(info, lambda store: nodes.find_book(store, key, wanted))

    @staticmethod
    async def resolve_books_by_title(
        root: None, info: GraphQLResolveInfo, titles: Sequence[str]
    ) -> Sequence[Row | None]:
        """Find each by its title."""
        return await find_many(info, BOOK, "titles", titles)

    @staticmethod
    async def resolve_books(
        root: None,
        info: GraphQLResolveInfo,
        filter: Mapping[str, Any] | None = None,
        order_by: Any = "title",
        **paging: Any,
    ) -> ConnectionValue:
        """Read one page of the list."""
        page, where, order = page_of(paging), filter_of(BOOK, filter), value_of(order_by)
        _, node = selections_of_connection(info)
        return await read_list(
            info, page, lambda store: nodes.list_books(store, page, node, where=where, order=order)
        )

    @staticmethod
    async def resolve_top_books(
        root: None, info: GraphQLResolveInfo, **paging: Any
    ) -> ConnectionValue:
        """Read one page of the list in its order."""
        return await BookQuery.resolve_books(root, info, order_by="num_links_descending", **paging)
