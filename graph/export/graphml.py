"""Exports one GraphML file, for NetworkX, Gephi and Cytoscape."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any
from xml.sax.saxutils import escape, quoteattr

from bookgraph.core.files import atomic_write
from bookgraph.core.progress import OnProgress, Progress
from bookgraph.graph.export.tables import ExportReport, read_edges, read_nodes
from bookgraph.graph.export.texts import xml_id, xml_text
from bookgraph.graph.schema import BOOK, KINDS, LINK, NodeKind
from bookgraph.graph.store import Store

_TYPES = {"int": "int", "float": "double"}
# Ids of books and links have different prefixes, because a link can have the title of a book.
_PREFIXES = {BOOK: "b:", LINK: "l:"}
# XML parsers turn a carriage return that is not escaped into a line feed.
_LINE_ENDS = {"\r": "&#13;"}


def export_graphml(store: Store, folder: Path, on_progress: OnProgress) -> ExportReport:
    """Write `bookgraph.graphml`."""
    path = folder / "bookgraph.graphml"
    with atomic_write(path) as file:
        file.write('<?xml version="1.0" encoding="UTF-8"?>\n')
        file.write('<graphml xmlns="http://graphml.graphdrawing.org/xmlns">\n')
        for name, xml_type in _node_keys().items():
            file.write(f'<key id="{name}" for="node" attr.name="{name}" attr.type="{xml_type}"/>\n')
        file.write('<key id="count" for="edge" attr.name="count" attr.type="int"/>\n')
        file.write('<graph edgedefault="directed">\n')
        num_books = _write_nodes(file, store, BOOK)
        num_links = _write_nodes(file, store, LINK)
        num_edges = _write_edges(file, store)
        file.write("</graph>\n</graphml>\n")
    on_progress(Progress("Exporting", 1, 1, "graphs"))
    return ExportReport((path,), num_books, num_links, num_edges)


def _node_keys() -> dict[str, str]:
    """Name and XML type of every attribute that a node can have."""
    properties = [one for kind in KINDS.values() for one in kind.having("export")]
    return {
        "label": "string",
        "type": "string",
        **{one.name: _TYPES.get(one.value_type, "string") for one in properties},
    }


def _write_nodes(file: IO[Any], store: Store, kind: NodeKind) -> int:
    names = kind.names("export")
    num_nodes = 0
    for row in read_nodes(store, kind):
        values = dict(zip(names, row, strict=True))
        node_id = _PREFIXES[kind] + values[kind.key]
        _write_node(file, node_id, {"label": values["title"], "type": kind.label, **values})
        num_nodes += 1
    return num_nodes


def _write_edges(file: IO[Any], store: Store) -> int:
    num_edges = 0
    for book, link, count in read_edges(store):
        source, target = xml_id(_PREFIXES[BOOK] + book), xml_id(_PREFIXES[LINK] + link)
        ends = f"source={quoteattr(source)} target={quoteattr(target)}"
        file.write(f'<edge {ends}><data key="count">{count}</data></edge>\n')
        num_edges += 1
    return num_edges


def _write_node(file: IO[Any], node_id: str, values: Mapping[str, Any]) -> None:
    known = "".join(
        f'<data key="{name}">{escape(xml_text(value), _LINE_ENDS)}</data>'
        for name, value in values.items()
        if value is not None
    )
    file.write(f"<node id={quoteattr(xml_id(node_id))}>{known}</node>\n")
