"""The GraphQL object types: what a book, a link and their lists look like to a client.

Values are the rows that `graph.answers` returns; each field finds its own by the key that the
look-ahead gave it. Nothing here asks the graph.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import graphene
from graphql import GraphQLResolveInfo
from graphql_relay import offset_to_cursor, to_global_id

from api.lookahead import DEFAULT_PAGE_SIZE, page_of, selection_key
from graph.projection import Page

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ConnectionValue:
    """A page of a list on its way to the client.

    Attributes:
        items: rows with `node` and the edge's own values.
        page: which part of the list they are.
        total: length of the whole list, where it has one.
        has_next: whether there is more.
    """

    items: Sequence[Row]
    page: Page
    total: int | None
    has_next: bool


def resolve_selected(row: Row, info: GraphQLResolveInfo, **arguments: object) -> object:
    """Find a field's value in its row."""
    return row.get(selection_key(info.field_name, arguments))


def resolve_selected_list(
    row: Row, info: GraphQLResolveInfo, **arguments: object
) -> ConnectionValue:
    """Find a nested list in its row and make it a connection."""
    value = row[selection_key(info.field_name, arguments)]
    page = page_of(arguments)
    items, total = value["items"], value["total"]
    has_next = total is not None and page.offset + len(items) < total
    return ConnectionValue(items, page, total, has_next or _is_full(items, page, total))


def _is_full(items: Sequence[Row], page: Page, total: int | None) -> bool:
    # A list by likeness has no length of its own: a full page may be followed by another one.
    return total is None and 0 < page.first == len(items)


def paged(connection: Any, description: str) -> Any:
    """A list field with Relay's `first` and `after`."""
    return graphene.NonNull(
        connection,
        description=description,
        first=graphene.Int(default_value=DEFAULT_PAGE_SIZE, description="At most so many, to 100."),
        after=graphene.String(description="Go on behind this cursor."),
        resolver=resolve_selected_list,
    )


class PageInfo(graphene.ObjectType):
    """Where a page stands in its list."""

    has_next_page = graphene.Boolean(required=True, description="Whether there is more behind it.")
    has_previous_page = graphene.Boolean(required=True, description="Whether there is more before.")
    start_cursor = graphene.String(description="Cursor of its first edge.")
    end_cursor = graphene.String(description="Cursor of its last edge; pass it as `after`.")


class _Edge(graphene.ObjectType):
    class Meta:
        abstract = True

    cursor = graphene.String(required=True, description="Where the edge stands in the list.")


class _Connection(graphene.ObjectType):
    class Meta:
        abstract = True

    page_info = graphene.NonNull(PageInfo, description="Where this page stands.")

    @staticmethod
    def resolve_edges(value: ConnectionValue, info: GraphQLResolveInfo) -> list[Row]:
        """Rows with their cursors."""
        return [
            {**row, "cursor": offset_to_cursor(value.page.offset + position)}
            for position, row in enumerate(value.items)
        ]

    @staticmethod
    def resolve_nodes(value: ConnectionValue, info: GraphQLResolveInfo) -> list[Row]:
        """The rows' nodes."""
        return [row["node"] for row in value.items]

    @staticmethod
    def resolve_total_count(value: ConnectionValue, info: GraphQLResolveInfo) -> int | None:
        """The length of the whole list."""
        return value.total

    @staticmethod
    def resolve_page_info(value: ConnectionValue, info: GraphQLResolveInfo) -> PageInfo:
        """Cursors and whether there is more."""
        start, num = value.page.offset, len(value.items)
        return PageInfo(
            has_next_page=value.has_next,
            has_previous_page=start > 0,
            start_cursor=offset_to_cursor(start) if num else None,
            end_cursor=offset_to_cursor(start + num - 1) if num else None,
        )


class InfoboxField(graphene.ObjectType):
    """One parameter of a book's infobox, as the page has it."""

    name = graphene.String(required=True, description="The parameter's name.")
    value = graphene.String(required=True, description="Its text.")


class ExternalLink(graphene.ObjectType):
    """A page outside Wikipedia that books cite."""

    url = graphene.String(required=True, description="Its address.")
    host = graphene.String(description="The host of the address, without `www.`.")
    num_books = graphene.Int(required=True, description="Books that cite it.")


class Book(graphene.ObjectType):
    """A book: a Wikipedia page with a book's infobox."""

    id = graphene.ID(required=True, description="Global id.")
    title = graphene.String(required=True, description="The page's title, unique.")
    author = graphene.String(description="The first author.")
    authors = graphene.List(graphene.NonNull(graphene.String), description="All authors.")
    genre = graphene.String(description="The first genre.")
    genres = graphene.List(graphene.NonNull(graphene.String), description="All genres.")
    country = graphene.String(description="The first country of origin.")
    countries = graphene.List(graphene.NonNull(graphene.String), description="All of them.")
    language = graphene.String(description="The original language.")
    languages = graphene.List(graphene.NonNull(graphene.String), description="All languages.")
    publisher = graphene.String(description="The first publisher.")
    publishers = graphene.List(graphene.NonNull(graphene.String), description="All publishers.")
    year = graphene.Int(description="Year of first publication; negative before Christ.")
    pages = graphene.Int(description="Number of pages.")
    infobox = graphene.List(
        graphene.NonNull(InfoboxField), description="The infobox as the page has it."
    )
    article_length = graphene.Int(description="Characters of the article without markup.")
    edited_at = graphene.String(description="Last edit of the page, ISO 8601.")
    num_links = graphene.Int(required=True, description="Distinct links of the page in the graph.")
    embedding = graphene.List(
        graphene.NonNull(graphene.Float), description="The book's vector in the current model."
    )
    links = paged(lambda: BookLinkConnection, "What the page links to, most mentioned first.")
    external_links = paged(lambda: ExternalLinkConnection, "What the page cites.")
    similar_books = paged(lambda: SimilarBookConnection, "The nearest books, best first.")

    @staticmethod
    def resolve_id(row: Row, info: GraphQLResolveInfo) -> str:
        """Type and title, opaque."""
        return to_global_id("Book", row["title"])

    @staticmethod
    def resolve_infobox(row: Row, info: GraphQLResolveInfo) -> list[dict[str, str]]:
        """Unpack the stored JSON."""
        stored = json.loads(row["infobox"] or "{}")
        return [{"name": name, "value": value} for name, value in stored.items()]


class Link(graphene.ObjectType):
    """A page that books link to."""

    id = graphene.ID(required=True, description="Global id.")
    name = graphene.String(required=True, description="Its name in lowercase, unique.")
    title = graphene.String(required=True, description="Its name as books most often write it.")
    kind = graphene.String(required=True, description="`article`, `category`, `file`, ...")
    num_books = graphene.Int(required=True, description="Books that mention it.")
    embedding = graphene.List(
        graphene.NonNull(graphene.Float), description="The link's vector in the current model."
    )
    book = graphene.Field(lambda: Book, description="The book that this link leads to, if any.")
    books = paged(lambda: LinkBookConnection, "Books that mention it, those most often first.")
    similar_links = paged(lambda: SimilarLinkConnection, "The nearest links, best first.")

    @staticmethod
    def resolve_id(row: Row, info: GraphQLResolveInfo) -> str:
        """Type and name, opaque."""
        return to_global_id("Link", row["name"])


class BookEdge(_Edge):
    """A book in a list."""

    node = graphene.NonNull(Book, description="The book.")


class BookConnection(_Connection):
    """A list of books."""

    edges = graphene.NonNull(graphene.List(graphene.NonNull(BookEdge)), description="With cursors.")
    nodes = graphene.NonNull(graphene.List(graphene.NonNull(Book)), description="Without.")
    total_count = graphene.Int(required=True, description="Books in the whole list.")


class BookLinkEdge(_Edge):
    """A link of a book."""

    node = graphene.NonNull(Link, description="The link.")
    count = graphene.Int(required=True, description="How often the book mentions it.")


class BookLinkConnection(_Connection):
    """The links of a book."""

    edges = graphene.NonNull(
        graphene.List(graphene.NonNull(BookLinkEdge)), description="With cursors and counts."
    )
    nodes = graphene.NonNull(graphene.List(graphene.NonNull(Link)), description="Without.")
    total_count = graphene.Int(required=True, description="Links of the book.")


class LinkBookEdge(_Edge):
    """A book that mentions a link."""

    node = graphene.NonNull(Book, description="The book.")
    count = graphene.Int(required=True, description="How often it mentions the link.")


class LinkBookConnection(_Connection):
    """The books that mention a link."""

    edges = graphene.NonNull(
        graphene.List(graphene.NonNull(LinkBookEdge)), description="With cursors and counts."
    )
    nodes = graphene.NonNull(graphene.List(graphene.NonNull(Book)), description="Without.")
    total_count = graphene.Int(required=True, description="Books that mention it.")


class ExternalLinkEdge(_Edge):
    """An external link of a book."""

    node = graphene.NonNull(ExternalLink, description="The external link.")
    count = graphene.Int(required=True, description="How often the book cites it.")


class ExternalLinkConnection(_Connection):
    """The external links of a book."""

    edges = graphene.NonNull(
        graphene.List(graphene.NonNull(ExternalLinkEdge)), description="With cursors and counts."
    )
    nodes = graphene.NonNull(graphene.List(graphene.NonNull(ExternalLink)), description="Without.")
    total_count = graphene.Int(required=True, description="External links of the book.")


class SimilarBookEdge(_Edge):
    """A book that is near."""

    node = graphene.NonNull(Book, description="The near book.")
    score = graphene.Float(required=True, description="The cosine, in [-1, 1]; higher is nearer.")
    shared_links = graphene.NonNull(
        graphene.List(graphene.NonNull(Link)),
        description="Links that both mention, the rarest first: why the two are near.",
        first=graphene.Int(default_value=DEFAULT_PAGE_SIZE, description="At most so many, to 100."),
        resolver=resolve_selected,
    )


class SimilarBookConnection(_Connection):
    """Books near to something, best first."""

    edges = graphene.NonNull(
        graphene.List(graphene.NonNull(SimilarBookEdge)), description="With scores and reasons."
    )
    nodes = graphene.NonNull(graphene.List(graphene.NonNull(Book)), description="Without.")


class SimilarLinkEdge(_Edge):
    """A link that is near."""

    node = graphene.NonNull(Link, description="The near link.")
    score = graphene.Float(required=True, description="The cosine, in [-1, 1]; higher is nearer.")
    shared_books = graphene.NonNull(
        graphene.List(graphene.NonNull(Book)),
        description="Books that mention both, those with the fewest links first.",
        first=graphene.Int(default_value=DEFAULT_PAGE_SIZE, description="At most so many, to 100."),
        resolver=resolve_selected,
    )


class SimilarLinkConnection(_Connection):
    """Links near to something, best first."""

    edges = graphene.NonNull(
        graphene.List(graphene.NonNull(SimilarLinkEdge)), description="With scores and reasons."
    )
    nodes = graphene.NonNull(graphene.List(graphene.NonNull(Link)), description="Without.")
