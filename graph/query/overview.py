"""Answers about the graph as a whole: its size, its model, its most frequent values, its map.

Each is one statement. The map comes as columns, because 80,000 points as objects would cost a
client seconds to read and the server as long to write.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString
from urllib.parse import urlsplit

from bookgraph.core.errors import BookgraphError, DataMissingError, UsageError
from bookgraph.graph.query.projection import BOOK_PROPERTIES, LINK_PROPERTIES
from bookgraph.graph.store import Row, Store
from bookgraph.graph.write.map import MapName

MAX_FACETS = 500

logger = logging.getLogger(__name__)

# What can be counted, and the expression that gives a node's values, as a list.
_FACETS: Mapping[str, tuple[LiteralString, LiteralString]] = {
    "author": ("Book", "coalesce(n.authors, [])"),
    "genre": ("Book", "coalesce(n.genres, [])"),
    "country": ("Book", "coalesce(n.countries, [])"),
    "language": ("Book", "coalesce(n.languages, [])"),
    "publisher": ("Book", "coalesce(n.publishers, [])"),
    "decade": (
        "Book",
        (
            "CASE WHEN n.year IS NULL THEN [] "
            "ELSE [toString(toInteger(floor(n.year / 10.0)) * 10)] END"
        ),
    ),
    "kind": ("Link", "[n.kind]"),
}

_PLACES: Mapping[MapName, tuple[LiteralString, LiteralString]] = {
    "tsne": ("x", "y"),
    "umap": ("umap_x", "umap_y"),
}


@dataclass(frozen=True, slots=True)
class Facets:
    """How often each value of a field occurs.

    Attributes:
        values: (value, number of nodes) with the most frequent first.
        num_values: different values in all.
        num_missing: nodes without any.
    """

    values: Sequence[tuple[str, int]]
    num_values: int
    num_missing: int


@dataclass(frozen=True, slots=True)
class MapColumns:
    """Points of the 2-D map, column by column.

    Attributes:
        columns: property to its values, all of one length and in one order.
        num_points: that length.
        num_unplaced: nodes that have no place on the map.
        layout: how the points were placed.
        layouts: the layouts that the current model has; with more than one a reader can choose.
        seed: of this layout; None when it was not made from the current model.
        kept_share: share of the 15 nearest by cosine that are among the 15 nearest on the map;
            None likewise.
    """

    columns: Mapping[str, Sequence[Any]]
    num_points: int
    num_unplaced: int
    layout: MapName
    layouts: Sequence[MapName]
    seed: int | None
    kept_share: float | None


def read_stats(store: Store) -> Row:
    """Count what is in the graph; all zero when nothing was loaded."""
    return store.read(
        "OPTIONAL MATCH (data:Dataset {name: 'bookgraph'}) "
        "OPTIONAL MATCH (model:EmbeddingModel {is_current: true}) "
        "RETURN COUNT { (:Book) } AS num_books, COUNT { (:Link) } AS num_links, "
        "COUNT { (:ExternalLink) } AS num_external_links, "
        "COUNT { ()-[:LINKS_TO]->() } AS num_edges, COUNT { ()-[:CITES]->() } AS num_citations, "
        "coalesce(model.num_books, 0) AS num_placed_books, "
        "coalesce(model.num_links, 0) AS num_placed_links, "
        "data.sources AS sources, data.loaded_at AS loaded_at, "
        "coalesce(data.is_complete, false) AS is_complete"
    )[0]


def read_model(store: Store) -> Row:
    """Read the properties of the current model.

    Raises:
        DataMissingError: no model was written back.
    """
    rows = store.read(
        "MATCH (model:EmbeddingModel {is_current: true}) RETURN properties(model) AS model"
    )
    if not rows:
        raise DataMissingError(
            f"The graph at {store.address} has no embeddings yet. Run `bookgraph train`."
        )
    model: Row = rows[0]["model"]
    return model


def count_facets(store: Store, field: str, *, first: int) -> Facets:
    """Count the values of a field over all books, or over all links for `kind`.

    Raises:
        UsageError: there is no such field, or `first` is out of its bounds.
    """
    if field not in _FACETS:
        raise UsageError(f"field: {field!r} cannot be counted; use {', '.join(sorted(_FACETS))}.")
    if not 0 <= first <= MAX_FACETS:
        raise UsageError(f"first: {first} is out of bounds; give 0 to {MAX_FACETS}.")
    label, values = _FACETS[field]
    row = store.read(
        "CYPHER 25 LET counted = COLLECT { MATCH (n:" + label + ") UNWIND " + values + " AS value "
        "WITH value, count(*) AS num ORDER BY num DESC, value RETURN [value, num] } "
        "RETURN counted[..$first] AS counted, size(counted) AS num_values, "
        "COUNT { MATCH (n:" + label + ") WHERE size(" + values + ") = 0 } AS num_missing",
        first=first,
    )[0]
    counted = tuple((str(value), int(num)) for value, num in row["counted"])
    return Facets(counted, row["num_values"], row["num_missing"])


def read_map(
    store: Store, kind: str, columns: Sequence[str], *, layout: MapName = "tsne"
) -> MapColumns:
    """Read the map's points, those of the most connected nodes last, so that they lie on top.

    Args:
        store: the graph.
        kind: `Book` or `Link`.
        columns: properties of the node; `x` and `y` are those of the layout.
        layout: which of the two maps.

    Raises:
        ValueError: there is no such kind, property or layout.
    """
    label: LiteralString = "Book" if kind == "Book" else "Link"
    known = BOOK_PROPERTIES if kind == "Book" else LINK_PROPERTIES
    names: list[LiteralString] = [name for name in sorted(known) if name in columns]
    if len(names) != len(set(columns)) or kind not in {"Book", "Link"}:
        message = f"A map of {kind} has no {sorted(set(columns) - known)}."
        raise ValueError(message)
    degree: LiteralString = "num_links" if kind == "Book" else "num_books"
    x, y = _PLACES[layout]
    stored: dict[LiteralString, LiteralString] = {"x": x, "y": y}
    values = ", ".join("n." + stored.get(name, name) for name in names)
    row = store.read(
        "CYPHER 25 OPTIONAL MATCH (model:EmbeddingModel {is_current: true}) "
        "RETURN COLLECT { MATCH (n:" + label + ") WHERE n." + x + " IS NOT NULL "
        "AND n." + y + " IS NOT NULL RETURN [" + values + "] "
        "ORDER BY n." + degree + ", n.title } AS points, "
        "COUNT { MATCH (n:" + label + ") WHERE n." + x + " IS NULL OR n." + y + " IS NULL } "
        "AS num_unplaced, coalesce(properties(model), {}) AS model"
    )[0]
    points, model = row["points"], row["model"]
    return MapColumns(
        columns={name: [point[i] for point in points] for i, name in enumerate(names)},
        num_points=len(points),
        num_unplaced=row["num_unplaced"],
        layout=layout,
        layouts=[name for name in _PLACES if f"{name}_seed" in model],
        seed=model.get(f"{layout}_seed"),
        kept_share=model.get(f"{layout}_kept_share_{kind.lower()}s"),
    )


def read_browser_url(store: Store) -> str | None:
    """The address of Neo4j Browser on the database's own HTTP port; None where there is none.

    The server says it itself, so that it is right for a local one with ports of its own and for
    any other. Who may not see the settings (Aura, say) gets None.
    """
    try:
        rows = store.read(
            "SHOW SETTINGS YIELD name, value WHERE name IN ['server.http.enabled', "
            "'server.http.advertised_address'] RETURN name, value"
        )
    except BookgraphError:
        logger.debug("the settings of Neo4j cannot be read", exc_info=True)
        return None
    found = {row["name"]: row["value"] for row in rows}
    address = str(found.get("server.http.advertised_address") or "")
    if found.get("server.http.enabled") != "true" or not address:
        return None
    if address.startswith(":"):
        # Only a port is set: the host is the one that Bolt is reached at.
        address = f"{urlsplit(store.address).hostname or 'localhost'}{address}"
    return f"http://{address}/browser/"


@dataclass(frozen=True, slots=True)
class Stamp:
    """What tells one state of the graph from another.

    Attributes:
        loaded_at: when books were loaded last, ISO 8601.
        is_complete: whether that load came to its end.
        model: version of the current model.
        num_books: books.
    """

    loaded_at: str | None
    is_complete: bool
    model: str | None
    num_books: int


def read_stamp(store: Store) -> Stamp:
    """Read the graph's state; cheap at any size."""
    row = store.read(
        "OPTIONAL MATCH (data:Dataset {name: 'bookgraph'}) "
        "OPTIONAL MATCH (model:EmbeddingModel {is_current: true}) "
        "RETURN data.loaded_at AS loaded_at, coalesce(data.is_complete, false) AS is_complete, "
        "model.version AS model, COUNT { (:Book) } AS num_books"
    )[0]
    return Stamp(row["loaded_at"], row["is_complete"], row["model"], row["num_books"])
