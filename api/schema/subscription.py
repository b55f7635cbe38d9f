"""Changes as they happen: the subscription `graphChanged`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import graphene
from graphql import GraphQLResolveInfo

from bookgraph.api.schema.connections import Row
from bookgraph.api.schema.inputs import value_of


class ChangeKind(graphene.Enum):
    """A kind of change to the graph."""

    INGESTED = "ingested"
    TRAINED = "trained"

    @property
    def description(self) -> str:
        """The meaning of each value."""
        if self is ChangeKind.INGESTED:
            return "Books were loaded, and the load ran to its end."
        return "The vectors of a new model were written."


class GraphChange(graphene.ObjectType):
    """A change to the graph."""

    kind = graphene.NonNull(ChangeKind, description="The kind of change.")
    loaded_at = graphene.String(description="Time of the last load, ISO 8601.")
    embedding_model = graphene.String(description="The current model version.")
    num_books = graphene.Int(required=True, description="Number of books after the change.")


class Subscription(graphene.ObjectType):
    """Changes to the graph as they happen."""

    graph_changed = graphene.Field(
        graphene.NonNull(GraphChange),
        description="Sent when books were loaded or a model was written.",
        kind=graphene.Argument(ChangeKind, description="Send only changes of this kind."),
    )

    @staticmethod
    async def subscribe_graph_changed(
        root: None, info: GraphQLResolveInfo, kind: Any = None
    ) -> AsyncIterator[Row]:
        """Follow the change feed of the server."""
        wanted = None if kind is None else value_of(kind)
        async with aclosing(info.context["changes"].follow()) as changes:
            async for change in changes:
                if wanted in {None, change.kind}:
                    yield {
                        "kind": change.kind,
                        "loaded_at": change.stamp.loaded_at,
                        "embedding_model": change.stamp.model,
                        "num_books": change.stamp.num_books,
                    }

    @staticmethod
    def resolve_graph_changed(change: Row, info: GraphQLResolveInfo, **arguments: Any) -> Row:
        """The change itself."""
        return change
