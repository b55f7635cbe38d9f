"""Lists of the nodes that a model's vectors are nearest to, and the reading of their nodes.

A list is ranked in memory, exactly, and its nodes are then read by their keys in one statement for
all lists of a field. That statement tells too whether the graph has changed since the model was
read; then the list is ranked again. What only the graph knows of a node, such as its genre, is
checked there on the nearest ones and, where too few of them pass, on all nodes beforehand.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, LiteralString

import numpy as np

from bookgraph.core.errors import DataMissingError
from bookgraph.graph.query.compile import FILL, Compiler, Fill
from bookgraph.graph.query.fields import new_compiler
from bookgraph.graph.query.filters import NodeFilter, predicate
from bookgraph.graph.query.keyset import other_list
from bookgraph.graph.query.near import NearEdge, near_edge
from bookgraph.graph.query.selection import NodeList, Page, Position, Selection, node_list
from bookgraph.graph.schema import BOOK, LINK, NodeKind
from bookgraph.graph.store import Row, Store
from bookgraph.graph.vectors.models import STAMP, Model, Outcome, Stamp, answer_with, stamp_of
from bookgraph.graph.vectors.table import (
    NUM_DIVERSE,
    Doubles,
    Measure,
    Place,
    Ranked,
    Rows,
    VectorTable,
    Wanted,
)

# With a filter, this many times as many nodes are tried as are wanted.
_WIDER = 10
_MOST_TRIED = 1_000

SIMILAR_ORDER = "similar"
PREDICTED_ORDER = "predicted"


@dataclass(frozen=True, slots=True)
class NearList:
    """One list to make.

    Attributes:
        kind: kind of its nodes.
        page: the part of it.
        books: titles of the books that it is near to.
        links: names of the links that it is near to.
        hidden: keys of nodes that are left out.
        measure: what it is ordered by.
        edge: requested fields of each edge.
        node: requested fields of each node.
        where: which nodes may be in it.
        is_author_excluded: leave out books by an author of one that it is near to.
        least: minimum score.
        diversity: from 0, the nearest first, to 1, each as unlike those before it as can be.
        is_counted: whether the length of the list is wanted.
    """

    kind: NodeKind
    page: Page
    books: Sequence[str] = ()
    links: Sequence[str] = ()
    hidden: Sequence[str] = ()
    measure: Measure = "cosine"
    edge: Sequence[Selection] = ()
    node: Sequence[Selection] = ()
    where: NodeFilter | None = None
    is_author_excluded: bool = False
    least: float = -np.inf
    diversity: float = 0.0
    is_counted: bool = False

    @property
    def is_checked(self) -> bool:
        """Whether the graph decides which nodes may be in it."""
        return self.where is not None or self.is_author_excluded

    @property
    def order(self) -> str:
        """Name of its order, which cursors carry."""
        order = SIMILAR_ORDER if self.measure == "cosine" else PREDICTED_ORDER
        return f"{order} {self.diversity}" if self.diversity else order


def read_filled(
    store: Store, statement: LiteralString, compiler: Compiler, **parameters: object
) -> list[Row]:
    """Run a statement and fill what its compiler left to a model in memory."""
    rows = store.read(statement, **compiler.parameters, **parameters)
    fill(store, compiler, rows)
    return rows


def fill(store: Store, compiler: Compiler, rows: list[Row]) -> None:
    """Replace the keys and the places that a compiler left in some rows."""
    if compiler.renamed:
        _rename(rows, compiler.renamed)
    if not compiler.fills:
        return
    fills = compiler.fills
    places: dict[int, list[tuple[Any, Any, Row]]] = {}
    for holder, key, place in _places(rows):
        places.setdefault(place[FILL], []).append((holder, key, place))
    for number, found in places.items():
        given = [place for _, _, place in found]
        for (holder, key, _), value in zip(
            found, _values(store, fills[number], given), strict=True
        ):
            holder[key] = value


def _rename(value: Any, names: Mapping[str, str]) -> None:
    """Give the maps below a value their keys."""
    if isinstance(value, dict):
        for name, key in names.items():
            if name in value:
                value[key] = value.pop(name)
    for one in value.values() if isinstance(value, dict) else value:
        if isinstance(one, dict) or (
            isinstance(one, list) and one and isinstance(one[0], (dict, list))
        ):
            _rename(one, names)


def _places(value: Any) -> Iterator[tuple[Any, Any, Row]]:
    """Each place below a value, with the map or list that holds it and its key there."""
    for key, one in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(one, dict):
            if FILL in one:
                yield value, key, one
            else:
                yield from _places(one)
        elif isinstance(one, list) and one and isinstance(one[0], (dict, list)):
            yield from _places(one)


def _values(store: Store, wanted: Fill, given: Sequence[Row]) -> Sequence[Any]:
    """The values of a field, one for each place."""
    kind, item = wanted.kind, wanted.item
    keys = list(dict.fromkeys(place["key"] for place in given))
    try:
        if item.name == "embedding":
            found = answer_with(store, lambda model: _vectors(store, model, kind, keys))
            return [found[place["key"]] for place in given]
        version = version_of(item.page, item.version)
        known = {place["key"]: place.get("known", ()) for place in given}
        lists = [_nested(kind, item, key, known[key]) for key in keys]
        answered = answer_with(
            store, lambda model: near_lists(store, model, lists), version=version
        )
    except DataMissingError:
        if version_of(item.page, item.version) is not None:
            raise
        # Without a model no node has a vector, so nothing is near to it.
        return [None if item.name == "embedding" else {"items": []} for _ in given]
    by_key = dict(zip(keys, answered, strict=True))
    return [by_key[place["key"]] for place in given]


def _nested(kind: NodeKind, item: Selection, key: str, known: Sequence[str]) -> NearList:
    is_similar = item.name in {"similar_books", "similar_links"}
    return NearList(
        kind if is_similar else kind.other,
        item.page,
        books=(key,) if kind == BOOK else (),
        links=(key,) if kind == LINK else (),
        hidden=(key,) if is_similar else known,
        measure="cosine" if is_similar else "dot",
        edge=item.edge,
        node=item.node,
        where=item.where,
        is_counted=item.is_counted,
    )


def version_of(page: Page, version: str | None) -> str | None:
    """The model that a list is to be made with: a page continues with that of its cursor."""
    for place in (page.after, page.before):
        if place is not None:
            return place.version
    return version


def _vectors(
    store: Store, model: Model, kind: NodeKind, keys: Sequence[str]
) -> Outcome[dict[str, list[float] | None]]:
    table = model.table(store, kind)
    rows = {key: table.row_of(key) for key in keys}
    return Outcome(
        {key: None if row is None else table.vectors[row].tolist() for key, row in rows.items()},
        stamp_of(store),
    )


def cosine_of(
    store: Store, stamp: Stamp, titles: tuple[str, str], version: str | None
) -> tuple[float | None, str | None]:
    """The cosine of two books, and the model that it is of; None without vectors.

    Args:
        store: the graph.
        stamp: the state of the graph when it had these books.
        titles: their keys.
        version: the model to use; by default that of the request.

    Raises:
        DataMissingError: the graph does not hold the model `version`.
    """

    def answer(model: Model) -> Outcome[tuple[float | None, str]]:
        table = model.table(store, BOOK)
        one, other = (table.row_of(title) for title in titles)
        score = None
        if one is not None and other is not None:
            score = table.score(other, table.unit(one), "cosine")
        return Outcome((score, model.version), stamp)

    try:
        return answer_with(store, answer, version=version)
    except DataMissingError:
        if version is not None:
            raise
        return None, None


def near_lists(
    store: Store,
    model: Model,
    lists: Sequence[NearList],
    *,
    directions: Sequence[Doubles | None] | None = None,
) -> Outcome[list[Row]]:
    """Make some lists that differ only in what they are near to.

    Args:
        store: the graph.
        model: the model to rank with.
        lists: at least one.
        directions: for each list what its nodes are compared with; by default the vector of the
            only node that it is near to. None makes an empty list.

    Returns:
        For each list a map of `items`, `has_more`, `order` and `version`. Each item has `node`,
        `score` and `at`.
    """
    one = lists[0]
    table = model.table(store, one.kind)
    if directions is None:
        directions = [_direction(store, model, each) for each in lists]
    at = [number for number, direction in enumerate(directions) if direction is not None]
    made = [lists[i] for i in at]
    num = one.page.first + 1
    # Few filters leave out so many nodes that too few of the nearest pass.
    is_tried = one.is_checked and len(at) == 1 and not one.is_counted and not one.diversity
    width = max(num, min(_MOST_TRIED, _WIDER * num)) if is_tried else num
    asked = [_asked(table, lists[i], directions[i], width) for i in at]
    if one.is_checked and not is_tried:
        barred = _barred(store, table, one)
        asked = [_without(each, barred) for each in asked]
    totals: list[int | None] = [None] * len(at)
    if one.is_counted and asked:
        most = NUM_DIVERSE if one.diversity else len(table)
        totals = [min(most, total) for total in table.count(asked, one.measure)]
    ranked = _ranked(table, one, asked)
    stamp, found, gone = _read(store, table, made, ranked, is_checked=is_tried)
    if is_tried and ranked and len(found[0]) < num and len(ranked[0].rows) == width:
        asked = [replace(_without(asked[0], _barred(store, table, one)), num=num)]
        ranked = _ranked(table, one, asked)
        stamp, found, gone = _read(store, table, made, ranked, is_checked=False)
    answered: list[Row] = [_answered([], one, model, 0) for _ in lists]
    for i, items, total in zip(at, found, totals, strict=True):
        answered[i] = _answered(items, one, model, total)
    return Outcome(answered, stamp, {one.kind.label: gone} if gone else {})


def _barred(store: Store, table: VectorTable, one: NearList) -> Rows:
    """The rows that do not pass the filter of a list."""
    return np.setdiff1d(np.arange(len(table)), table.rows_of(_matching(store, one)))


def _without(asked: Wanted, barred: Rows) -> Wanted:
    return replace(asked, hidden=np.union1d(np.asarray(asked.hidden, dtype=np.intp), barred))


def _ranked(table: VectorTable, one: NearList, asked: Sequence[Wanted]) -> list[Ranked]:
    if not asked:
        return []
    if one.diversity:
        return [table.rank_diverse(each, one.diversity, one.measure) for each in asked]
    return table.rank(asked, one.measure)


def _answered(items: list[Row], one: NearList, model: Model, total: int | None) -> Row:
    part = node_list(items, one.page, order=one.order, version=model.version)
    return {
        "items": part.items,
        "total": total,
        "has_more": part.has_more,
        "order": part.order,
        "version": part.version,
    }


def _direction(store: Store, model: Model, one: NearList) -> Doubles | None:
    kind, keys = (BOOK, one.books) if one.books else (LINK, one.links)
    table = model.table(store, kind)
    row = table.row_of(keys[0])
    if row is None:
        return None
    return table.unit(row) if one.measure == "cosine" else table.vector(row)


def _asked(table: VectorTable, one: NearList, direction: Doubles | None, num: int) -> Wanted:
    assert direction is not None
    return Wanted(
        direction,
        num,
        hidden=table.rows_of(one.hidden),
        after=_place("after", one.page.after, one.order),
        before=_place("before", one.page.before, one.order),
        is_backward=one.page.is_backward,
        least=one.least,
    )


def _place(argument: str, position: Position | None, order: str) -> Place | None:
    if position is None:
        return None
    match position.values:
        case (float() | int() as score, str(key)) if position.order == order:
            return Place(float(score), key)
    raise other_list(argument)


def _read(
    store: Store,
    table: VectorTable,
    lists: Sequence[NearList],
    ranked: Sequence[Ranked],
    *,
    is_checked: bool,
) -> tuple[Stamp, list[list[Row]], list[str]]:
    """Read the nodes of some lists; `is_checked` leaves out those that their filter does not pass.

    Returns:
        The state of the graph, the items of each list, and keys that the graph does not have.
    """
    if not lists:
        return stamp_of(store), [], []
    one = lists[0]
    compiler = new_compiler()
    keys = [[table.keys[int(row)] for row in each.rows] for each in ranked]
    given = [
        {"books": each.books, "links": each.links, "keys": some}
        for each, some in zip(lists, keys, strict=True)
    ]
    hit = NearEdge(one.kind, "near", "sources", has_others=bool(_others(one)))
    condition = _condition(one, compiler) if is_checked else ""
    # As tuples, because turning each value of a large row into plain data takes the driver long.
    ((state, found),) = store.read_all(
        "CYPHER 25 RETURN " + STAMP + " AS stamp, COLLECT { UNWIND $lists AS list "
        + _sources(one)
        + "RETURN COLLECT { UNWIND range(0, size(list.keys) - 1) AS place "
        + "MATCH (near:" + one.kind.label + " {" + one.kind.key + ": list.keys[place]})"
        + (" WHERE " + condition if condition else "")
        + " WITH * ORDER BY place LIMIT " + compiler.parameter(one.page.first + 1)
        + " RETURN {place: place, "
        + near_edge(compiler, hit, edge=one.edge, node=one.node) + "} } } AS lists",
        lists=given,
        **compiler.parameters,
    )  # fmt: skip
    gone: list[str] = []
    for items, each, some in zip(found, ranked, keys, strict=True):
        items[:] = [item for item in items if _is_whole(item, one.kind)]
        if not is_checked and len(items) < len(some):
            there = {item["place"] for item in items}
            gone += [key for place, key in enumerate(some) if place not in there]
        for item in items:
            place = item.pop("place")
            item["score"] = float(each.scores[place])
            item["at"] = [item["score"], some[place]]
    if not gone:
        fill(store, compiler, found)
    return Stamp(*state), found, gone


def _is_whole(item: Row, kind: NodeKind) -> bool:
    """Whether a node that was asked for its key has one.

    While another transaction deletes a node, it may still be found, without its properties.
    """
    node = item.get("node") or {}
    return node.get(kind.key, "") is not None


def _sources(one: NearList) -> LiteralString:
    """Clauses that bind the nodes that `list` is near to, and their authors if these matter."""
    parts: list[LiteralString] = []
    if one.books:
        parts.append(
            "COLLECT { UNWIND list.books AS title MATCH (book:Book {title: title}) RETURN book }"
        )
    if one.links:
        parts.append(
            "COLLECT { UNWIND list.links AS name MATCH (link:Link {name: name}) RETURN link }"
        )
    authors: LiteralString = ""
    if one.is_author_excluded:
        authors = (
            "LET authors = reduce(all = [], one IN sources | all + coalesce(one.authors, [])) "
        )
    return "LET sources = " + (" + ".join(parts) or "[]") + " " + authors


def _others(one: NearList) -> Sequence[str]:
    return one.links if one.kind == BOOK else one.books


def _condition(one: NearList, compiler: Compiler) -> LiteralString:
    parts: list[LiteralString] = [predicate(one.where, "near", compiler)]
    if one.is_author_excluded and one.kind == BOOK:
        parts.append("none(author IN coalesce(near.authors, []) WHERE author IN authors)")
    texts: list[LiteralString] = [part for part in parts if part]
    return " AND ".join(texts)


def _matching(store: Store, one: NearList) -> list[str]:
    """The keys of all nodes that may be in a list."""
    compiler = new_compiler()
    condition = _condition(one, compiler)
    row = store.read(
        "CYPHER 25 LET list = $list " + _sources(one)
        + "RETURN COLLECT { MATCH (near:" + one.kind.label + ")"
        + (" WHERE " + condition if condition else "")
        + " RETURN near." + one.kind.key + " } AS keys",
        list={"books": one.books, "links": one.links},
        **compiler.parameters,
    )[0]  # fmt: skip
    keys: list[str] = row["keys"]
    return keys


def as_node_list(found: Mapping[str, Any]) -> NodeList:
    """A list that `near_lists` made."""
    return NodeList(
        found["items"], found["total"], found["has_more"], found["order"], found["version"]
    )
