# mypy: allow-subclassing-any
# graphene ships no types, so its classes are Any.
"""The root fields about the graph as a whole, and about what lies between two nodes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import graphene
from graphql import GraphQLResolveInfo

from bookgraph.api.execute.lookahead import DEFAULT_PAGE_SIZE, selected_fields, wanted_below
from bookgraph.api.schema.asking import ask
from bookgraph.api.schema.between import Chain, Comparison
from bookgraph.api.schema.connections import Row
from bookgraph.api.schema.inputs import NodeKindInput, PathEnd, kind_of, value_of
from bookgraph.api.schema.overview import (
    EmbeddingModel,
    FacetField,
    FacetValues,
    MapLayout,
    MapPoints,
    SearchResult,
    Stats,
)
from bookgraph.core.errors import UsageError
from bookgraph.graph.query import overview
from bookgraph.graph.query.paths import End, compare_books, find_paths
from bookgraph.graph.query.search import search
from bookgraph.graph.schema import BOOK, LINK, MapName


class OverviewQuery(graphene.ObjectType):
    """Search, statistics, facets, the map."""

    class Meta:
        abstract = True

    search = graphene.Field(
        SearchResult,
        description="Books and links whose title, or a redirect to it, is like a text. Letter "
        "case, accents, a missing `(novel)`, typing errors and missing ends of words do not "
        "matter.",
        text=graphene.String(required=True, description="What somebody typed."),
        first=graphene.Int(default_value=DEFAULT_PAGE_SIZE, description="At most so many, to 50."),
        kind=graphene.Argument(NodeKindInput, description="Only books or only links."),
    )
    stats = graphene.Field(Stats, description="How much is in the graph.")
    embedding_model = graphene.Field(
        EmbeddingModel, description="The model whose vectors are served; an error without one."
    )
    facets = graphene.Field(
        FacetValues,
        description="How often each value of a field occurs.",
        field=graphene.Argument(FacetField, required=True, description="Which field."),
        first=graphene.Int(default_value=20, description="At most so many values, to 500."),
    )
    map_points = graphene.Field(
        MapPoints,
        description="All points of the 2-D map in one small answer.",
        kind=graphene.Argument(NodeKindInput, default_value="Book", description="Books or links."),
        layout=graphene.Argument(
            MapLayout, default_value="tsne", description="Which of the two maps."
        ),
    )
    neo4j_browser_url = graphene.String(
        description="Address of Neo4j Browser, as the database advertises it; null where it has "
        "none, may not tell, or the server is in production."
    )

    @staticmethod
    async def resolve_search(
        root: None, info: GraphQLResolveInfo, text: str, first: int, kind: Any = None
    ) -> Row:
        """Ask the full-text indexes."""
        wanted = wanted_below(info, {"hits"}, {"node"})
        book, link = (
            wanted.get(one.label, ()) if kind is None or kind_of(kind) == one else None
            for one in (BOOK, LINK)
        )
        found = await ask(
            info, lambda store: search(store, text, first=first, book=book, link=link)
        )
        hits = [
            {"score": one["score"], "redirect": one["redirect"], "node": _labelled(one)}
            for one in found.items
        ]
        return {"hits": hits, "did_you_mean": found.did_you_mean}

    @staticmethod
    async def resolve_stats(root: None, info: GraphQLResolveInfo) -> Row:
        """Count."""
        return await ask(info, overview.read_stats)

    @staticmethod
    async def resolve_embedding_model(root: None, info: GraphQLResolveInfo) -> Row:
        """Read it."""
        return await ask(info, overview.read_model)

    @staticmethod
    async def resolve_facets(
        root: None, info: GraphQLResolveInfo, field: Any, first: int
    ) -> dict[str, Any]:
        """Count the values."""
        found = await ask(
            info, lambda store: overview.count_facets(store, value_of(field), first=first)
        )
        return {
            "values": [{"value": value, "count": count} for value, count in found.values],
            "num_values": found.num_values,
            "num_missing": found.num_missing,
        }

    @staticmethod
    async def resolve_map_points(
        root: None, info: GraphQLResolveInfo, kind: Any, layout: Any
    ) -> dict[str, Any]:
        """Read the columns that are wanted and that the kind has."""
        chosen = kind_of(kind)
        columns = sorted(selected_fields(info) & chosen.stored("answer").keys())
        wanted: MapName = "umap" if value_of(layout) == "umap" else "tsne"
        found = await ask(
            info, lambda store: overview.read_map(store, chosen, columns, layout=wanted)
        )
        facts = {one.name: getattr(found, one.name) for one in fields(found)}
        return {**facts, **found.columns}

    @staticmethod
    async def resolve_neo4j_browser_url(root: None, info: GraphQLResolveInfo) -> str | None:
        """Ask the database, but tell nobody outside where it is."""
        if info.context["is_production"]:
            return None
        return await ask(info, overview.read_browser_url)


class BetweenQuery(graphene.ObjectType):
    """Chains between two nodes, two books side by side."""

    class Meta:
        abstract = True

    path = graphene.List(
        graphene.NonNull(Chain),
        description="The shortest chains between two nodes, those by the rarest links first; "
        "empty when nothing connects them.",
        from_=graphene.Argument(PathEnd, required=True, name="from", description="One end."),
        to=graphene.Argument(PathEnd, required=True, description="The other end."),
        first=graphene.Int(default_value=3, description="At most so many, to 20."),
    )
    compare = graphene.Field(
        Comparison,
        description="Two books side by side.",
        a=graphene.String(required=True, description="Title of the first."),
        b=graphene.String(required=True, description="Title of the second."),
        first=graphene.Int(
            default_value=DEFAULT_PAGE_SIZE, description="At most so many links a list, to 100."
        ),
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
        wanted = wanted_below(info, {"nodes"})
        book, link = wanted.get("Book", ()), wanted.get("Link", ())
        chains = await ask(
            info, lambda store: find_paths(store, ends, first=first, book=book, link=link)
        )
        return [
            {"length": len(chain) - 1, "nodes": [_labelled(one) for one in chain]}
            for chain in chains
        ]

    @staticmethod
    async def resolve_compare(
        root: None, info: GraphQLResolveInfo, a: str, b: str, first: int
    ) -> Row:
        """Fetch both and what they share."""
        book = wanted_below(info, {"firstBook", "secondBook"}).get("Book", ())
        links = wanted_below(info, {"shared", "onlyFirst", "onlySecond"}, {"link"})
        link = links.get("Link", ())
        found = await ask(
            info, lambda store: compare_books(store, (a, b), first=first, book=book, link=link)
        )
        return {
            "first_book": found.nodes[0],
            "second_book": found.nodes[1],
            "score": found.score,
            "num_shared": found.num_shared,
            "jaccard": found.jaccard,
            "shared": found.shared,
            "only_first": found.only[0],
            "only_second": found.only[1],
        }


def _labelled(row: Row) -> Row:
    """The node of a row with the label that tells its type."""
    return {**row["node"], "label": row["label"]}


def _end(name: str, given: Mapping[str, str]) -> End:
    book, link = given.get("book"), given.get("link")
    if (book is None) == (link is None):
        raise UsageError(f"{name}: give either book or link, and not both.")
    return End(BOOK, book) if book is not None else End(LINK, link or "")
