"""Adds, changes and removes single books, each in one transaction, vector included.

Edits run one after the other: each locks the `Dataset` node by raising its revision before it reads
anything, so that counts and orphans are right however many clients write. A load locks it when it
begins and while it counts. The driver repeats a transaction after a deadlock with a load.

A book that is added between trainings gets its vector from its links at once (fold-in), so that
similarity queries find it without waiting; the next training places it anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal, LiteralString

from bookgraph.core.errors import BookNotFoundError, DataMissingError, EditRefusedError
from bookgraph.core.names import lowercase
from bookgraph.graph.query.lookup import lookup, lookup_parameters
from bookgraph.graph.query.titles import nearest_titles
from bookgraph.graph.schema import BOOK, NUM_KEPT_EDITS
from bookgraph.graph.store import Row, Store, Transaction
from bookgraph.graph.write.place import EDITED, place_book
from bookgraph.graph.write.wanted import BookEdit, WantedBook, check_title, clean_edit


@dataclass(frozen=True, slots=True)
class EditReport:
    """What an edit did.

    Attributes:
        title: the book's key, normalised.
        is_new: whether the edit added the book.
        is_placed: whether the book has a vector now.
    """

    title: str
    is_new: bool
    is_placed: bool


def save_book(store: Store, edit: BookEdit) -> EditReport:
    """Add a book or change it: properties, links, counts and vector, all or nothing.

    Title, links and values become what the default cleaning of an ingest makes of them. If the
    links do not change, the book keeps its vector.

    Raises:
        EditRefusedError: an ingest would drop the book, a link or a value, or there are too many.
        DataMissingError: bookgraph has loaded nothing into this database yet.
        StoreUnreachableError: Neo4j did not answer; a retry does no harm.
    """
    wanted = clean_edit(edit)
    return store.write(
        lambda transaction: _save(transaction, _lock(transaction, store.address), wanted)
    )


def save_books(store: Store, edits: Iterable[BookEdit]) -> list[EditReport | EditRefusedError]:
    """Save several books in one transaction, in order; an edit that is refused stops no other.

    Returns:
        For each edit its report, or why it was refused.

    Raises:
        DataMissingError: bookgraph has loaded nothing into this database yet.
        StoreUnreachableError: Neo4j did not answer, nothing was saved; a retry does no harm.
    """
    cleaned = [_cleaned_or_refused(edit) for edit in edits]

    def work(transaction: Transaction) -> list[EditReport | EditRefusedError]:
        # Locked once: a node that is locked again can deadlock with those that wait for it.
        lock = _lock(transaction, store.address, num_edits=len(cleaned))
        return [
            _save(transaction, replace(lock, revision=lock.revision - place), one)
            if isinstance(one, WantedBook)
            else one
            for place, one in zip(reversed(range(len(cleaned))), cleaned, strict=True)
        ]

    return store.write(work)


def _cleaned_or_refused(edit: BookEdit) -> WantedBook | EditRefusedError:
    try:
        return clean_edit(edit)
    except EditRefusedError as error:
        return error


def remove_book(store: Store, title: str) -> str:
    """Remove a book, and the links and external links that no other book mentions.

    Args:
        store: the graph.
        title: in any spelling that finds the book, a redirect among them.

    Returns:
        The title of the book that was removed.

    Raises:
        EditRefusedError: no book can have this title.
        BookNotFoundError: no book has this title.
        DataMissingError: bookgraph has loaded nothing into this database yet.
        StoreUnreachableError: Neo4j did not answer; a retry does no harm.
    """
    check_title(title)
    removed = store.write(lambda transaction: _remove(transaction, store.address, title))
    if removed is None:
        raise BookNotFoundError(title, nearest=nearest_titles(store, title))
    return removed


def _save(transaction: Transaction, lock: _Lock, wanted: WantedBook) -> EditReport:
    known = _read_known(transaction, wanted)
    old, new = dict(known["links"]), wanted.counts
    has_links_changed = new is not None and new != old
    is_changed = not known["is_known"] or has_links_changed
    if is_changed or known["values"] != list(wanted.properties.values()):
        is_changed = True
        transaction.run(
            _SAVE,
            title=wanted.title,
            name=lowercase(wanted.title),
            properties=dict(wanted.properties),
            checksum=EDITED,
        )
    if has_links_changed:
        transaction.run(_LINK, title=wanted.title, links=wanted.links)
        _recount(transaction, lock, names=sorted({*old, *(new or ())}))
    # Counts do not matter to fold-in, so the trained vector of the same links is the better one.
    is_placed = {*old} == {*(old if new is None else new)} and known["is_placed"]
    if not is_placed:
        is_placed = place_book(transaction, wanted.title)
        is_changed = is_changed or is_placed
    if is_changed:
        _record(transaction, lock, "SAVED", wanted.title)
    return EditReport(wanted.title, is_new=not known["is_known"], is_placed=is_placed)


def _read_known(transaction: Transaction, wanted: WantedBook) -> Row:
    """What the graph has of a book now: its values, its links, and whether it has a vector."""
    return transaction.run(_KNOWN, title=wanted.title, names=list(wanted.properties))[0]


def _remove(transaction: Transaction, address: str, title: str) -> str | None:
    lock = _lock(transaction, address)
    rows = transaction.run(_FIND, **lookup_parameters(BOOK, "key", title))
    if not rows:
        return None
    found: str = rows[0]["title"]
    (removed,) = transaction.run(_REMOVE, title=found)
    _recount(transaction, lock, names=sorted(removed["names"]), urls=sorted(removed["urls"]))
    _record(transaction, lock, "REMOVED", found)
    return found


@dataclass(frozen=True, slots=True)
class _Lock:
    """What the locked `Dataset` node says.

    Attributes:
        revision: the graph's new revision, after the last of the edits.
        is_complete: whether no load is running, nor was interrupted.
    """

    revision: int
    is_complete: bool


def _lock(transaction: Transaction, address: str, *, num_edits: int = 1) -> _Lock:
    """Let no other edit run, and no load begin, until this transaction ends.

    Raises:
        DataMissingError: there is no `Dataset` node to lock.
    """
    rows = transaction.run(_RAISE_REVISION, num_edits=num_edits)
    if not rows:
        raise DataMissingError(
            f"The database at {address} holds no books of bookgraph yet. "
            "Load some: bookgraph ingest PATH"
        )
    return _Lock(**rows[0])


def _recount(
    transaction: Transaction, lock: _Lock, *, names: Sequence[str], urls: Sequence[str] = ()
) -> None:
    """Correct the counts of some links and external links, and delete those that nothing uses.

    A running load may just be adding edges to a link that nothing uses, so there links stay; the
    load deletes them at its end.
    """
    transaction.run(_RECOUNT, names=names, can_delete=lock.is_complete)
    if urls:
        transaction.run(_RECOUNT_CITED, urls=urls, can_delete=lock.is_complete)


def _record(
    transaction: Transaction, lock: _Lock, kind: Literal["SAVED", "REMOVED"], title: str
) -> None:
    """Add an edit to the log, which keeps the latest ones."""
    transaction.run(
        _RECORD,
        number=lock.revision,
        kind=kind,
        title=title,
        at=datetime.now(UTC).isoformat(timespec="milliseconds"),
    )
    transaction.run(_FORGET, num_kept=NUM_KEPT_EDITS)


# The node is locked before its revision is read, as the value to set depends on it.
_RAISE_REVISION: LiteralString = """
MATCH (data:Dataset {name: 'bookgraph'})
SET data.revision = coalesce(data.revision, 0) + $num_edits
RETURN data.revision AS revision, coalesce(data.is_complete, false) AS is_complete
"""
_RECORD: LiteralString = "CREATE (:Edit {number: $number, kind: $kind, title: $title, at: $at})"
# One edit adds one node, so one node at most is too much.
_FORGET: LiteralString = """
WITH COUNT { (:Edit) } AS num WHERE num > $num_kept
MATCH (old:Edit) WHERE old.number > 0
WITH old ORDER BY old.number LIMIT 1
DELETE old
"""
_KNOWN: LiteralString = """
OPTIONAL MATCH (book:Book {title: $title})
OPTIONAL MATCH (model:EmbeddingModel {is_current: true})
RETURN book IS NOT NULL AS is_known,
  coalesce(book[model.vector + '_version'] = model.version, false) AS is_placed,
  [name IN $names | book[name]] AS values,
  COLLECT { MATCH (book)-[edge:LINKS_TO]->(link) RETURN [link.name, edge.count] } AS links
"""
_SAVE: LiteralString = """
MERGE (book:Book {title: $title})
  ON CREATE SET book.num_links = 0
SET book += $properties, book.checksum = $checksum
WITH book
MATCH (link:Link {name: $name})
MERGE (link)-[:REFERS_TO]->(book)
"""
_LINK: LiteralString = """
MATCH (book:Book {title: $title})
SET book.num_links = size($links)
WITH book
CALL (book) { MATCH (book)-[old:LINKS_TO]->() DELETE old }
CALL (book) {
  UNWIND $links AS row
  MERGE (link:Link {name: row.name})
    ON CREATE SET link.title = row.title, link.kind = row.kind, link.num_books = 0
  CREATE (book)-[:LINKS_TO {count: row.count}]->(link)
  WITH link, row WHERE NOT EXISTS { (link)-[:REFERS_TO]->() }
  WITH link, head(COLLECT {
    UNWIND range(0, size(row.titles) - 1) AS place
    MATCH (other:Book {title: row.titles[place]})
    RETURN other ORDER BY place LIMIT 1
  }) AS other WHERE other IS NOT NULL
  MERGE (link)-[:REFERS_TO]->(other)
}
"""
_RECOUNT: LiteralString = """
UNWIND $names AS name
MATCH (link:Link {name: name})
SET link.num_books = COUNT { (link)<-[:LINKS_TO]-() }
WITH link WHERE link.num_books = 0 AND $can_delete
DETACH DELETE link
"""
_RECOUNT_CITED: LiteralString = """
UNWIND $urls AS url
MATCH (page:ExternalLink {url: url})
SET page.num_books = COUNT { (page)<-[:CITES]-() }
WITH page WHERE page.num_books = 0 AND $can_delete
DETACH DELETE page
"""
_FIND: LiteralString = (
    "CYPHER 25 "
    + lookup(BOOK, "book", "key")
    + "FILTER book IS NOT NULL RETURN book.title AS title"
)
_REMOVE: LiteralString = """
MATCH (book:Book {title: $title})
WITH book,
  COLLECT { MATCH (book)-[:LINKS_TO]->(link) RETURN link.name } AS names,
  COLLECT { MATCH (book)-[:CITES]->(cited) RETURN cited.url } AS urls
DETACH DELETE book
RETURN names, urls
"""
