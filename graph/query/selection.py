"""What a client requests of the graph, as plain values: fields, and parts of lists."""

from __future__ import annotations

from dataclasses import dataclass

from bookgraph.graph.store import Row


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list.

    Attributes:
        first: maximum number of items.
        offset: number of items to skip before them.
    """

    first: int
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Selection:
    """One requested field of a node or an edge.

    Attributes:
        key: its key in the response: a letter or `_`, then letters, digits and `_`.
        name: the field.
        page: for lists, the part.
        edge: for lists, requested fields of each edge (`score`, `count`, `shared_links`, ...).
        node: requested fields of the node or nodes that the field leads to.
    """

    key: str
    name: str
    page: Page = Page(10)
    edge: tuple[Selection, ...] = ()
    node: tuple[Selection, ...] = ()


def select(*names: str) -> tuple[Selection, ...]:
    """Selections of plain properties under their own names."""
    return tuple(Selection(name, name) for name in names)


@dataclass(frozen=True, slots=True)
class NodeList:
    """A part of a list of nodes.

    Attributes:
        items: rows with the selections; each has `node` and, where it applies, `score`.
        total: length of the whole list, or None where it has no end of its own.
        has_next: whether more follows after `items`.
    """

    items: list[Row]
    total: int | None
    has_next: bool
