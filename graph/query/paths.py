"""What lies between two nodes: the shortest chains, and two books side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import LiteralString

from bookgraph.core.errors import UsageError
from bookgraph.graph.query.compile import Compiler, digits
from bookgraph.graph.query.fields import new_compiler
from bookgraph.graph.query.lookup import fold_key, lookup, lookup_parameters, not_found
from bookgraph.graph.query.near import rarity
from bookgraph.graph.query.nearest import cosine_of, read_filled
from bookgraph.graph.query.selection import Selection
from bookgraph.graph.schema import BOOK, LINK, NodeKind
from bookgraph.graph.store import Row, Store
from bookgraph.graph.vectors.models import STAMP, Stamp

MAX_CHAINS = 20
MAX_LENGTH = 8
MAX_COMPARED = 100

# Of many equally short chains, this many are compared for the most telling ones.
_NUM_COMPARED = 500


@dataclass(frozen=True, slots=True)
class End:
    """One end of a path.

    Attributes:
        kind: book or link.
        key: the book's title or the link's name.
    """

    kind: NodeKind
    key: str


def find_paths(
    store: Store,
    ends: tuple[End, End],
    *,
    first: int,
    book: Sequence[Selection],
    link: Sequence[Selection],
) -> list[list[Row]]:
    """The shortest chains of books and links between two nodes, those by the rarest links first.

    Args:
        store: the graph.
        ends: from and to.
        first: maximum number of chains.
        book: requested fields of each book.
        link: requested fields of each link.

    Returns:
        Chains of rows with `label` and `node`, from end to end. There is none when nothing of at
        most `MAX_LENGTH` edges connects the two.

    Raises:
        BookNotFoundError: an end is a book that does not exist.
        LinkNotFoundError: an end is a link that does not exist.
        UsageError: `first` is out of bounds, or both ends are one node.
    """
    if not 1 <= first <= MAX_CHAINS:
        raise UsageError(f"first: {first} is out of bounds; give 1 to {MAX_CHAINS}.")
    start, end = (End(one.kind, fold_key(one.kind, one.key)) for one in ends)
    if start == end:
        raise UsageError(f"from and to are both {start.key!r}; give two different nodes.")
    compiler = new_compiler(
        {
            **lookup_parameters(start.kind, "start", start.key),
            **lookup_parameters(end.kind, "end", end.key),
        }
    )
    row = read_filled(
        store,
        "CYPHER 25 " + lookup(start.kind, "start", "start") + lookup(end.kind, "end", "end")
        + "RETURN start IS NOT NULL AS is_start, end IS NOT NULL AS is_end, "
        + _chains(compiler, book, link) + " AS chains",
        compiler,
        first=first,
    )[0]  # fmt: skip
    for is_found, one in ((row["is_start"], start), (row["is_end"], end)):
        if not is_found:
            raise not_found(store, one.kind, one.key)
    chains: list[list[Row]] = row["chains"]
    shortest = min(map(len, chains), default=0)
    return [chain for chain in chains if len(chain) == shortest]


def _chains(
    compiler: Compiler, book: Sequence[Selection], link: Sequence[Selection]
) -> LiteralString:
    node = (
        "{label: CASE WHEN n:Book THEN 'Book' ELSE 'Link' END, node: CASE WHEN n:Book THEN "
        + compiler.node(BOOK, "n", book) + " ELSE " + compiler.node(LINK, "n", link) + " END}"
    )  # fmt: skip
    return (
        # Two keys can lead to one node, since a redirect leads to its page.
        "COLLECT { WITH start, end WHERE start IS NOT NULL AND end IS NOT NULL AND start <> end "
        "MATCH path = SHORTEST " + digits(_NUM_COMPARED) + " "
        "(start)-[:LINKS_TO]-{1," + digits(MAX_LENGTH) + "}(end) "
        "WITH nodes(path) AS chain, length(path) AS size "
        "WITH chain, size, reduce(sum = 0.0, n IN chain | "
        "sum + log(1.0 + coalesce(n.num_books, n.num_links))) AS commonness "
        "ORDER BY size, commonness LIMIT $first "
        "RETURN COLLECT { UNWIND chain AS n RETURN " + node + " } }"
    )


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two books side by side.

    Attributes:
        nodes: the requested fields of the two books.
        score: their cosine, 1 for one book twice, or None where one of two has no vector.
        num_shared: links that both mention.
        jaccard: those as a share of the links that either mentions, in [0, 1]; 1 for one book
            twice.
        shared: rows with `score` (the rarity) and `link`, the rarest first.
        only: such rows for the links that only the first and only the second mentions.
        version: the model of the score, or None without one.
    """

    nodes: tuple[Row, Row]
    score: float | None
    num_shared: int
    jaccard: float
    shared: list[Row]
    only: tuple[list[Row], list[Row]]
    version: str | None = None


def compare_books(
    store: Store,
    titles: tuple[str, str],
    *,
    first: int,
    book: Sequence[Selection],
    link: Sequence[Selection],
    version: str | None = None,
) -> Comparison:
    """Compare two books: their cosine, the links that both mention, those that only one mentions.

    Args:
        store: the graph.
        titles: the two.
        first: maximum number of links in each list.
        book: requested fields of the books.
        link: requested fields of each link.
        version: the model of the score; by default the current one.

    Raises:
        BookNotFoundError: one does not exist.
        DataMissingError: the graph does not hold the model `version`.
        UsageError: `first` is out of bounds.
    """
    if not 0 <= first <= MAX_COMPARED:
        raise UsageError(f"first: {first} is out of bounds; give 0 to {MAX_COMPARED}.")
    compiler = new_compiler(
        {**lookup_parameters(BOOK, "a", titles[0]), **lookup_parameters(BOOK, "b", titles[1])}
    )
    statement = _comparison(compiler, book, link)
    row = read_filled(store, statement, compiler, first=first)[0]
    for title, node in zip(titles, (row["first_book"], row["second_book"]), strict=True):
        if node is None:
            raise not_found(store, BOOK, title)
    keys = (row["first_title"], row["second_title"])
    score, model_version = cosine_of(store, Stamp(*row["stamp"]), keys, version)
    num_shared, num_either = row["num_shared"], row["num_either"]
    return Comparison(
        nodes=(row["first_book"], row["second_book"]),
        score=1.0 if row["is_same"] else score,
        version=model_version,
        num_shared=num_shared,
        jaccard=num_shared / num_either if num_either else float(row["is_same"]),
        shared=row["shared"],
        only=(row["only_first"], row["only_second"]),
    )


def _comparison(
    compiler: Compiler, book: Sequence[Selection], link: Sequence[Selection]
) -> LiteralString:
    """Finds both books and their shared links once; each returned value is one line."""
    not_shared: LiteralString = "-[:LINKS_TO]->(via:Link) WHERE NOT via IN shared"
    values: tuple[tuple[LiteralString, LiteralString], ...] = (
        ("first_book", "CASE WHEN a IS NOT NULL THEN " + compiler.node(BOOK, "a", book) + " END"),
        ("second_book", "CASE WHEN b IS NOT NULL THEN " + compiler.node(BOOK, "b", book) + " END"),
        ("first_title", "a.title"),
        ("second_title", "b.title"),
        ("stamp", STAMP),
        ("num_shared", "size(shared)"),
        ("num_either", "a.num_links + b.num_links - size(shared)"),
        ("is_same", "a = b"),
        ("shared", _rarest(compiler, "UNWIND shared AS via", link)),
        ("only_first", _rarest(compiler, "MATCH (a)" + not_shared, link)),
        ("only_second", _rarest(compiler, "MATCH (b)" + not_shared, link)),
    )
    returned: list[LiteralString] = [value + " AS " + name for name, value in values]
    return (
        "CYPHER 25 " + lookup(BOOK, "a", "a") + lookup(BOOK, "b", "b")
        # In two clauses: one pattern passes no edge twice, and would find nothing where a is b.
        + "LET shared = COLLECT { MATCH (a)-[:LINKS_TO]->(via:Link) "
        + "MATCH (b)-[:LINKS_TO]->(via) RETURN via } "
        + "RETURN " + ", ".join(returned)
    )  # fmt: skip


def _rarest(compiler: Compiler, match: LiteralString, link: Sequence[Selection]) -> LiteralString:
    return (
        "COLLECT { " + match + " WITH via, " + rarity(LINK, "via") + " AS idf "
        "ORDER BY idf DESC, via.name LIMIT $first "
        "RETURN {score: idf, link: " + compiler.node(LINK, "via", link) + "} }"
    )
