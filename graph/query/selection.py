"""What a client wants of the graph, as plain values: which fields, which part of which list."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list is wanted.

    Attributes:
        first: at most so many items.
        offset: items passed over before them.
    """

    first: int
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Selection:
    """One field that is wanted of a node or an edge.

    Attributes:
        key: its key in the answer; a letter or `_`, then letters, digits and `_`.
        name: the field.
        page: for lists, which part.
        edge: for lists, fields wanted of each edge (`score`, `count`, `shared_links`, ...).
        node: fields wanted of the node or nodes that the field leads to.
    """

    key: str
    name: str
    page: Page = Page(10)
    edge: tuple[Selection, ...] = ()
    node: tuple[Selection, ...] = ()


def select(*names: str) -> tuple[Selection, ...]:
    """Selections of plain properties under their own names."""
    return tuple(Selection(name, name) for name in names)
