"""Executes the bulk of an answer faster: plain values of plain rows.

graphql-core calls some fifteen functions for each scalar. Below a root field the values are dicts
that were made for the answer, so a scalar there is one look-up and its serializer. The result is
the same: whatever is not so plain (errors among it) takes graphql-core's own way.
"""

from __future__ import annotations

from asyncio import gather
from collections.abc import Callable
from functools import partial
from types import CoroutineType
from typing import Any, NamedTuple

from graphene.types.resolver import dict_or_attr_resolver
from graphql import (
    ExecutionContext,
    FieldNode,
    GraphQLField,
    GraphQLObjectType,
    GraphQLScalarType,
    Undefined,
    is_non_null_type,
)
from graphql.pyutils import AwaitableOrValue, Path

# Where a type keeps what was found out about it.
_PLAIN = "bookgraph.plain_fields"


class _Plain(NamedTuple):
    """A scalar field that is read out of a dict."""

    key: str
    serialize: Callable[[Any], Any]
    is_nullable: bool


def is_coroutine(value: object) -> bool:
    """Whether a resolver answers later; ours do so with coroutines only."""
    return type(value) is CoroutineType


class FastContext(ExecutionContext):
    """The execution of one operation."""

    def execute_fields(
        self,
        parent_type: GraphQLObjectType,
        source_value: Any,
        path: Path | None,
        fields: dict[str, list[FieldNode]],
    ) -> AwaitableOrValue[dict[str, Any]]:
        """Fill one object of the answer."""
        if type(source_value) is not dict:
            return super().execute_fields(parent_type, source_value, path, fields)
        plain_fields = _plain_fields(parent_type)
        results: dict[str, Any] = {}
        later: list[str] = []
        for response_name, field_nodes in fields.items():
            plain = plain_fields.get(field_nodes[0].name.value)
            value = source_value.get(plain.key) if plain else None
            if plain and value is not None:
                try:
                    results[response_name] = plain.serialize(value)
                except Exception:  # noqa: BLE001, S110  # graphql-core makes the right error of it
                    pass
                else:
                    continue
            elif plain and plain.is_nullable:
                results[response_name] = None
                continue
            field_path = Path(path, response_name, parent_type.name)
            result = self.execute_field(parent_type, source_value, field_nodes, field_path)
            if result is not Undefined:
                results[response_name] = result
                if is_coroutine(result):
                    later.append(response_name)
        return self._awaited(results, later) if later else results

    @staticmethod
    async def _awaited(results: dict[str, Any], later: list[str]) -> dict[str, Any]:
        values = await gather(*(results[name] for name in later))
        results.update(zip(later, values, strict=True))
        return results


def _plain_fields(parent_type: GraphQLObjectType) -> dict[str, _Plain]:
    known: dict[str, _Plain] | None = parent_type.extensions.get(_PLAIN)
    if known is None:
        found = {name: _plain(field) for name, field in parent_type.fields.items()}
        known = {name: one for name, one in found.items() if one}
        parent_type.extensions[_PLAIN] = known
    return known


def _plain(field: GraphQLField) -> _Plain | None:
    resolve, output_type = field.resolve, field.type
    is_nullable = not is_non_null_type(output_type)
    named: Any = output_type if is_nullable else output_type.of_type  # type: ignore[union-attr]  # it wraps one
    if (
        field.args
        or not isinstance(named, GraphQLScalarType)
        or not isinstance(resolve, partial)
        or resolve.func is not dict_or_attr_resolver
    ):
        return None
    return _Plain(resolve.args[0], named.serialize, is_nullable)
