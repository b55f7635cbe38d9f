"""Refuses documents that are nested too deeply or repeat too much, before they cost anything.

The walk visits each fragment once, so fragments that spread each other many times cost no more
than their text.
"""

from __future__ import annotations

from collections.abc import Iterator

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
)

from bookgraph.api.options import Limits

# Lists of the introspection schema that can lead back to themselves.
_CIRCULAR = frozenset({"fields", "inputFields", "interfaces", "possibleTypes", "args"})
_MAX_CIRCULAR = 3
_SCHEMA_FIELDS = frozenset({"__schema", "__type"})
# `ofType` nests nine deep in the usual introspection query.
_MAX_INTROSPECTION_DEPTH = 16


class LimitError(GraphQLError):
    """A document exceeds a limit."""


def check_limits(document: DocumentNode, limits: Limits) -> None:
    """Check the limits that do not depend on variables.

    Raises:
        LimitError: the document exceeds a limit; the message names it.
    """
    walk = _Walk(document)
    for name, found, limit in (
        ("aliases", walk.num_aliases, limits.max_aliases),
        ("directives", walk.num_directives, limits.max_directives),
        ("root fields", walk.num_root_fields(), limits.max_root_fields),
        ("nested fields", walk.depth(is_introspection=False), limits.max_depth),
        (
            "nested introspection fields",
            walk.depth(is_introspection=True),
            _MAX_INTROSPECTION_DEPTH,
        ),
        ("nested introspection lists", walk.num_nested_lists(), _MAX_CIRCULAR),
    ):
        if found > limit:
            raise LimitError(f"The query has {found} {name}. The limit is {limit}.")


class _Walk:
    """Counts the parts of a document, each fragment once."""

    def __init__(self, document: DocumentNode) -> None:
        self.num_aliases = 0
        self.num_directives = 0
        self._operations: list[OperationDefinitionNode] = []
        self._fragments: dict[str, FragmentDefinitionNode] = {}
        for definition in document.definitions:
            if isinstance(definition, FragmentDefinitionNode):
                self._fragments[definition.name.value] = definition
            elif isinstance(definition, OperationDefinitionNode):
                self._operations.append(definition)
                self.num_directives += sum(
                    len(one.directives) for one in definition.variable_definitions
                )
            else:
                continue
            self.num_directives += len(definition.directives)
            self._count(definition.selection_set)
        self._depths: dict[tuple[str, bool], int] = {}
        self._circular_depths: dict[str, int] = {}

    def _count(self, selection_set: SelectionSetNode) -> None:
        for one in selection_set.selections:
            self.num_directives += len(one.directives)
            if isinstance(one, FieldNode):
                self.num_aliases += one.alias is not None
            if isinstance(one, (FieldNode, InlineFragmentNode)) and one.selection_set:
                self._count(one.selection_set)

    def num_root_fields(self) -> int:
        """Fields of the largest operation, including spread fragments and repeats."""
        return max(
            (sum(1 for _ in self._fields(one.selection_set)) for one in self._operations), default=0
        )

    def depth(self, *, is_introspection: bool) -> int:
        """Nested fields of the deepest operation, with or without introspection."""
        return max(
            (self._depth(one.selection_set, is_introspection) for one in self._operations),
            default=0,
        )

    def num_nested_lists(self) -> int:
        """Nested lists of the introspection schema."""
        return max((self._circular(one.selection_set) for one in self._operations), default=0)

    def _fields(
        self, selection_set: SelectionSetNode, spread: frozenset[str] = frozenset()
    ) -> Iterator[FieldNode]:
        for one in selection_set.selections:
            if isinstance(one, FieldNode):
                yield one
            elif isinstance(one, InlineFragmentNode):
                yield from self._fields(one.selection_set, spread)
            elif isinstance(one, FragmentSpreadNode) and one.name.value not in spread:
                fragment = self._fragments.get(one.name.value)
                spread |= {one.name.value}
                if fragment is not None:
                    yield from self._fields(fragment.selection_set, spread)

    def _depth(self, selection_set: SelectionSetNode, is_introspection: bool) -> int:
        deepest = 0
        for one in selection_set.selections:
            if isinstance(one, FieldNode):
                if one.name.value in _SCHEMA_FIELDS and not is_introspection:
                    continue
                inner = self._depth(one.selection_set, is_introspection) if one.selection_set else 0
                deepest = max(deepest, 1 + inner)
            elif isinstance(one, InlineFragmentNode):
                deepest = max(deepest, self._depth(one.selection_set, is_introspection))
            elif isinstance(one, FragmentSpreadNode):
                deepest = max(deepest, self._fragment_depth(one.name.value, is_introspection))
        return deepest

    def _fragment_depth(self, name: str, is_introspection: bool) -> int:
        known = (name, is_introspection)
        if known not in self._depths:
            # A cycle counts as nothing here; validation refuses it.
            self._depths[known] = 0
            fragment = self._fragments.get(name)
            if fragment is not None:
                self._depths[known] = self._depth(fragment.selection_set, is_introspection)
        return self._depths[known]

    def _circular(self, selection_set: SelectionSetNode) -> int:
        most = 0
        for one in selection_set.selections:
            if isinstance(one, FieldNode):
                inner = self._circular(one.selection_set) if one.selection_set else 0
                most = max(most, inner + (one.name.value in _CIRCULAR))
            elif isinstance(one, InlineFragmentNode):
                most = max(most, self._circular(one.selection_set))
            elif isinstance(one, FragmentSpreadNode):
                name = one.name.value
                if name not in self._circular_depths:
                    self._circular_depths[name] = 0
                    fragment = self._fragments.get(name)
                    if fragment is not None:
                        self._circular_depths[name] = self._circular(fragment.selection_set)
                most = max(most, self._circular_depths[name])
        return most
