"""The 2-D map: the root field `mapPoints`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import graphene
from graphql import GraphQLResolveInfo

from bookgraph.api.execute.lookahead import selected_fields
from bookgraph.api.schema.inputs import NodeKindInput, kind_of, value_of
from bookgraph.api.schema.properties import map_fields
from bookgraph.api.schema.resolve import call_store
from bookgraph.graph.query import overview
from bookgraph.graph.schema import MapName


class Column(graphene.Scalar):
    """A list of values of one type, with null for unknown values."""

    # Executing a list type costs some microseconds for each element: 3 s for the map of 80,000
    # books, against 0.1 s for a scalar.

    @staticmethod
    def serialize(value: Sequence[Any]) -> Sequence[Any]:
        """Return the list unchanged."""
        return value


class MapLayout(graphene.Enum):
    """The method that computed the map positions."""

    TSNE = "tsne"
    UMAP = "umap"

    @property
    def description(self) -> str:
        """The meaning of each value."""
        if self is MapLayout.TSNE:
            return "t-SNE, made by `bookgraph map`. It keeps the most nearest neighbours."
        return "UMAP, made by `bookgraph map --method umap`. It keeps more of the overall shape."


_MapColumns: Any = map_fields(Column)


class MapPoints(_MapColumns, graphene.ObjectType):
    """The points of the 2-D map as parallel columns.

    The most connected nodes come last, so that they are drawn on top.
    """

    num_points = graphene.Int(required=True, description="Length of each column.")
    num_unplaced = graphene.Int(
        required=True,
        description="Books or links without a map position. `bookgraph map` computes positions.",
    )
    layout = graphene.NonNull(MapLayout, description="The method that computed these positions.")
    layouts = graphene.NonNull(
        graphene.List(graphene.NonNull(MapLayout)),
        description="The layouts that exist for the current model.",
    )
    seed = graphene.Int(
        description="Seed of the layout. Null if the layout is of an earlier model."
    )
    kept_share = graphene.Float(
        description="Mean share of a point's 15 most similar nodes that are among its 15 nearest "
        "on the map. Null if the layout is of an earlier model."
    )
    title = Column(required=True, description="Titles.")
    name = Column(description="Names of links. Null for books.")
    x = Column(required=True, description="Map positions, from left to right.")
    y = Column(required=True, description="Map positions, from bottom to top.")


class MapQuery(graphene.ObjectType):
    """The 2-D map."""

    class Meta:
        abstract = True

    map_points = graphene.Field(
        MapPoints,
        description="All points of the 2-D map in one compact response.",
        kind=graphene.Argument(NodeKindInput, default_value="Book", description="Books or links."),
        layout=graphene.Argument(
            MapLayout, default_value="tsne", description="Which layout to return."
        ),
    )

    @staticmethod
    async def resolve_map_points(
        root: None, info: GraphQLResolveInfo, kind: Any, layout: Any
    ) -> dict[str, Any]:
        """Read the selected columns that the kind has."""
        chosen = kind_of(kind)
        columns = sorted(selected_fields(info) & chosen.stored("answer").keys())
        name: MapName = "umap" if value_of(layout) == "umap" else "tsne"
        found = await call_store(
            info, lambda store: overview.read_map(store, chosen, columns, layout=name)
        )
        facts = {one.name: getattr(found, one.name) for one in fields(found)}
        return {**facts, **found.columns}
