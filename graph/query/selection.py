"""What a client requests of the graph, as plain values: fields, and parts of lists."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bookgraph.graph.store import Row

if TYPE_CHECKING:
    from bookgraph.graph.query.filters import NodeFilter

Value = str | int | float | None


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a list: the values that its item is sorted by, not its number.

    So the place stays right when items are added or removed in front of it.

    Attributes:
        order: name of the list's order.
        values: what the item there is sorted by; the item itself may be gone.
        version: for a list made with a model, the model version.
    """

    order: str
    values: tuple[Value, ...]
    version: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list.

    Attributes:
        first: maximum number of items.
        after: only items behind this place.
        before: only items in front of this place.
        is_backward: whether the part is at the end of these items, not at their beginning.
    """

    first: int
    after: Position | None = None
    before: Position | None = None
    is_backward: bool = False


@dataclass(frozen=True, slots=True)
class Selection:
    """One requested field of a node or an edge.

    Attributes:
        key: its key in the response: a letter or `_`, then letters, digits and `_`.
        name: the field.
        page: for lists, the part.
        edge: for lists, requested fields of each edge (`score`, `count`, `shared_links`, ...).
        node: requested fields of the node or nodes that the field leads to.
        version: for lists made with a model, the model version; by default that of the request.
        where: for lists, which nodes are in them; all by default.
        is_counted: for lists, whether their length is requested.
    """

    key: str
    name: str
    page: Page = Page(10)
    edge: tuple[Selection, ...] = ()
    node: tuple[Selection, ...] = ()
    version: str | None = None
    where: NodeFilter | None = None
    is_counted: bool = False


def select(*names: str) -> tuple[Selection, ...]:
    """Selections of plain properties under their own names."""
    return tuple(Selection(name, name) for name in names)


@dataclass(frozen=True, slots=True)
class NodeList:
    """A part of a list of nodes, in the list's order.

    Attributes:
        items: rows with the selections; each has `node`, `at` (the values of its `Position`) and,
            where it applies, `score`.
        total: length of the whole list, or None where it is not counted.
        has_more: whether more follows: behind the items or, for a backward page, in front of them.
        order: name of the list's order, see `Position`.
        version: the model that the list was made with, if any.
    """

    items: list[Row]
    total: int | None
    has_more: bool
    order: str
    version: str | None = None


def node_list(
    found: list[Row],
    page: Page,
    *,
    order: str,
    total: int | None = None,
    version: str | None = None,
) -> NodeList:
    """A part of a list, made of the rows of a page and, if there are more, one row more."""
    items = found[: page.first]
    if page.is_backward:
        items = items[::-1]
    return NodeList(items, total, len(found) > page.first, order, version)
