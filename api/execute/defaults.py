"""Makes `null` mean the default: an argument or input field that is null counts as left out.

GraphQL lets a client send null wherever a value is optional, and many clients send it for each
variable that they have no value for. A resolver then meets the default, or no value at all, and
never None in its place. The look-ahead and the cost of a query follow the same rule. An input
object whose class says `null_removes` is left alone: there, null is a value of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from graphql import (
    FieldNode,
    GraphQLArgument,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLObjectType,
    GraphQLSchema,
    Undefined,
    is_non_null_type,
)
from graphql.execution.values import get_argument_values

_Declared = Mapping[str, GraphQLArgument] | Mapping[str, GraphQLInputField]
_Resolver = Callable[..., Any]


def apply_defaults(schema: GraphQLSchema) -> None:
    """Change a schema so that its resolvers and its input objects never meet null.

    Args:
        schema: changed in place, once, before it is used.
    """
    for one in schema.type_map.values():
        # All schemas of a process share the types of introspection.
        if one.name.startswith("__"):
            continue
        if isinstance(one, GraphQLInputObjectType):
            if getattr(getattr(one, "graphene_type", None), "null_removes", False):
                continue
            # graphql-core sets it in the same way.
            one.out_type = _filled(one.fields, one.out_type)  # type: ignore[assignment,method-assign]
        elif isinstance(one, GraphQLObjectType):
            for field in one.fields.values():
                if any(not is_non_null_type(argument.type) for argument in field.args.values()):
                    field.resolve = field.resolve and _called(field, field.resolve)
                    field.subscribe = field.subscribe and _called(field, field.subscribe)


def argument_values(
    field: GraphQLField, node: FieldNode, variables: Mapping[str, Any]
) -> dict[str, Any]:
    """The arguments that the resolver of a field gets.

    Args:
        field: the definition.
        node: the field in a query.
        variables: of the query, coerced.

    Raises:
        GraphQLError: an argument is invalid.
    """
    return _without_nulls(field.args, get_argument_values(field, node, dict(variables)))


def _without_nulls(declared: _Declared, given: dict[str, Any]) -> dict[str, Any]:
    """The values with the default, if there is one, in place of each null."""
    if all(value is not None for value in given.values()):
        return given
    defaults = {one.out_name or name: one.default_value for name, one in declared.items()}
    values = {
        name: defaults.get(name, Undefined) if value is None else value
        for name, value in given.items()
    }
    return {name: value for name, value in values.items() if value is not Undefined}


def _called(field: GraphQLField, resolve: _Resolver) -> _Resolver:
    @wraps(resolve)
    def resolve_with_defaults(root: Any, info: Any, **given: Any) -> Any:
        return resolve(root, info, **_without_nulls(field.args, given))

    return resolve_with_defaults


def _filled(
    fields: Mapping[str, GraphQLInputField], build: Callable[[dict[str, Any]], Any]
) -> Callable[[dict[str, Any]], Any]:
    def build_with_defaults(given: dict[str, Any]) -> Any:
        return build(_without_nulls(fields, given))

    return build_with_defaults
