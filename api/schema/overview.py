"""The graph as a whole: `stats`, `facets`, `embeddingModel` and `neo4jBrowserUrl`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import graphene
from graphql import GraphQLResolveInfo

from bookgraph.api.execute.filters import filter_of
from bookgraph.api.execute.lookahead import selected_fields
from bookgraph.api.schema.connections import Row
from bookgraph.api.schema.inputs import BookFilterInput, LinkFilterInput, enum_of, value_of
from bookgraph.api.schema.resolve import call_store
from bookgraph.api.schema.scalars import URL, DateTime
from bookgraph.core.errors import UsageError
from bookgraph.graph.query import overview
from bookgraph.graph.query.overview import facet_fields
from bookgraph.graph.read.model import list_models, read_model
from bookgraph.graph.schema import BOOK, LINK, NodeKind


class Stats(graphene.ObjectType):
    """The size of the graph."""

    num_books = graphene.Int(required=True, description="Number of books.")
    num_links = graphene.Int(required=True, description="Number of links.")
    num_external_links = graphene.Int(required=True, description="Number of external links.")
    num_edges = graphene.Int(
        required=True,
        description="Number of edges. An edge is a book and a link that it mentions, counted once.",
    )
    num_citations = graphene.Int(
        required=True,
        description="Number of citations. A citation is a book and an external link, counted once.",
    )
    num_placed_books = graphene.Int(
        required=True, description="Number of books with a vector of the current model."
    )
    num_placed_links = graphene.Int(
        required=True, description="Number of links with a vector of the current model."
    )
    sources = graphene.List(
        graphene.NonNull(graphene.String), description="Names of the files that were loaded."
    )
    loaded_at = DateTime(description="Time of the last load.")
    is_complete = graphene.Boolean(
        required=True, description="Whether the last load ran to its end."
    )


def _facet_text(name: str, kind: NodeKind) -> str:
    if name == "decade":
        return "Decades of first publication, such as `1860`."
    plural = {one.name: one.plural for one in kind.properties}.get(name)
    return f"All {plural or name + 's'} of all {kind.word}s."


FacetField = enum_of(
    "FacetField",
    "A field whose values can be counted.",
    {name.upper(): (name, _facet_text(name, kind)) for name, (kind, _) in facet_fields().items()},
)


class FacetValue(graphene.ObjectType):
    """A value and its frequency."""

    value = graphene.String(required=True, description="The value.")
    count = graphene.Int(
        required=True, description="Number of books with this value (of links, for `KIND`)."
    )


class FacetValues(graphene.ObjectType):
    """The values of a field."""

    values = graphene.NonNull(
        graphene.List(graphene.NonNull(FacetValue)), description="The most frequent first."
    )
    num_values = graphene.Int(required=True, description="Number of different values.")
    num_missing = graphene.Int(required=True, description="Books or links without a value.")


class ModelProperty(graphene.ObjectType):
    """A property of the model."""

    name = graphene.String(required=True, description="The property's name.")
    value = graphene.String(required=True, description="The property's value, as text.")


class EmbeddingModel(graphene.ObjectType):
    """The trained model whose vectors the graph holds."""

    version = graphene.String(
        required=True, description="The model version. Each training makes a new one."
    )
    dim = graphene.Int(required=True, description="Dimension of the vectors.")
    num_books = graphene.Int(
        required=True, description="Number of books that have a vector of the model now."
    )
    num_links = graphene.Int(
        required=True, description="Number of links that have a vector of the model now."
    )
    created_at = DateTime(required=True, description="Time at which the vectors were written.")
    seed = graphene.Int(description="Seed of the training.")
    is_current = graphene.Boolean(
        required=True, description="Whether answers use it where no other model is asked for."
    )
    properties = graphene.NonNull(
        graphene.List(graphene.NonNull(ModelProperty)),
        description="Everything that is stored about the model, including the method and the "
        "quality of its map. The numbers of books and links are those of now.",
    )

    @staticmethod
    def resolve_properties(model: Row, info: GraphQLResolveInfo) -> list[dict[str, str]]:
        """Each by name, sorted; nested objects are flattened, as in `metrics.recall_at_20`."""
        return [
            {"name": name, "value": value if isinstance(value, str) else json.dumps(value)}
            for name, value in sorted(_flatten(model).items())
        ]


class OverviewQuery(graphene.ObjectType):
    """The graph as a whole."""

    class Meta:
        abstract = True

    stats = graphene.Field(Stats, description="The size of the graph.")
    embedding_model = graphene.Field(
        EmbeddingModel,
        description="The model whose vectors the API serves. An error if there is none.",
    )
    embedding_models = graphene.List(
        graphene.NonNull(EmbeddingModel),
        description="The models that the graph holds, the latest first. Each of their versions "
        "can be passed as `model`.",
    )
    facets = graphene.Field(
        FacetValues,
        description="The values of a field and how frequent they are.",
        field=graphene.Argument(FacetField, required=True, description="The field to count."),
        first=graphene.Int(default_value=20, description="Number of values, at most 500."),
        filter=graphene.Argument(BookFilterInput, description="Count only books that match."),
        link_filter=graphene.Argument(
            LinkFilterInput, description="For `KIND`: count only links that match."
        ),
    )
    neo4j_browser_url = URL(
        description="URL of Neo4j Browser, as the database advertises it. Null if there is none, "
        "if the database account cannot read it, and in production mode."
    )

    @staticmethod
    async def resolve_stats(root: None, info: GraphQLResolveInfo) -> Row:
        """Count."""
        names = selected_fields(info)
        return await call_store(info, lambda store: overview.read_stats(store, names))

    @staticmethod
    async def resolve_embedding_model(root: None, info: GraphQLResolveInfo) -> Row:
        """Read the current one."""
        is_counted = not selected_fields(info).isdisjoint({"num_books", "num_links", "properties"})
        return await call_store(info, lambda store: read_model(store, is_counted=is_counted))

    @staticmethod
    async def resolve_embedding_models(root: None, info: GraphQLResolveInfo) -> list[Row]:
        """Read those that can be used."""
        found = await call_store(info, list_models)
        return [model.properties for model in found if model.is_held]

    @staticmethod
    async def resolve_facets(
        root: None,
        info: GraphQLResolveInfo,
        field: Any,
        first: int,
        filter: Mapping[str, Any] | None = None,
        link_filter: Mapping[str, Any] | None = None,
    ) -> Row:
        """Count the values."""
        if filter is not None and link_filter is not None:
            raise UsageError("filter and linkFilter are both given. Use one of them.")
        where = filter_of(BOOK, filter) or filter_of(LINK, link_filter)
        found = await call_store(
            info,
            lambda store: overview.count_facets(store, value_of(field), first=first, where=where),
        )
        return facets_row(found)

    @staticmethod
    async def resolve_neo4j_browser_url(root: None, info: GraphQLResolveInfo) -> str | None:
        """Read it from the database; in production the address stays private."""
        if info.context["is_production"]:
            return None
        return await call_store(info, overview.read_browser_url)


def facets_row(found: overview.Facets) -> Row:
    """The row of a `FacetValues`."""
    return {
        "values": [{"value": value, "count": count} for value, count in found.values],
        "num_values": found.num_values,
        "num_missing": found.num_missing,
    }


def _flatten(model: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in model.items():
        inner = _object_of(value)
        if inner is None:
            flat[name] = value
        else:
            flat.update({f"{name}.{key}": one for key, one in inner.items()})
    return flat


def _object_of(value: object) -> dict[str, Any] | None:
    """The JSON object in a property's text (Neo4j stores no maps), or None for other values."""
    if not isinstance(value, str) or not value.startswith("{"):
        return None
    try:
        found = json.loads(value)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
