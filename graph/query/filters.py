"""Which books or links to return: conditions on their properties, combined by and, or, not.

The schema says which conditions there are. A filter compiles to one Cypher predicate with
parameters.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import ClassVar, LiteralString, NamedTuple

from bookgraph.core.errors import UsageError
from bookgraph.graph.query.compile import Compiler
from bookgraph.graph.query.lookup import keys_of
from bookgraph.graph.schema import BOOK, LINK, NodeKind, Property

MAX_CONDITIONS = 40
MAX_VALUES = 200


class Condition(NamedTuple):
    """What one condition of a filter checks.

    Attributes:
        property: the property.
        operator: `IN` any of some values; `>=` or `<=` one value; `CONTAINS` a text, whatever its
            case; `ALL` for nodes of the other kind, all of which have to be connected.
    """

    property: Property
    operator: LiteralString


def conditions_of(kind: NodeKind) -> dict[str, Condition]:
    """The conditions that filters of a kind can have, by name.

    A property with the use `values` has one under its own name, a property with the use `range`
    has `NAME_from` and `NAME_to`, both inclusive. Titles have `title_contains`. Books have
    `mentions`, links `mentioned_by`.
    """
    found: dict[str, Condition] = {}
    for one in kind.properties:
        if "values" in one.uses:
            found[one.name] = Condition(one, "IN")
        if "range" in one.uses:
            found[f"{one.name}_from"] = Condition(one, ">=")
            found[f"{one.name}_to"] = Condition(one, "<=")
        if one.name == "title":
            found["title_contains"] = Condition(one, "CONTAINS")
        if one.name == kind.key:
            found["mentions" if kind == BOOK else "mentioned_by"] = Condition(one, "ALL")
    return found


class NodeFilter:
    """Which nodes are wanted; every condition has to hold.

    A node without a property fails each condition on it.

    Attributes:
        kind: whether it filters books or links.
        conditions: name to value, see `conditions_of`; None means no such condition.
        all_of: filters that all have to hold.
        any_of: filters of which one has to hold; none given means no such condition.
        none_of: filters of which none may hold.
    """

    kind: ClassVar[NodeKind]

    def __init__(
        self,
        *,
        all_of: Sequence[NodeFilter] = (),
        any_of: Sequence[NodeFilter] = (),
        none_of: Sequence[NodeFilter] = (),
        **conditions: Sequence[str] | str | int | None,
    ) -> None:
        """Make a filter.

        Raises:
            TypeError: there is no such condition.
        """
        unknown = conditions.keys() - conditions_of(self.kind)
        if unknown:
            message = f"A filter of {self.kind.word}s has no condition {min(unknown)!r}."
            raise TypeError(message)
        self.conditions: Mapping[str, Sequence[str] | str | int] = MappingProxyType(
            {name: value for name, value in conditions.items() if value is not None}
        )
        self.all_of = tuple(all_of)
        self.any_of = tuple(any_of)
        self.none_of = tuple(none_of)

    @property
    def nested(self) -> tuple[NodeFilter, ...]:
        """The filters inside this one."""
        return (*self.all_of, *self.any_of, *self.none_of)


class BookFilter(NodeFilter):
    """Which books are wanted, such as `BookFilter(genre=["Novel"], year_to=1900)`."""

    kind = BOOK


class LinkFilter(NodeFilter):
    """Which links are wanted, such as `LinkFilter(kind=["category"], num_books_from=5)`."""

    kind = LINK


def predicate(wanted: NodeFilter | None, node: LiteralString, compiler: Compiler) -> LiteralString:
    """The filter as a Cypher predicate, or an empty text where everything matches.

    Args:
        wanted: the filter.
        node: expression of the node.
        compiler: takes the parameters.

    Raises:
        UsageError: the filter has too many conditions or values.
    """
    if wanted is None:
        return ""
    num_conditions = sum(1 for _ in _all_filters(wanted))
    if num_conditions > MAX_CONDITIONS:
        raise UsageError(f"filter: {num_conditions} nested filters; give at most {MAX_CONDITIONS}.")
    return _predicate(wanted, node, compiler)


def _all_filters(wanted: NodeFilter) -> Iterator[NodeFilter]:
    yield wanted
    for inner in wanted.nested:
        yield from _all_filters(inner)


def _predicate(wanted: NodeFilter, node: LiteralString, compiler: Compiler) -> LiteralString:
    parts: list[LiteralString] = [
        _condition(condition, wanted.kind, node, wanted.conditions[name], compiler)
        for name, condition in conditions_of(wanted.kind).items()
        if name in wanted.conditions
    ]
    parts.extend(_predicate(inner, node, compiler) for inner in wanted.all_of)
    if wanted.any_of:
        choices: list[LiteralString] = [
            _predicate(inner, node, compiler) or "true" for inner in wanted.any_of
        ]
        parts.append("(" + " OR ".join(choices) + ")")
    for inner in wanted.none_of:
        # A condition on a missing property is null in Cypher. It counts as failed, so that `not`
        # returns exactly the nodes that the inner filter does not.
        text: LiteralString = _predicate(inner, node, compiler) or "true"
        parts.append("NOT coalesce(" + text + ", false)")
    texts: list[LiteralString] = [part for part in parts if part]
    return "(" + " AND ".join(texts) + ")" if texts else ""


def _condition(
    wanted: Condition,
    kind: NodeKind,
    node: LiteralString,
    value: Sequence[str] | str | int,
    compiler: Compiler,
) -> LiteralString:
    known, operator = wanted
    if isinstance(value, int):
        return node + "." + known.name + " " + operator + " " + compiler.parameter(value)
    if operator == "CONTAINS" and isinstance(value, str):
        text = compiler.parameter(value.lower())
        return "toLower(" + node + "." + known.name + ") CONTAINS " + text
    if len(value) > MAX_VALUES:
        raise UsageError(f"{known.name}: {len(value)} values; give at most {MAX_VALUES}.")
    if operator == "ALL":
        return _connected(kind, node, value, compiler)
    values = compiler.parameter(list(value))
    if known.plural:
        return "any(value IN " + node + "." + known.plural + " WHERE value IN " + values + ")"
    return node + "." + known.name + " IN " + values


def _connected(
    kind: NodeKind, node: LiteralString, texts: Sequence[str], compiler: Compiler
) -> LiteralString:
    """Whether a node is connected with all nodes of the other kind that some texts name."""
    parts: list[LiteralString] = []
    for text in texts:
        other = compiler.name("other")
        keys = compiler.parameter(keys_of(kind.other, text))
        parts.append(
            "EXISTS { MATCH (" + node + ")" + kind.to_other + "(" + other + ":" + kind.other.label
            + ") WHERE " + other + "." + kind.other.key + " IN " + keys + " }"
        )  # fmt: skip
    return "(" + (" AND ".join(parts) or "true") + ")"
