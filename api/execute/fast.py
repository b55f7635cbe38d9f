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
    GraphQLError,
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
_READERS = "bookgraph.readers"


class _Plain(NamedTuple):
    """A scalar field that is read out of a dict."""

    key: str
    serialize: Callable[[Any], Any]
    is_nullable: bool

    def read(self, row: dict[str, Any]) -> Any:
        """The value for the answer, or Undefined where graphql-core has to make an error of it."""
        value = row.get(self.key)
        if value is None:
            return None if self.is_nullable else Undefined
        try:
            return self.serialize(value)
        except Exception:  # noqa: BLE001  # a scalar may raise what it likes
            return Undefined


class _Nested(NamedTuple):
    """A field that is a dict within a dict, or a list of dicts."""

    key: str
    object_type: GraphQLObjectType
    is_list: bool


class _NoErrors(CollectedErrors):
    """Ends an attempt with its first error: then nothing of it counts."""

    def add(self, error: GraphQLError, path: Path | None) -> None:  # graphql-core's
        raise error


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
        readers = _readers(parent_type)
        results: dict[str, Any] = {}
        later: list[str] = []
        for response_name, field_nodes in fields.items():
            reader = readers.get(field_nodes[0].name.value)
            if isinstance(reader, _Plain):
                value = reader.read(source_value)
                if value is not Undefined:
                    results[response_name] = value
                    continue
            result = None
            field_path = Path(path, response_name, parent_type.name)
            if isinstance(reader, _Nested):
                result = self._nested(reader, source_value, field_nodes, field_path)
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
        if isinstance(self.collected_errors, _NoErrors):
            # Within an attempt already, which fails as a whole.
            return self._fill(nested, rows, field_nodes, path)
        errors, self.collected_errors = self.collected_errors, _NoErrors()
        try:
            return self._fill(nested, rows, field_nodes, path)
        except Exception:  # noqa: BLE001  # graphql-core finds it again and says where it belongs
            return None
        finally:
            self.collected_errors = errors

    def _fill(
        self, nested: _Nested, rows: list[dict[str, Any]], field_nodes: list[FieldNode], path: Path
    ) -> AwaitableOrValue[dict[str, Any] | list[Any]]:
        fields = self.collect_subfields(nested.object_type, field_nodes)
        if not nested.is_list:
            return self.execute_fields(nested.object_type, rows[0], path, fields)
        filled = [
            self.execute_fields(nested.object_type, one, path.add_key(at), fields)
            for at, one in enumerate(rows)
        ]
        return _all(filled) if any(map(is_coroutine, filled)) else filled

    @staticmethod
    async def _awaited(results: dict[str, Any], later: list[str]) -> dict[str, Any]:
        values = await gather(*(results[name] for name in later))
        results.update(zip(later, values, strict=True))
        return results


def _readers(parent_type: GraphQLObjectType) -> dict[str, _Plain | _Nested]:
    """How the plain fields of a type are read, by name; found out once."""
    known: dict[str, _Plain | _Nested] | None = parent_type.extensions.get(_READERS)
    if known is None:
        found = {name: _reader(field) for name, field in parent_type.fields.items()}
        known = {name: one for name, one in found.items() if one}
        parent_type.extensions[_READERS] = known
    return known


def _reader(field: GraphQLField) -> _Plain | _Nested | None:
    key, named = _key(field), _nullable(field.type)
    if key is None:
        return None
    if isinstance(named, GraphQLScalarType):
        return _Plain(key, named.serialize, is_nullable=not is_non_null_type(field.type))
    is_list = isinstance(named, GraphQLList)
    if is_list:
        named = _nullable(named.of_type)
    is_object = isinstance(named, GraphQLObjectType) and named.is_type_of is None
    return _Nested(key, named, is_list) if is_object else None


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
