# mypy: allow-subclassing-any
# graphene ships no types, so its classes are Any.
"""The GraphQL types of what lies between two nodes: chains, and two books side by side."""

from __future__ import annotations

import graphene

from bookgraph.api.schema.types import Book, Node, SharedLink


class Chain(graphene.ObjectType):
    """A way from one node to another; books and links take turns."""

    length = graphene.Int(required=True, description="Edges in it.")
    nodes = graphene.NonNull(
        graphene.List(graphene.NonNull(Node)), description="From end to end, both included."
    )


def _links(description: str) -> graphene.NonNull:
    return graphene.NonNull(graphene.List(graphene.NonNull(SharedLink)), description=description)


class Comparison(graphene.ObjectType):
    """Two books side by side."""

    first_book = graphene.NonNull(Book, description="The first book.")
    second_book = graphene.NonNull(Book, description="The second book.")
    score = graphene.Float(description="Their cosine; null where one has no vector.")
    num_shared = graphene.Int(required=True, description="Links that both have.")
    jaccard = graphene.Float(
        required=True, description="Those as a share of the links that either has, in [0, 1]."
    )
    shared = _links("Links that both have, the rarest first.")
    only_first = _links("Links that only the first has, the rarest first.")
    only_second = _links("Links that only the second has, the rarest first.")
