# mypy: allow-subclassing-any
# graphene ships no types, so its classes are Any.
"""Puts the schema together from its parts; what each field does stands in the parts."""

from __future__ import annotations

import graphene
from graphql import GraphQLSchema

from bookgraph.api.schema.mutation import Mutation
from bookgraph.api.schema.overview_query import BetweenQuery, OverviewQuery
from bookgraph.api.schema.query import NodeQuery, SimilarQuery
from bookgraph.api.schema.subscription import Subscription


class Query(NodeQuery, SimilarQuery, BetweenQuery, OverviewQuery):  # type: ignore[misc]  # graphene replaces Meta
    """Books, the pages they link to, and what is near to what."""


def build_schema() -> GraphQLSchema:
    """Build the schema that the server serves."""
    schema: GraphQLSchema = graphene.Schema(
        query=Query, mutation=Mutation, subscription=Subscription
    ).graphql_schema
    return schema
