"""The graph as a whole: its size, its model, its most frequent values, its map.

Each is one statement. The map comes as columns, because 80,000 points as objects would take the
server seconds to write and a client seconds to read.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString
from urllib.parse import urlsplit

from bookgraph.core.errors import BookgraphError, UsageError
from bookgraph.core.processes import format_address
from bookgraph.graph.query.compile import Compiler
from bookgraph.graph.query.filters import NodeFilter, predicate
from bookgraph.graph.schema import BOOK, KINDS, LINK, MAP_POSITIONS, MapName, NodeKind
from bookgraph.graph.store import Row, Store
from bookgraph.graph.vectors.models import CURRENT_MODEL, num_placed, placed

MAX_FACETS = 500

logger = logging.getLogger(__name__)

_DECADE: LiteralString = (
    "CASE WHEN n.year IS NULL THEN [] ELSE [toString(toInteger(floor(n.year / 10.0)) * 10)] END"
)


def facet_fields() -> dict[str, tuple[NodeKind, LiteralString]]:
    """The fields whose values can be counted.

    Returns:
        Field to the kind of its nodes, and the expression that gives the values of a node `n` as a
        list.
    """
    found: dict[str, tuple[NodeKind, LiteralString]] = {}
    for kind in KINDS.values():
        for one in kind.having("facet"):
            found[one.name] = (
                kind,
                "coalesce(n." + one.plural + ", [])"
                if one.plural
                else "CASE WHEN n." + one.name + " IS NULL THEN [] ELSE [n." + one.name + "] END",
            )
        if kind == BOOK:
            found["decade"] = (BOOK, _DECADE)
    return found


@dataclass(frozen=True, slots=True)
class Facets:
    """How often each value of a field occurs.

    Attributes:
        values: (value, number of nodes), the most frequent first.
        num_values: number of distinct values.
        num_missing: number of nodes without a value.
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
        num_unplaced: number of nodes without a map position.
        layout: the layout of these points.
        layouts: the layouts made from the current model.
        seed: seed of this layout; None when it was not made from the current model.
        kept_share: share of the 15 nearest by cosine that are among the 15 nearest on the map;
            None when this layout was not made from the current model.
    """

    columns: Mapping[str, Sequence[Any]]
    num_points: int
    num_unplaced: int
    layout: MapName
    layouts: Sequence[MapName]
    seed: int | None
    kept_share: float | None


_STATS: Mapping[str, LiteralString] = {
    "num_books": "COUNT { (:Book) } AS num_books",
    "num_links": "COUNT { (:Link) } AS num_links",
    "num_external_links": "COUNT { (:ExternalLink) } AS num_external_links",
    "num_edges": "COUNT { ()-[:LINKS_TO]->() } AS num_edges",
    "num_citations": "COUNT { ()-[:CITES]->() } AS num_citations",
    "num_placed_books": num_placed(BOOK) + " AS num_placed_books",
    "num_placed_links": num_placed(LINK) + " AS num_placed_links",
    "sources": "data.sources AS sources",
    "loaded_at": "data.loaded_at AS loaded_at",
    "is_complete": "coalesce(data.is_complete, false) AS is_complete",
}


def read_stats(store: Store, names: Collection[str] = tuple(_STATS)) -> Row:
    """Count the nodes and edges; all zero when nothing was loaded.

    Args:
        store: the graph.
        names: the wanted numbers. The numbers of placed nodes take the time to look at each node,
            the others none.
    """
    values: list[LiteralString] = [
        value for name, value in _STATS.items() if name in names or name == "is_complete"
    ]
    return store.read(
        "OPTIONAL MATCH (data:Dataset {name: 'bookgraph'}) "
        "WITH data, " + CURRENT_MODEL + " AS model RETURN " + ", ".join(values)
    )[0]


def count_facets(
    store: Store,
    field: str,
    *,
    first: int,
    where: NodeFilter | None = None,
    keys: Sequence[str] | None = None,
) -> Facets:
    """Count the values of a field over books, or over links for `kind`.

    Args:
        store: the graph.
        field: one of `facet_fields`.
        first: maximum number of values.
        where: which nodes count; all by default.
        keys: titles of the books (names of the links) that count; all by default.

    Raises:
        UsageError: the field does not exist, or is one of the other kind of nodes than the filter,
            or `first` is out of bounds.
    """
    fields = facet_fields()
    if field not in fields:
        raise UsageError(f"field: {field!r} cannot be counted; use one of {', '.join(fields)}.")
    if not 0 <= first <= MAX_FACETS:
        raise UsageError(f"first: {first} is out of bounds; give 0 to {MAX_FACETS}.")
    kind, values = fields[field]
    if where is not None and where.kind != kind:
        raise UsageError(f"field: {field!r} is of {kind.word}s, and the filter is not.")
    compiler = Compiler()
    conditions: list[LiteralString] = [predicate(where, "n", compiler)]
    if keys is not None:
        conditions.append("n." + kind.key + " IN " + compiler.parameter(list(keys)))
    given: list[LiteralString] = [condition for condition in conditions if condition]
    match = "MATCH (n:" + kind.label + ")" + (" WHERE " + " AND ".join(given) if given else "")
    missing: list[LiteralString] = [*given, "size(" + values + ") = 0"]
    row = store.read(
        "CYPHER 25 LET counted = COLLECT { " + match + " UNWIND " + values + " AS value "
        "WITH value, count(DISTINCT n) AS num ORDER BY num DESC, value RETURN [value, num] } "
        "RETURN counted[..$first] AS counted, size(counted) AS num_values, "
        "COUNT { MATCH (n:" + kind.label + ") WHERE " + " AND ".join(missing) + " } AS num_missing",
        first=first,
        **compiler.parameters,
    )[0]
    counted = tuple((str(value), int(num)) for value, num in row["counted"])
    return Facets(counted, row["num_values"], row["num_missing"])


def read_map(
    store: Store, kind: NodeKind, columns: Sequence[str], *, layout: MapName = "tsne"
) -> MapColumns:
    """Read the map's points. The most connected nodes come last, so that they are drawn on top.

    Args:
        store: the graph.
        kind: books or links.
        columns: names of properties; `x` and `y` are the positions of the layout.
        layout: one of the two maps.

    Raises:
        ValueError: a node of this kind has no such property.
    """
    names: list[LiteralString] = [name for name in sorted(kind.stored("answer")) if name in columns]
    if len(names) != len(set(columns)):
        message = f"A map of {kind.word}s has no {sorted(set(columns) - set(names))}."
        raise ValueError(message)
    x, y = MAP_POSITIONS[layout]
    stored: dict[LiteralString, LiteralString] = {"x": x, "y": y}
    values: list[LiteralString] = ["n." + stored.get(name, name) for name in names]
    match = "MATCH (n:" + kind.label + ") WHERE n."
    row = store.read(
        "CYPHER 25 WITH " + CURRENT_MODEL + " AS model "
        "RETURN COLLECT { " + match + x + " IS NOT NULL AND n." + y + " IS NOT NULL "
        "RETURN [" + ", ".join(values) + "] ORDER BY n." + kind.degree + ", n.title } AS points, "
        "COUNT { " + match + x + " IS NULL OR n." + y + " IS NULL } AS num_unplaced, "
        "coalesce(properties(model), {}) AS model"
    )[0]
    points, model = row["points"], row["model"]
    return MapColumns(
        columns={name: [point[i] for point in points] for i, name in enumerate(names)},
        num_points=len(points),
        num_unplaced=row["num_unplaced"],
        layout=layout,
        layouts=[name for name in MAP_POSITIONS if f"{name}_seed" in model],
        seed=model.get(f"{layout}_seed"),
        kept_share=model.get(f"{layout}_kept_share_{kind.word}s"),
    )


def read_browser_url(store: Store) -> str | None:
    """The URL of Neo4j Browser on the database's own HTTP port; None where there is none.

    The server tells it, so that it is right for any server and port. It is None for an account
    that may not read the settings, on Aura for example.
    """
    try:
        rows = store.read(
            "SHOW SETTINGS YIELD name, value WHERE name IN ['server.http.enabled', "
            "'server.http.advertised_address'] RETURN name, value"
        )
    except BookgraphError:
        logger.debug("cannot read the settings of Neo4j", exc_info=True)
        return None
    found = {row["name"]: row["value"] for row in rows}
    address = str(found.get("server.http.advertised_address") or "")
    if found.get("server.http.enabled") != "true" or not address:
        return None
    if address.startswith(":"):
        # Only a port is set: the host is the one that Bolt is reached at.
        host = urlsplit(store.address).hostname or "localhost"
        address = format_address(host, int(address[1:]))
    return f"http://{address}/browser/"


@dataclass(frozen=True, slots=True)
class Stamp:
    """What differs between two states of the graph.

    Attributes:
        loaded_at: time of the last load, ISO 8601.
        is_complete: whether that load is complete.
        model: the current model version, or None.
        num_books: number of books.
        revision: number of the last edit.
    """

    loaded_at: str | None
    is_complete: bool
    model: str | None
    num_books: int
    revision: int = 0


def read_stamp(store: Store) -> Stamp:
    """Read the graph's state; cheap at any size."""
    row = store.read(
        "OPTIONAL MATCH (data:Dataset {name: 'bookgraph'}) "
        "WITH data, " + CURRENT_MODEL + " AS model "
        "RETURN data.loaded_at AS loaded_at, coalesce(data.is_complete, false) AS is_complete, "
        "model.version AS model, COUNT { (:Book) } AS num_books, "
        "coalesce(data.revision, 0) AS revision"
    )[0]
    return Stamp(**row)


@dataclass(frozen=True, slots=True)
class Edit:
    """A change to one book through the API.

    Attributes:
        kind: `SAVED` or `REMOVED`.
        title: of the book.
        at: when, ISO 8601.
    """

    kind: str
    title: str
    at: str


def read_edits(store: Store, *, after: int, first: int) -> list[Edit]:
    """The latest edits after a revision, the oldest first; at most `first`."""
    rows = store.read(
        "MATCH (e:Edit) WHERE e.number > $after WITH e ORDER BY e.number DESC LIMIT $first "
        "RETURN e.kind AS kind, e.title AS title, e.at AS at ORDER BY e.number",
        after=after,
        first=first,
    )
    return [Edit(**row) for row in rows]


@dataclass(frozen=True, slots=True)
class ModelFit:
    """How well the current model fits the books of the graph.

    Attributes:
        version: the model version, or None without a model.
        num_books: books with links, which a training would place.
        num_placed: books that have a vector of the model.
        changed: day of the last load that changed the graph after the model was written, as
            `YYYY-MM-DD`; None if there was none.
    """

    version: str | None
    num_books: int
    num_placed: int
    changed: str | None

    @property
    def problem(self) -> str | None:
        """What does not fit, and what to do; None if all does, or without a model."""
        if self.version is None or not self.num_books:
            return None
        if not self.num_placed:
            found = f"The current model, {self.version}, has no vectors of the graph's books."
        elif self.changed is not None:
            found = f"Books were loaded on {self.changed}, after the current model was trained."
        else:
            return None
        num_missing = self.num_books - self.num_placed
        if self.num_placed and num_missing > 0:
            found += f" {num_missing:,} of {self.num_books:,} books have no vector."
        return f"{found} Run `bookgraph train`."


def read_model_fit(store: Store) -> ModelFit:
    """Compare the current model with the graph; looks at each book once."""
    row = store.read(
        "OPTIONAL MATCH (data:Dataset {name: 'bookgraph'}) "
        "WITH data, " + CURRENT_MODEL + " AS model "
        "RETURN model.version AS version, "
        "COUNT { MATCH (n:Book) WHERE n.num_links > 0 } AS num_books, "
        + num_placed(BOOK) + " AS num_placed, "
        "CASE WHEN datetime(data.changed_at) > datetime(model.created_at) "
        "THEN left(data.changed_at, 10) END AS changed"
    )[0]  # fmt: skip
    return ModelFit(**row)


def has_vectors(store: Store) -> bool:
    """Whether any book has a vector of the current model; quick unless none has."""
    row = store.read(
        "WITH " + CURRENT_MODEL + " AS model RETURN EXISTS { " + placed(BOOK) + " } AS has_any"
    )[0]
    return bool(row["has_any"])
