"""Executes the bulk of an answer faster: plain values of plain rows, and rows within rows.

graphql-core calls some fifteen functions for each value. Below a root field the values are dicts
that were made for the answer, so a scalar there is one look-up and its serializer, and an object or
a list of objects is the same once more. The result is the same: whatever is not so plain (errors
among it) takes graphql-core's own way.
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
    GraphQLList,
    GraphQLObjectType,
    GraphQLScalarType,
    Undefined,
    is_non_null_type,
)
from graphql.execution.execute import CollectedErrors
from graphql.pyutils import AwaitableOrValue, Path

# Where a type keeps what was found out about it.
_PLAIN = "bookgraph.plain_fields"
_NESTED = "bookgraph.nested_fields"


class _Plain(NamedTuple):
    """A scalar field that is read out of a dict."""

    key: str
    serialize: Callable[[Any], Any]
    is_nullable: bool


class _Nested(NamedTuple):
    """A field that is a dict within a dict, or a list of dicts."""

    key: str
    object_type: GraphQLObjectType
    is_list: bool


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
        plain_fields, nested_fields = _plain_fields(parent_type), _nested_fields(parent_type)
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
            nested = nested_fields.get(field_nodes[0].name.value)
            result = self._nested(nested, source_value, field_nodes, field_path) if nested else None
            if result is None:
                result = self.execute_field(parent_type, source_value, field_nodes, field_path)
            if result is not Undefined:
                results[response_name] = result
                if is_coroutine(result):
                    later.append(response_name)
        return self._awaited(results, later) if later else results

    def _nested(
        self, nested: _Nested, row: dict[str, Any], field_nodes: list[FieldNode], path: Path
    ) -> AwaitableOrValue[dict[str, Any] | list[Any]] | None:
        """Fill what is within a row, or None where that is not plain."""
        value = row.get(nested.key)
        rows = value if nested.is_list else [value]
        if type(rows) is not list or not all(type(one) is dict for one in rows):
            return None
        fields = self.collect_subfields(nested.object_type, field_nodes)
        # With an error anywhere within, nothing of it counts.
        errors, self.collected_errors = self.collected_errors, CollectedErrors()
        try:
            filled = [
                self.execute_fields(
                    nested.object_type, one, path.add_key(at) if nested.is_list else path, fields
                )
                for at, one in enumerate(rows)
            ]
        except Exception:  # noqa: BLE001  # graphql-core finds it again and says where it belongs
            return None
        else:
            if self.collected_errors.errors:
                return None
        finally:
            self.collected_errors = errors
        if not nested.is_list:
            return filled[0]
        return _all(filled) if any(map(is_coroutine, filled)) else filled

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


def _nested_fields(parent_type: GraphQLObjectType) -> dict[str, _Nested]:
    known: dict[str, _Nested] | None = parent_type.extensions.get(_NESTED)
    if known is None:
        found = {name: _nested(field) for name, field in parent_type.fields.items()}
        known = {name: one for name, one in found.items() if one}
        parent_type.extensions[_NESTED] = known
    return known


def _plain(field: GraphQLField) -> _Plain | None:
    key, named = _key(field), _nullable(field.type)
    if key is None or not isinstance(named, GraphQLScalarType):
        return None
    return _Plain(key, named.serialize, is_nullable=not is_non_null_type(field.type))


def _nested(field: GraphQLField) -> _Nested | None:
    key, named = _key(field), _nullable(field.type)
    is_list = isinstance(named, GraphQLList)
    if isinstance(named, GraphQLList):
        named = _nullable(named.of_type)
    if key is None or not isinstance(named, GraphQLObjectType) or named.is_type_of is not None:
        return None
    return _Nested(key, named, is_list)


def _key(field: GraphQLField) -> str | None:
    """The key of a row that a field is read from, or None where more than that happens."""
    resolve = field.resolve
    if field.args or not isinstance(resolve, partial) or resolve.func is not dict_or_attr_resolver:
        return None
    key: str = resolve.args[0]
    return key


def _nullable(output_type: Any) -> Any:
    return output_type.of_type if is_non_null_type(output_type) else output_type


async def _all(values: list[Any]) -> list[Any]:
    """Wait for those of a list that come later."""
    return [await value if is_coroutine(value) else value for value in values]
