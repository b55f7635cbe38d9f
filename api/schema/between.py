"""What connects two nodes: the root fields `path` and `compare`."""

from __future__ import annotations

from collections.abc import Mapping

import graphene
from graphql import GraphQLResolveInfo

from bookgraph.api.execute.lookahead import DEFAULT_PAGE_SIZE, selections_below
from bookgraph.api.schema.book import Book
from bookgraph.api.schema.connections import Row, model_argument
from bookgraph.api.schema.inputs import PathEnd
from bookgraph.api.schema.node import Node, typed
from bookgraph.api.schema.resolve import call_store
from bookgraph.api.schema.similar import SharedLink
from bookgraph.core.errors import UsageError
from bookgraph.graph.query.paths import End, compare_books, find_paths
from bookgraph.graph.schema import BOOK, LINK


class Chain(graphene.ObjectType):
    """A path from one node to another, alternating between books and links."""

    length = graphene.Int(required=True, description="Number of edges.")
    nodes = graphene.NonNull(
        graphene.List(graphene.NonNull(Node)), description="All nodes, both ends included."
    )


def _links(description: str) -> graphene.NonNull:
    return graphene.NonNull(graphene.List(graphene.NonNull(SharedLink)), description=description)


class Comparison(graphene.ObjectType):
    """Two books side by side."""

    first_book = graphene.NonNull(Book, description="The first book.")
    second_book = graphene.NonNull(Book, description="The second book.")
    score = graphene.Float(
        description="Cosine similarity of the two books; 1 if they are the same book. Null if one "
        "of two books has no vector."
    )
    model_version = graphene.String(
        description="Version of the embedding model of the score. Null if there is none."
    )
    num_shared = graphene.Int(required=True, description="Number of links that both mention.")
    jaccard = graphene.Float(
        required=True,
        description="Shared links as a share of the links that either book mentions, in [0, 1]; 1 "
        "if they are the same book.",
    )
    shared = _links("Links that both mention, the rarest first.")
    only_first = _links("Links that only the first mentions, the rarest first.")
    only_second = _links("Links that only the second mentions, the rarest first.")


class BetweenQuery(graphene.ObjectType):
    """Paths between two nodes, and two books side by side."""

    class Meta:
        abstract = True

    path = graphene.List(
        graphene.NonNull(Chain),
        description="The shortest paths between two nodes, those through the rarest links first. "
        "Empty if nothing connects the two.",
        from_=graphene.Argument(PathEnd, required=True, name="from", description="One end."),
        to=graphene.Argument(PathEnd, required=True, description="The other end."),
        first=graphene.Int(default_value=3, description="Number of paths, at most 20."),
    )
    compare = graphene.Field(
        Comparison,
        description="Compare two books.",
        a=graphene.String(required=True, description="Title of the first book."),
        b=graphene.String(required=True, description="Title of the second book."),
        first=graphene.Int(
            default_value=DEFAULT_PAGE_SIZE, description="Links in each list, at most 100."
        ),
        model=model_argument(),
    )

    @staticmethod
    async def resolve_path(
        root: None,
        info: GraphQLResolveInfo,
        from_: Mapping[str, str],
        to: Mapping[str, str],
        first: int,
    ) -> list[Row]:
        """Search breadth first from both ends."""
        ends = (_end("from", from_), _end("to", to))
        wanted = selections_below(info, {"nodes"})
        book, link = wanted.get("Book", ()), wanted.get("Link", ())
        chains = await call_store(
            info, lambda store: find_paths(store, ends, first=first, book=book, link=link)
        )
        return [
            {"length": len(chain) - 1, "nodes": [typed(one["label"], one["node"]) for one in chain]}
            for chain in chains
        ]

    @staticmethod
    async def resolve_compare(
        root: None,
        info: GraphQLResolveInfo,
        a: str,
        b: str,
        first: int,
        model: str | None = None,
    ) -> Row:
        """Read both books and what they share."""
        book = selections_below(info, {"firstBook", "secondBook"}).get("Book", ())
        links = selections_below(info, {"shared", "onlyFirst", "onlySecond"}, {"link"})
        link = links.get("Link", ())
        found = await call_store(
            info,
            lambda store: compare_books(
                store, (a, b), first=first, book=book, link=link, version=model
            ),
        )
        return {
            "first_book": found.nodes[0],
            "second_book": found.nodes[1],
            "score": found.score,
            "model_version": found.version,
            "num_shared": found.num_shared,
            "jaccard": found.jaccard,
            "shared": found.shared,
            "only_first": found.only[0],
            "only_second": found.only[1],
        }


def _end(name: str, given: Mapping[str, str]) -> End:
    book, link = given.get("book"), given.get("link")
    if (book is None) == (link is None):
        raise UsageError(f"{name}: give either book or link, and not both.")
    return End(BOOK, book) if book is not None else End(LINK, link or "")
