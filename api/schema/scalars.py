"""Scalars of their own, so that generated clients know what a text is."""

from __future__ import annotations

from typing import Any

import graphene
from graphql import GraphQLError, GraphQLScalarType, GraphQLSchema

_SPECIFICATIONS = {
    "DateTime": "https://scalars.graphql.org/andimarek/date-time.html",
    "URL": "https://url.spec.whatwg.org/",
}


class _OutputText(graphene.Scalar):
    """A text that only responses hold."""

    class Meta:
        abstract = True

    @staticmethod
    def serialize(value: object) -> str:
        """The text as it is stored."""
        return str(value)

    @staticmethod
    def parse_value(value: object) -> Any:
        """Refuse it: no argument has this type."""
        raise GraphQLError("A value of this type cannot be given.")

    @staticmethod
    def parse_literal(node: object, variables: object = None) -> Any:
        """Refuse it: no argument has this type."""
        raise GraphQLError("A value of this type cannot be given.")


class DateTime(_OutputText):
    """A date and time with its offset from UTC (RFC 3339), such as `2026-11-27T05:30:00+00:00`."""


class URL(_OutputText):
    """An absolute URL."""


def name_specifications(schema: GraphQLSchema) -> None:
    """Tell in a schema where each scalar is specified, as graphene cannot."""
    for name, url in _SPECIFICATIONS.items():
        scalar = schema.type_map[name]
        assert isinstance(scalar, GraphQLScalarType)
        scalar.specified_by_url = url
