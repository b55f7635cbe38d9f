# mypy: allow-subclassing-any
# graphene ships no types, so its classes are Any.
"""The GraphQL object types: what a book, a link and their lists look like to a client.

Values are the rows that `graph.query.nodes` returns; each field finds its own by the key that the
look-ahead gave it. Nothing here asks the graph.
"""

from __future__ import annotations

import json
from typing import Any

import graphene
from graphql import GraphQLResolveInfo
from graphql_relay import to_global_id

from bookgraph.api.execute.lookahead import DEFAULT_PAGE_SIZE, DEFAULT_WHY_SIZE
from bookgraph.api.schema.connections import (
    Connection,
    Edge,
    Row,
    edges_of,
    nodes_of,
    paged,
    resolve_selected,
    total_of,
)
from bookgraph.api.schema.properties import output_fields
from bookgraph.graph.schema import BOOK, EXTERNAL_LINK, LINK

_BookProperties: Any = output_fields(BOOK)
_LinkProperties: Any = output_fields(LINK)


class Node(graphene.Interface):
    """What has a global id and can be asked for by it."""

    id = graphene.ID(required=True, description="Global id.")

    @classmethod
    def resolve_type(cls, instance: Row, info: GraphQLResolveInfo) -> type:  # noqa: ARG003  # graphene's
        """By the label that came with the row."""
        return Book if instance["label"] == BOOK.label else Link


class InfoboxField(graphene.ObjectType):
    """One parameter of a book's infobox, as the page has it."""

    name = graphene.String(required=True, description="The parameter's name.")
    value = graphene.String(required=True, description="Its text.")


class ExternalLink(graphene.ObjectType):
    """A page outside Wikipedia that books cite."""

    url = graphene.String(required=True, description=EXTERNAL_LINK["url"])
    host = graphene.String(description=EXTERNAL_LINK["host"])
    num_books = graphene.Int(required=True, description=EXTERNAL_LINK["num_books"])


class Book(_BookProperties, graphene.ObjectType):
    """A book: a Wikipedia page with a book's infobox."""

    class Meta:
        interfaces = (Node,)

    infobox = graphene.List(
        graphene.NonNull(InfoboxField), description="The infobox as the page has it."
    )
    links = paged(lambda: BookLinkConnection, "What the page links to, most mentioned first.")
    external_links = paged(lambda: ExternalLinkConnection, "What the page cites.")
    similar_books = paged(lambda: SimilarBookConnection, "The nearest books, best first.")
    related_books = paged(
        lambda: RelatedBookConnection,
        "The books that share the most telling links with it, whatever the vectors say.",
    )
    predicted_links = paged(
        lambda: PredictedLinkConnection,
        "Links that the page lacks and the vectors expect, the most expected first.",
    )

    @staticmethod
    def resolve_id(row: Row, info: GraphQLResolveInfo) -> str:
        """Type and title, opaque."""
        return to_global_id("Book", row["title"])

    @staticmethod
    def resolve_infobox(row: Row, info: GraphQLResolveInfo) -> list[dict[str, str]]:
        """Unpack the stored JSON."""
        stored = json.loads(row["infobox"] or "{}")
        return [{"name": name, "value": value} for name, value in stored.items()]


class Link(_LinkProperties, graphene.ObjectType):
    """A page that books link to."""

    class Meta:
        interfaces = (Node,)

    book = graphene.Field(lambda: Book, description="The book that this link leads to, if any.")
    books = paged(lambda: LinkBookConnection, "Books that mention it, those most often first.")
    similar_links = paged(lambda: SimilarLinkConnection, "The nearest links, best first.")
    predicted_books = paged(
        lambda: PredictedBookConnection,
        "Books that do not mention it and whose vectors expect it, the most expected first.",
    )

    @staticmethod
    def resolve_id(row: Row, info: GraphQLResolveInfo) -> str:
        """Type and name, opaque."""
        return to_global_id("Link", row["name"])


class BookEdge(Edge):
    """A book in a list."""

    node = graphene.NonNull(Book, description="The book.")


class BookConnection(Connection):
    """A list of books."""

    edges = edges_of(BookEdge)
    nodes = nodes_of(Book)
    total_count = total_of("Books in the whole list.")


class LinkEdge(Edge):
    """A link in a list."""

    node = graphene.NonNull(Link, description="The link.")


class LinkConnection(Connection):
    """A list of links."""

    edges = edges_of(LinkEdge)
    nodes = nodes_of(Link)
    total_count = total_of("Links in the whole list.")


class BookLinkEdge(Edge):
    """A link of a book."""

    node = graphene.NonNull(Link, description="The link.")
    count = graphene.Int(required=True, description="How often the book mentions it.")


class BookLinkConnection(Connection):
    """The links of a book."""

    edges = edges_of(BookLinkEdge, "With cursors and counts.")
    nodes = nodes_of(Link)
    total_count = total_of("Links of the book.")


class LinkBookEdge(Edge):
    """A book that mentions a link."""

    node = graphene.NonNull(Book, description="The book.")
    count = graphene.Int(required=True, description="How often it mentions the link.")


class LinkBookConnection(Connection):
    """The books that mention a link."""

    edges = edges_of(LinkBookEdge, "With cursors and counts.")
    nodes = nodes_of(Book)
    total_count = total_of("Books that mention it.")


class ExternalLinkEdge(Edge):
    """An external link of a book."""

    node = graphene.NonNull(ExternalLink, description="The external link.")
    count = graphene.Int(required=True, description="How often the book cites it.")


class ExternalLinkConnection(Connection):
    """The external links of a book."""

    edges = edges_of(ExternalLinkEdge, "With cursors and counts.")
    nodes = nodes_of(ExternalLink)
    total_count = total_of("External links of the book.")


class SharedLink(graphene.ObjectType):
    """A link that two near books have in common."""

    link = graphene.NonNull(Link, description="The link.")
    score = graphene.Float(
        required=True,
        description="How much it says: the natural logarithm of all books over those that mention "
        "it, times the number of liked books that do.",
    )


class SharedBook(graphene.ObjectType):
    """A book that mentions two near links."""

    book = graphene.NonNull(Book, description="The book.")
    score = graphene.Float(
        required=True,
        description="How much it says: the natural logarithm of all links over those of the book, "
        "times the number of liked links that it mentions.",
    )


def reasons(item_type: Any, description: str) -> Any:
    """The field `why` of an edge."""
    return graphene.NonNull(
        graphene.List(graphene.NonNull(item_type)),
        description=description,
        first=graphene.Int(default_value=DEFAULT_WHY_SIZE, description="At most so many, to 100."),
        resolver=resolve_selected,
    )


class SimilarBookEdge(Edge):
    """A book that is near."""

    node = graphene.NonNull(Book, description="The near book.")
    score = graphene.Float(required=True, description="The cosine, in [-1, 1]; higher is nearer.")
    shared_links = graphene.NonNull(
        graphene.List(graphene.NonNull(Link)),
        description="Links that both mention, the rarest first: why the two are near.",
        first=graphene.Int(default_value=DEFAULT_PAGE_SIZE, description="At most so many, to 100."),
        resolver=resolve_selected,
    )
    why = reasons(SharedLink, "The shared links that speak most for it, with their weights.")


class SimilarBookConnection(Connection):
    """Books near to something, best first."""

    edges = edges_of(SimilarBookEdge, "With scores and reasons.")
    nodes = nodes_of(Book)


class SimilarLinkEdge(Edge):
    """A link that is near."""

    node = graphene.NonNull(Link, description="The near link.")
    score = graphene.Float(required=True, description="The cosine, in [-1, 1]; higher is nearer.")
    shared_books = graphene.NonNull(
        graphene.List(graphene.NonNull(Book)),
        description="Books that mention both, those with the fewest links first.",
        first=graphene.Int(default_value=DEFAULT_PAGE_SIZE, description="At most so many, to 100."),
        resolver=resolve_selected,
    )
    why = reasons(SharedBook, "The shared books that speak most for it, with their weights.")


class SimilarLinkConnection(Connection):
    """Links near to something, best first."""

    edges = edges_of(SimilarLinkEdge, "With scores and reasons.")
    nodes = nodes_of(Link)


class RelatedBookEdge(Edge):
    """A book that shares links."""

    node = graphene.NonNull(Book, description="The book.")
    score = graphene.Float(
        required=True, description="The sum of the rarities of the links that both mention."
    )
    why = reasons(SharedLink, "The shared links that speak most for it, with their weights.")


class RelatedBookConnection(Connection):
    """Books that share links with a book, those that share most first."""

    edges = edges_of(RelatedBookEdge, "With scores and reasons.")
    nodes = nodes_of(Book)


class PredictedLinkEdge(Edge):
    """A link that a page could have."""

    node = graphene.NonNull(Link, description="The link.")
    score = graphene.Float(
        required=True,
        description="The dot product of the two vectors; comparable for one book only.",
    )


class PredictedLinkConnection(Connection):
    """Links that a page lacks, the most expected first."""

    edges = edges_of(PredictedLinkEdge, "With scores.")
    nodes = nodes_of(Link)


class PredictedBookEdge(Edge):
    """A book whose page could mention a link."""

    node = graphene.NonNull(Book, description="The book.")
    score = graphene.Float(
        required=True,
        description="The dot product of the two vectors; comparable for one link only.",
    )


class PredictedBookConnection(Connection):
    """Books that lack a link, those that it is most expected of first."""

    edges = edges_of(PredictedBookEdge, "With scores.")
    nodes = nodes_of(Book)
