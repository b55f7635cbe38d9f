# mypy: allow-subclassing-any
# graphene ships no types, so its classes are Any.
"""The GraphQL types of answers about the graph as a whole: search, statistics, facets, the map."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import graphene
from graphql import GraphQLResolveInfo

from bookgraph.api.schema.connections import Row
from bookgraph.api.schema.inputs import enum_of
from bookgraph.api.schema.properties import map_fields
from bookgraph.api.schema.types import Book, Link
from bookgraph.graph.query.overview import facet_fields
from bookgraph.graph.schema import BOOK, NodeKind


class Column(graphene.Scalar):
    """A list of values of one kind, or null where one is not known, served whole.

    A scalar and not a list type, because executing a list costs some microseconds an element: 3 s
    for the map of 80,000 books, against 0.1 s so.
    """

    @staticmethod
    def serialize(value: Sequence[Any]) -> Sequence[Any]:
        """Hand the list on as it is."""
        return value


def _facet_text(name: str, kind: NodeKind) -> str:
    if name == "decade":
        return "Decades of first publication, such as `1860`."
    return f"All values of the field, of all {kind.word}s."


FacetField = enum_of(
    "FacetField",
    "A field whose values can be counted.",
    {name.upper(): (name, _facet_text(name, kind)) for name, (kind, _) in facet_fields().items()},
)


class MapLayout(graphene.Enum):
    """How the points of a map were placed."""

    TSNE = "tsne"
    UMAP = "umap"

    @property
    def description(self) -> str:
        """What each value stands for."""
        if self is MapLayout.TSNE:
            return "t-SNE, the one that `bookgraph map` makes; keeps most of the nearest."
        return "UMAP, made by `bookgraph map --method umap`; keeps more of the whole's shape."


class SearchNode(graphene.Union):
    """A book or a link."""

    class Meta:
        types = (Book, Link)

    @classmethod
    def resolve_type(cls, instance: Row, info: GraphQLResolveInfo) -> type:  # noqa: ARG003  # graphene's
        """By the label that came with the row."""
        return Book if instance["label"] == BOOK.label else Link


class SearchHit(graphene.ObjectType):
    """A book or link whose title, or a redirect to it, is like the text."""

    score = graphene.Float(required=True, description="1 for the text itself, down to 0.3.")
    redirect = graphene.String(
        description="The other title that is like the text, where it is not its own title."
    )
    node = graphene.NonNull(SearchNode, description="The book or link.")


class SearchResult(graphene.ObjectType):
    """What a text led to."""

    hits = graphene.NonNull(
        graphene.List(graphene.NonNull(SearchHit)), description="Best first; books before links."
    )
    did_you_mean = graphene.String(
        description="The best hit's title, where no title is just the text."
    )


class Stats(graphene.ObjectType):
    """How much is in the graph."""

    num_books = graphene.Int(required=True, description="Books.")
    num_links = graphene.Int(required=True, description="Distinct links.")
    num_external_links = graphene.Int(required=True, description="Distinct external links.")
    num_edges = graphene.Int(required=True, description="Pairs of a book and a link of it.")
    num_citations = graphene.Int(required=True, description="Pairs of a book and a cited page.")
    num_placed_books = graphene.Int(required=True, description="Books that have a vector.")
    num_placed_links = graphene.Int(required=True, description="Links that have a vector.")
    sources = graphene.List(
        graphene.NonNull(graphene.String), description="Names of the files that were loaded."
    )
    loaded_at = graphene.String(description="When they were, ISO 8601.")
    is_complete = graphene.Boolean(required=True, description="Whether the load came to its end.")


class FacetValue(graphene.ObjectType):
    """A value and how often it occurs."""

    value = graphene.String(required=True, description="The value.")
    count = graphene.Int(required=True, description="Books (or links, for `KIND`) that have it.")


class FacetValues(graphene.ObjectType):
    """The values of a field."""

    values = graphene.NonNull(
        graphene.List(graphene.NonNull(FacetValue)), description="The most frequent first."
    )
    num_values = graphene.Int(required=True, description="Different values in all.")
    num_missing = graphene.Int(required=True, description="Books or links without any.")


class ModelProperty(graphene.ObjectType):
    """A fact about the model."""

    name = graphene.String(required=True, description="Its name.")
    value = graphene.String(required=True, description="Its value as text.")


class EmbeddingModel(graphene.ObjectType):
    """The trained model whose vectors the graph holds."""

    version = graphene.String(required=True, description="Its name; a new training has a new one.")
    dim = graphene.Int(required=True, description="Numbers in a vector.")
    num_books = graphene.Int(required=True, description="Books that have a vector.")
    num_links = graphene.Int(required=True, description="Links that have a vector.")
    created_at = graphene.String(required=True, description="When it was written, ISO 8601.")
    seed = graphene.Int(description="The seed of the training.")
    properties = graphene.NonNull(
        graphene.List(graphene.NonNull(ModelProperty)),
        description="All that is recorded of it, the map's method and quality among it.",
    )

    @staticmethod
    def resolve_properties(model: Row, info: GraphQLResolveInfo) -> list[dict[str, str]]:
        """Name and text of each, sorted; nested objects are spread as `metrics.recall_at_20`."""
        return [
            {"name": name, "value": value if isinstance(value, str) else json.dumps(value)}
            for name, value in sorted(_spread(model).items())
        ]


_MapColumns: Any = map_fields(Column)


class MapPoints(_MapColumns, graphene.ObjectType):
    """The points of the 2-D map as parallel columns, the most connected last, to lie on top."""

    num_points = graphene.Int(required=True, description="The length of each column.")
    num_unplaced = graphene.Int(
        required=True, description="Books or links without a place; `bookgraph map` gives them one."
    )
    layout = graphene.NonNull(MapLayout, description="How the points were placed.")
    layouts = graphene.NonNull(
        graphene.List(graphene.NonNull(MapLayout)),
        description="The layouts that were made from the current model.",
    )
    seed = graphene.Int(description="The layout's seed; null when an earlier model was mapped.")
    kept_share = graphene.Float(
        description="Share of the 15 nearest by cosine that are among the 15 nearest on the map, "
        "mean over the points; null when an earlier model was mapped."
    )
    title = Column(required=True, description="Titles.")
    name = Column(description="Names of links; null for books.")
    x = Column(required=True, description="Places, left to right.")
    y = Column(required=True, description="Places, bottom to top.")


def _spread(model: Mapping[str, Any]) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    for name, value in model.items():
        inner = _object_of(value)
        if inner is None:
            facts[name] = value
        else:
            facts.update({f"{name}.{key}": one for key, one in inner.items()})
    return facts


def _object_of(value: object) -> dict[str, Any] | None:
    """The JSON object that a property's text holds, because Neo4j stores no maps."""
    if not isinstance(value, str) or not value.startswith("{"):
        return None
    try:
        found = json.loads(value)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
