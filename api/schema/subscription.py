"""Changes as they happen: the subscription `graphChanged`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import asdict
from typing import Any

import graphene
from graphql import GraphQLResolveInfo

from bookgraph.api.schema.connections import Row
from bookgraph.api.schema.inputs import enum_of, value_of
from bookgraph.api.schema.scalars import DateTime


class ChangeKind(graphene.Enum):
    """A kind of change to the graph."""

    INGESTED = "ingested"
    TRAINED = "trained"
    EDITED = "edited"

    @property
    def description(self) -> str:
        """The meaning of each value."""
        if self is ChangeKind.INGESTED:
            return "Books were loaded, and the load ran to its end."
        if self is ChangeKind.TRAINED:
            return "The vectors of a new model were written, or another model was chosen."
        return "A book was saved or removed through the API."


EditKind = enum_of(
    "EditKind",
    "What an edit did.",
    {"SAVED": ("SAVED", "A book was added or changed."), "REMOVED": ("REMOVED", "It was removed.")},
)


class Edit(graphene.ObjectType):
    """A change to one book through the API."""

    kind = graphene.NonNull(EditKind, description="What it did.")
    title = graphene.String(required=True, description="Title of the book.")
    at = DateTime(required=True, description="When.")


class GraphChange(graphene.ObjectType):
    """A change to the graph."""

    kind = graphene.NonNull(ChangeKind, description="The kind of change.")
    edit = graphene.Field(Edit, description="What was edited. Null for other kinds of changes.")
    loaded_at = DateTime(description="Time of the last load.")
    embedding_model = graphene.String(description="The current model version.")
    num_books = graphene.Int(required=True, description="Number of books after the change.")


class Subscription(graphene.ObjectType):
    """Changes to the graph as they happen."""

    graph_changed = graphene.Field(
        graphene.NonNull(GraphChange),
        description="Sent when books were loaded, saved or removed, or a model was written.",
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
                        "edit": None if change.edit is None else asdict(change.edit),
                        "loaded_at": change.stamp.loaded_at,
                        "embedding_model": change.stamp.model,
                        "num_books": change.stamp.num_books,
                    }

    @staticmethod
    def resolve_graph_changed(change: Row, info: GraphQLResolveInfo, **arguments: Any) -> Row:
        """The change itself."""
        return change
