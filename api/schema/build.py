"""Builds the schema from its parts."""

from __future__ import annotations

import graphene
from graphql import GraphQLSchema

from bookgraph.api.execute.defaults import apply_defaults
from bookgraph.api.schema.between import BetweenQuery
from bookgraph.api.schema.book import BookQuery
from bookgraph.api.schema.external import ExternalQuery
from bookgraph.api.schema.link import LinkQuery
from bookgraph.api.schema.map import MapQuery
from bookgraph.api.schema.mutation import Mutation
from bookgraph.api.schema.node import NodeQuery
from bookgraph.api.schema.overview import OverviewQuery
from bookgraph.api.schema.scalars import name_specifications
from bookgraph.api.schema.search import SearchQuery
from bookgraph.api.schema.similar import SimilarQuery
from bookgraph.api.schema.subscription import Subscription


class Query(  # type: ignore[misc]  # graphene replaces Meta
    # The schema lists the fields of the last class first.
    MapQuery,
    OverviewQuery,
    BetweenQuery,
    SimilarQuery,
    SearchQuery,
    NodeQuery,
    ExternalQuery,
    LinkQuery,
    BookQuery,
):
    """Books, the pages they link to, and which of them are similar."""


def build_schema() -> GraphQLSchema:
    """Build the schema that the server serves."""
    schema: GraphQLSchema = graphene.Schema(
        query=Query, mutation=Mutation, subscription=Subscription
    ).graphql_schema
    apply_defaults(schema)
    name_specifications(schema)
    return schema
