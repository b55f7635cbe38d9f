"""Computes the most that a query can cost, before it runs, as GitHub's node limit does.

Each list multiplies the cost below it by its `first`. A similarity search costs more than the nodes
that it returns, because each parent node starts one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
)

# The cost of a field itself, once for each parent, in addition to the nodes that it returns.
_SEARCHES = {
    "similarBooks": 20,
    "similarLinks": 20,
    "predictedLinks": 40,
    "predictedBooks": 40,
    "relatedBooks": 100,
    "why": 2,
    "sharedLinks": 2,
    "sharedBooks": 2,
    "search": 50,
    "path": 200,
    "compare": 20,
    "facets": 100,
    "mapPoints": 500,
    "stats": 10,
}
_MAX_LIST_SIZE = 100


def query_cost(
    schema: GraphQLSchema,
    document: DocumentNode,
    operation: OperationDefinitionNode,
    variables: Mapping[str, Any],
) -> int:
    """The most that an operation of a valid document can cost.

    Args:
        schema: the schema that the document was validated against.
        document: the document, with its fragments.
        operation: the operation of the document that runs.
        variables: as the client sent them.
    """
    root = schema.get_root_type(operation.operation)
    fragments = {
        one.name.value: one
        for one in document.definitions
        if isinstance(one, FragmentDefinitionNode)
    }
    defaults = {
        one.variable.name.value: one.default_value.value
        for one in operation.variable_definitions
        if isinstance(one.default_value, IntValueNode)
    }
    counter = _Counter(schema, fragments, {**defaults, **variables})
    return counter.selection(operation.selection_set, root) if root else 0


class _Counter:
    def __init__(
        self,
        schema: GraphQLSchema,
        fragments: Mapping[str, FragmentDefinitionNode],
        variables: Mapping[str, Any],
    ) -> None:
        self._schema = schema
        self._fragments = fragments
        self._variables = variables
        self._known: dict[str, int] = {}

    def selection(self, selection_set: SelectionSetNode, parent: GraphQLNamedType) -> int:
        cost = 0
        for one in selection_set.selections:
            if isinstance(one, FieldNode):
                cost += self._field(one, parent)
            elif isinstance(one, InlineFragmentNode):
                condition = one.type_condition
                inner = self._schema.get_type(condition.name.value) if condition else parent
                cost += self.selection(one.selection_set, inner or parent)
            elif isinstance(one, FragmentSpreadNode):
                cost += self._fragment(one.name.value)
        return cost

    def _num_inputs(self, node: FieldNode) -> int:
        for given in node.arguments:
            value: Any = given.value
            if given.name.value == "inputs":
                if isinstance(value, ListValueNode):
                    return len(value.values)
                if isinstance(value, VariableNode):
                    inputs = self._variables.get(value.name.value)
                    return len(inputs) if isinstance(inputs, list) else 1
        return 1

    def _fragment(self, name: str) -> int:
        if name not in self._known:
            self._known[name] = 0
            fragment = self._fragments[name]
            parent = self._schema.get_type(fragment.type_condition.name.value)
            if parent is not None:
                self._known[name] = self.selection(fragment.selection_set, parent)
        return self._known[name]

    def _field(self, node: FieldNode, parent: GraphQLNamedType) -> int:
        name = node.name.value
        definition: GraphQLField | None = None
        if isinstance(parent, (GraphQLObjectType, GraphQLInterfaceType)):
            definition = parent.fields.get(name)
        if definition is None or node.selection_set is None:
            return 0
        inner = self.selection(node.selection_set, get_named_type(definition.type))
        return _SEARCHES.get(name, 0) + self._first(node, definition) * (1 + inner)

    def _first(self, node: FieldNode, definition: GraphQLField) -> int:
        """How many items a field can return: its `first` or the number of its `inputs`, or 1."""
        argument = definition.args.get("first")
        if argument is None:
            return self._num_inputs(node) if "inputs" in definition.args else 1
        first: Any = argument.default_value
        for given in node.arguments:
            if given.name.value == "first":
                value = given.value
                if isinstance(value, VariableNode):
                    first = self._variables.get(value.name.value, first)
                elif isinstance(value, IntValueNode):
                    first = value.value
        try:
            return max(0, int(first))
        except (TypeError, ValueError, OverflowError):
            # Execution will report what is wrong with the value.
            return _MAX_LIST_SIZE
