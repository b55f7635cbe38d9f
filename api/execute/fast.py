"""Executes the bulk of a response faster than graphql-core does, with the same result.

graphql-core calls some fifteen functions for each value of a response. Below a root field, values
are rows (dicts) that the graph returned, so most of that work is a look-up. For example,

    row       {"num_books": 3, "loaded_at": None, "properties": [{"name": "dim", "value": "50"}]}
    selected  { n: numBooks loadedAt properties { name } }
    response  {"n": 3, "loadedAt": None, "properties": [{"name": "dim"}]}

`FastContext.execute_fields` fills each object in three steps, and takes the first that works:

1. A scalar field without a resolver of its own: read the row, serialize the value (`_Scalar`).
2. An object, or a list of objects, without a resolver: fill each inner row the same way (`_Rows`).
3. Anything else: graphql-core's own `execute_field`. This includes each value that turns out to be
   an error, so that errors have graphql-core's text, path and effect on the fields above them.

Whether a field fits step 1 or 2 depends on its type alone, and is found out once for each type.
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

# The key under which a type's extensions keep its readers.
_READERS = "bookgraph.readers"


class _Scalar(NamedTuple):
    """Reads a scalar field out of a row."""

    key: str
    serialize: Callable[[Any], Any]
    is_nullable: bool

    def read(self, row: dict[str, Any]) -> Any:
        """The value for the response, or Undefined if it would be an error."""
        value = row.get(self.key)
        if value is None:
            return None if self.is_nullable else Undefined
        try:
            return self.serialize(value)
        except Exception:  # noqa: BLE001  # a scalar may raise anything
            return Undefined


class _Rows(NamedTuple):
    """Reads the inner row, or the list of inner rows, of an object field."""

    key: str
    object_type: GraphQLObjectType
    is_list: bool

    def read(self, row: dict[str, Any]) -> list[dict[str, Any]] | None:
        """The inner rows, or None if the value is anything else."""
        value = row.get(self.key)
        if not self.is_list:
            return [value] if type(value) is dict else None
        is_plain = type(value) is list and all(type(one) is dict for one in value)
        return value if is_plain else None


_Reader = _Scalar | _Rows


class _FirstErrorEnds(CollectedErrors):
    """Ends an attempt at its first error, because then none of it counts."""

    def add(self, error: GraphQLError, path: Path | None) -> None:  # graphql-core's
        raise error


def is_coroutine(value: object) -> bool:
    """Whether a resolver returned an awaitable; ours return no other than coroutines."""
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
        """Fill one object of the response."""
        if type(source_value) is not dict:
            return super().execute_fields(parent_type, source_value, path, fields)
        readers = _readers(parent_type)
        results: dict[str, Any] = {}
        pending: list[str] = []
        for response_name, field_nodes in fields.items():
            reader = readers.get(field_nodes[0].name.value)
            value: Any = Undefined
            # Step 1 is inlined here, because it runs for most values of a response.
            if isinstance(reader, _Scalar):
                value = reader.read(source_value)
                if value is not Undefined:
                    results[response_name] = value
                    continue
            field_path = Path(path, response_name, parent_type.name)
            if isinstance(reader, _Rows):
                value = self._fill_rows(reader, source_value, field_nodes, field_path)
            if value is Undefined:
                value = self.execute_field(parent_type, source_value, field_nodes, field_path)
            if value is not Undefined:
                results[response_name] = value
                if is_coroutine(value):
                    pending.append(response_name)
        return _await_fields(results, pending) if pending else results

    def _fill_rows(
        self, reader: _Rows, row: dict[str, Any], field_nodes: list[FieldNode], path: Path
    ) -> Any:
        """Fill the objects in a row (step 2), or return Undefined if step 3 has to.

        Errors inside are left to graphql-core: the first one ends the attempt, and graphql-core
        meets it again. An attempt inside another one fails together with it.
        """
        rows = reader.read(row)
        if rows is None:
            return Undefined
        if isinstance(self.collected_errors, _FirstErrorEnds):
            return self._fill(reader, rows, field_nodes, path)
        errors, self.collected_errors = self.collected_errors, _FirstErrorEnds()
        try:
            return self._fill(reader, rows, field_nodes, path)
        except Exception:  # noqa: BLE001  # graphql-core meets it again and reports it
            return Undefined
        finally:
            self.collected_errors = errors

    def _fill(
        self, reader: _Rows, rows: list[dict[str, Any]], field_nodes: list[FieldNode], path: Path
    ) -> AwaitableOrValue[dict[str, Any] | list[Any]]:
        fields = self.collect_subfields(reader.object_type, field_nodes)
        if not reader.is_list:
            return self.execute_fields(reader.object_type, rows[0], path, fields)
        filled = [
            self.execute_fields(reader.object_type, one, path.add_key(at), fields)
            for at, one in enumerate(rows)
        ]
        return _await_items(filled) if any(map(is_coroutine, filled)) else filled


async def _await_fields(results: dict[str, Any], pending: list[str]) -> dict[str, Any]:
    values = await gather(*(results[name] for name in pending))
    results.update(zip(pending, values, strict=True))
    return results


async def _await_items(items: list[Any]) -> list[Any]:
    return [await item if is_coroutine(item) else item for item in items]


def _readers(parent_type: GraphQLObjectType) -> dict[str, _Reader]:
    """The readers of a type's fields by field name; fields without one need graphql-core."""
    known: dict[str, _Reader] | None = parent_type.extensions.get(_READERS)
    if known is None:
        found = {name: _reader(field) for name, field in parent_type.fields.items()}
        known = {name: reader for name, reader in found.items() if reader}
        parent_type.extensions[_READERS] = known
    return known


def _reader(field: GraphQLField) -> _Reader | None:
    key = _key(field)
    if key is None:
        return None
    inner = _nullable(field.type)
    if isinstance(inner, GraphQLScalarType):
        return _Scalar(key, inner.serialize, is_nullable=not is_non_null_type(field.type))
    is_list = isinstance(inner, GraphQLList)
    if is_list:
        inner = _nullable(inner.of_type)
    if isinstance(inner, GraphQLObjectType) and inner.is_type_of is None:
        return _Rows(key, inner, is_list)
    return None


def _key(field: GraphQLField) -> str | None:
    """The key of a row that holds a field's value, or None if the field has its own resolver."""
    resolve = field.resolve
    if field.args or not isinstance(resolve, partial) or resolve.func is not dict_or_attr_resolver:
        return None
    key: str = resolve.args[0]
    return key


def _nullable(output_type: Any) -> Any:
    return output_type.of_type if is_non_null_type(output_type) else output_type
