"""Similarity: similar, related and predicted books and links, and the reasons for them.

The root fields are `similarBooks` and `similarLinks`; the other lists hang below a book or a link.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import graphene
from graphql import GraphQLResolveInfo

from bookgraph.api.execute.filters import filter_of
from bookgraph.api.execute.lookahead import (
    DEFAULT_PAGE_SIZE,
    DEFAULT_WHY_SIZE,
    page_of,
    selected_fields,
    selections_of_connection,
)
from bookgraph.api.schema.book import Book
from bookgraph.api.schema.connections import (
    Connection,
    ConnectionValue,
    Edge,
    Row,
    edges_of,
    length_of,
    model_argument,
    model_version,
    nodes_of,
    resolve_selected,
    root_list,
    size_argument,
)
from bookgraph.api.schema.inputs import (
    book_filter_argument,
    link_filter_argument,
    value_of,
)
from bookgraph.api.schema.link import Link
from bookgraph.api.schema.overview import FacetField, FacetValues, facets_row
from bookgraph.api.schema.resolve import call_store, read_list
from bookgraph.graph.query.overview import count_facets
from bookgraph.graph.query.similar import SimilarityRequest, similar_books, similar_links
from bookgraph.graph.schema import BOOK, LINK

_COSINE = "Cosine similarity, in [-1, 1]. Higher is more similar."
_DOT_PRODUCT = "Dot product of the two vectors. Compare it only within one list."


class SharedLink(graphene.ObjectType):
    """A link that two similar books share."""

    link = graphene.NonNull(Link, description="The link.")
    score = graphene.Float(
        required=True,
        description="Weight of this reason: the natural logarithm of (all books / books that "
        "mention the link), times the number of liked books that mention it.",
    )


class SharedBook(graphene.ObjectType):
    """A book that mentions two similar links."""

    book = graphene.NonNull(Book, description="The book.")
    score = graphene.Float(
        required=True,
        description="Weight of this reason: the natural logarithm of (all links / links of the "
        "book), times the number of liked links that it mentions.",
    )


def _selected_list(item_type: Any, description: str, *, default_size: int) -> Any:
    """A plain list below an edge, cut at `first`."""
    return graphene.NonNull(
        graphene.List(graphene.NonNull(item_type)),
        description=description,
        first=size_argument(default_size),
        resolver=resolve_selected,
    )


def _why(item_type: Any, description: str) -> Any:
    return _selected_list(item_type, description, default_size=DEFAULT_WHY_SIZE)


def _shared(item_type: Any, description: str) -> Any:
    return _selected_list(item_type, description, default_size=DEFAULT_PAGE_SIZE)


class SimilarBookEdge(Edge):
    """A similar book."""

    node = graphene.NonNull(Book, description="The similar book.")
    score = graphene.Float(required=True, description=_COSINE)
    shared_links = _shared(Link, "Links that both books mention, the rarest first.")
    why = _why(SharedLink, "The shared links that explain the similarity best, with weights.")


class SimilarBookConnection(Connection):
    """Similar books, the best first."""

    facets = graphene.NonNull(
        FacetValues,
        description="The values of a field and how frequent they are among the books of this page.",
        field=graphene.Argument(FacetField, required=True, description="The field to count."),
        first=graphene.Int(default_value=20, description="Number of values, at most 500."),
    )
    edges = edges_of(SimilarBookEdge, "The books with scores and reasons.")
    model_version = model_version()
    total_count = length_of()
    nodes = nodes_of(Book)

    @staticmethod
    async def resolve_facets(
        value: ConnectionValue, info: GraphQLResolveInfo, field: Any, first: int
    ) -> Row:
        """Count the values of the page's books."""
        titles = [str(item["at"][-1]) for item in value.found.items]
        found = await call_store(
            info,
            lambda store: count_facets(store, value_of(field), first=first, keys=titles),
        )
        return facets_row(found)


class SimilarLinkEdge(Edge):
    """A similar link."""

    node = graphene.NonNull(Link, description="The similar link.")
    score = graphene.Float(required=True, description=_COSINE)
    shared_books = _shared(
        Book, "Books that mention both links, those with the fewest links first."
    )
    why = _why(SharedBook, "The shared books that explain the similarity best, with weights.")


class SimilarLinkConnection(Connection):
    """Similar links, the best first."""

    edges = edges_of(SimilarLinkEdge, "The links with scores and reasons.")
    model_version = model_version()
    total_count = length_of()
    nodes = nodes_of(Link)


class RelatedBookEdge(Edge):
    """A book that shares links."""

    node = graphene.NonNull(Book, description="The book.")
    score = graphene.Float(
        required=True, description="Sum of the weights of all links that both books mention."
    )
    why = _why(SharedLink, "The shared links with the largest weights.")


class RelatedBookConnection(Connection):
    """Books that share links with a book, the highest score first."""

    edges = edges_of(RelatedBookEdge, "The books with scores and reasons.")
    nodes = nodes_of(Book)


class PredictedLinkEdge(Edge):
    """A link that the model expects of a book."""

    node = graphene.NonNull(Link, description="The link.")
    score = graphene.Float(required=True, description=_DOT_PRODUCT)


class PredictedLinkConnection(Connection):
    """Links that a book does not mention, the most expected first."""

    edges = edges_of(PredictedLinkEdge, "The links with scores.")
    model_version = model_version()
    total_count = length_of()
    nodes = nodes_of(Link)


class PredictedBookEdge(Edge):
    """A book that the model expects to mention a link."""

    node = graphene.NonNull(Book, description="The book.")
    score = graphene.Float(required=True, description=_DOT_PRODUCT)


class PredictedBookConnection(Connection):
    """Books that do not mention a link, the most expected first."""

    edges = edges_of(PredictedBookEdge, "The books with scores.")
    model_version = model_version()
    total_count = length_of()
    nodes = nodes_of(Book)


def _keys(description: str) -> graphene.Argument:
    return graphene.Argument(
        graphene.List(graphene.NonNull(graphene.String)), default_value=(), description=description
    )


_OTHER_WAYS: dict[str, Any] = {
    "to_vector": graphene.List(
        graphene.NonNull(graphene.Float),
        default_value=(),
        description="A vector to be similar to, with as many numbers as those of the model.",
    ),
    "weights": graphene.List(
        graphene.NonNull(graphene.Float),
        default_value=(),
        description="Weights of the liked ones, above 0: first those of `like`, then those of the "
        "other kind. By default all are equal.",
    ),
    "diversity": graphene.Float(
        default_value=0.0,
        description="From 0, the most similar first, to 1: how much the list avoids items that "
        "are like those before them (maximal marginal relevance). Above 0, the list has the 200 "
        "most similar ones.",
    ),
}


class SimilarQuery(graphene.ObjectType):
    """Similar books and links."""

    class Meta:
        abstract = True

    similar_books = root_list(
        SimilarBookConnection,
        "The books most similar to one book, or to the mean of several, the best first.",
        like=_keys("Titles of books to be similar to. With `likeLinks`, 1 to 50."),
        like_links=_keys("Names of links to be similar to."),
        to_links=_keys(
            "Names of the links of a page that is not in the graph, at most 500: books similar to "
            "what saving this page would make. Nothing is saved."
        ),
        **_OTHER_WAYS,
        unlike=_keys("Titles of books to be dissimilar to."),
        exclude=_keys("Titles of books to leave out. Each must exist."),
        filter=book_filter_argument(),
        min_score=graphene.Float(description="Minimum score, in [-1, 1]."),
        model=model_argument(),
        exclude_same_author=graphene.Boolean(
            default_value=False, description="Leave out books by an author of a liked book."
        ),
    )
    similar_links = root_list(
        SimilarLinkConnection,
        "The links most similar to one link, or to the mean of several, the best first.",
        like=_keys("Names of links to be similar to. With `likeBooks`, 1 to 50."),
        like_books=_keys("Titles of books to be similar to."),
        **_OTHER_WAYS,
        unlike=_keys("Names of links to be dissimilar to."),
        exclude=_keys("Names of links to leave out. Each must exist."),
        filter=link_filter_argument(),
        min_score=graphene.Float(description="Minimum score, in [-1, 1]."),
        model=model_argument(),
    )

    @staticmethod
    async def resolve_similar_books(
        root: None,
        info: GraphQLResolveInfo,
        like: Sequence[str],
        like_links: Sequence[str],
        filter: Mapping[str, Any] | None = None,
        exclude_same_author: bool = False,
        **others: Any,
    ) -> ConnectionValue:
        """Rank the books."""
        request = SimilarityRequest(
            like=like,
            like_others=like_links,
            unlike=others["unlike"],
            to_vector=others["to_vector"],
            weights=others["weights"],
            diversity=others["diversity"],
            is_counted="total_count" in selected_fields(info),
            exclude=others["exclude"],
            where=filter_of(BOOK, filter),
            min_score=others.get("min_score"),
            version=others.get("model"),
            is_author_excluded=exclude_same_author,
            to_links=others["to_links"],
        )
        page = page_of(others)
        edge, node = selections_of_connection(info)
        return await read_list(
            info, page, lambda store: similar_books(store, request, page, node=node, edge=edge)
        )

    @staticmethod
    async def resolve_similar_links(
        root: None,
        info: GraphQLResolveInfo,
        like: Sequence[str],
        like_books: Sequence[str],
        filter: Mapping[str, Any] | None = None,
        **others: Any,
    ) -> ConnectionValue:
        """Rank the links."""
        request = SimilarityRequest(
            like=like,
            like_others=like_books,
            unlike=others["unlike"],
            to_vector=others["to_vector"],
            weights=others["weights"],
            diversity=others["diversity"],
            is_counted="total_count" in selected_fields(info),
            exclude=others["exclude"],
            where=filter_of(LINK, filter),
            min_score=others.get("min_score"),
            version=others.get("model"),
        )
        page = page_of(others)
        edge, node = selections_of_connection(info)
        return await read_list(
            info, page, lambda store: similar_links(store, request, page, node=node, edge=edge)
        )
