"""What lies between two nodes: the shortest chains, and two books side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import LiteralString

from bookgraph.core.errors import BookNotFoundError, LinkNotFoundError, UsageError
from bookgraph.graph.query.near import rarity
from bookgraph.graph.query.projection import Compiler
from bookgraph.graph.query.selection import Selection
from bookgraph.graph.query.titles import (
    nearest_names,
    nearest_titles,
    redirect_query,
    redirected_book,
    redirected_link,
)
from bookgraph.graph.store import Row, Store

MAX_CHAINS = 20
MAX_LENGTH = 8
# Of very many equally short chains so many are looked at for the most telling ones.
_NUM_LOOKED_AT = 500

_EXACT: dict[str, LiteralString] = {"Book": "Book {title: ", "Link": "Link {name: "}
_REDIRECTED = {"Book": redirected_book, "Link": redirected_link}


@dataclass(frozen=True, slots=True)
class End:
    """One end of a path.

    Attributes:
        label: `Book` or `Link`.
        key: the book's title or the link's name.
    """

    label: str
    key: str


def find_paths(
    store: Store,
    ends: tuple[End, End],
    *,
    first: int,
    book: Sequence[Selection],
    link: Sequence[Selection],
) -> list[list[Row]]:
    """The shortest chains of books and links between two of them, the rarest links first.

    Args:
        store: the graph.
        ends: from and to.
        first: at most so many chains.
        book: what is wanted of each book.
        link: what is wanted of each link.

    Returns:
        Chains of rows with `label` and `node`, from end to end; none when nothing of at most
        `MAX_LENGTH` edges connects the two.

    Raises:
        BookNotFoundError: an end does not exist.
        LinkNotFoundError: the same.
        UsageError: `first` is out of its bounds or both ends are the same.
    """
    if not 1 <= first <= MAX_CHAINS:
        raise UsageError(f"first: {first} is out of bounds; give 1 to {MAX_CHAINS}.")
    start, end = (_folded(one) for one in ends)
    if start == end:
        raise UsageError(f"from and to are both {start.key!r}; give two different nodes.")
    compiler = Compiler()
    row = store.read(
        _ends_text(start, end) + "RETURN start IS NOT NULL AS is_start, end IS NOT NULL AS is_end, "
        "COLLECT { WITH start, end WHERE start IS NOT NULL AND end IS NOT NULL "
        "AND start <> end "
        "MATCH path = SHORTEST " + str(_NUM_LOOKED_AT) + " (start)-[:LINKS_TO]-"
        "{1," + str(MAX_LENGTH) + "}(end) "
        "WITH nodes(path) AS chain, length(path) AS size WITH chain, size, reduce(sum = 0.0, n IN "
        "chain | sum + log(1.0 + coalesce(n.num_books, n.num_links))) AS commonness "
        "ORDER BY size, commonness LIMIT $first RETURN COLLECT { UNWIND chain AS n RETURN "
        "{label: CASE WHEN n:Book THEN 'Book' ELSE 'Link' END, node: CASE WHEN n:Book THEN "
        + compiler.book("n", book) + " ELSE " + compiler.link("n", link) + " END} } } AS chains",
        start=start.key,
        end=end.key,
        start_phrase=redirect_query(start.key),
        end_phrase=redirect_query(end.key),
        first=first,
        **compiler.parameters,
    )[0]  # fmt: skip
    for is_there, one in ((row["is_start"], start), (row["is_end"], end)):
        if not is_there:
            _raise_not_found(store, one)
    chains: list[list[Row]] = row["chains"]
    shortest = min(map(len, chains), default=0)
    return [chain for chain in chains if len(chain) == shortest]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two books side by side.

    Attributes:
        nodes: the two books as they were wanted.
        score: their cosine, or None where one has no vector.
        num_shared: links that both have.
        jaccard: those as a share of the links that either has, in [0, 1].
        shared: rows with `score` (rarity) and `link`, the rarest first.
        only: the same of the links that only the first and only the second has.
    """

    nodes: tuple[Row, Row]
    score: float | None
    num_shared: int
    jaccard: float
    shared: list[Row]
    only: tuple[list[Row], list[Row]]


def compare_books(
    store: Store,
    titles: tuple[str, str],
    *,
    first: int,
    book: Sequence[Selection],
    link: Sequence[Selection],
) -> Comparison:
    """Compare two books: their cosine, what they share, what only one of them has.

    Args:
        store: the graph.
        titles: the two.
        first: at most so many links in each list.
        book: what is wanted of the books.
        link: what is wanted of each link.

    Raises:
        BookNotFoundError: one does not exist.
        UsageError: `first` is out of its bounds.
    """
    if not 0 <= first <= 100:  # noqa: PLR2004  # as every list
        raise UsageError(f"first: {first} is out of bounds; give 0 to 100.")
    compiler = Compiler()
    row = store.read(
        "CYPHER 25 OPTIONAL MATCH (exact_a:Book {title: $a}) "
        "OPTIONAL MATCH (exact_b:Book {title: $b}) "
        "LET a = " + redirected_book("exact_a", "$a", "$a_phrase") + ", "
        "b = " + redirected_book("exact_b", "$b", "$b_phrase") + " "
        "LET shared = COLLECT { MATCH (a)-[:LINKS_TO]->(via:Link)<-[:LINKS_TO]-(b) RETURN via } "
        "RETURN CASE WHEN a IS NOT NULL THEN " + compiler.book("a", book) + " END AS first_book, "
        "CASE WHEN b IS NOT NULL THEN " + compiler.book("b", book) + " END AS second_book, "
        "CASE WHEN a.embedding_version = b.embedding_version "
        "THEN 2 * vector.similarity.cosine(a.embedding, b.embedding) - 1 END AS score, "
        "size(shared) AS num_shared, a.num_links + b.num_links - size(shared) AS num_either, "
        + _rarest(compiler, "UNWIND shared AS via", link) + " AS shared, "
        + _rarest(compiler, "MATCH (a)-[:LINKS_TO]->(via:Link) WHERE NOT via IN shared", link)
        + " AS only_first, "
        + _rarest(compiler, "MATCH (b)-[:LINKS_TO]->(via:Link) WHERE NOT via IN shared", link)
        + " AS only_second",
        a=titles[0],
        b=titles[1],
        a_phrase=redirect_query(titles[0]),
        b_phrase=redirect_query(titles[1]),
        first=first,
        **compiler.parameters,
    )[0]  # fmt: skip
    for title, node in zip(titles, (row["first_book"], row["second_book"]), strict=True):
        if node is None:
            raise BookNotFoundError(title, nearest=nearest_titles(store, title))
    return Comparison(
        nodes=(row["first_book"], row["second_book"]),
        score=row["score"],
        num_shared=row["num_shared"],
        jaccard=row["num_shared"] / row["num_either"] if row["num_either"] else 0.0,
        shared=row["shared"],
        only=(row["only_first"], row["only_second"]),
    )


def _rarest(compiler: Compiler, match: LiteralString, link: Sequence[Selection]) -> LiteralString:
    return (
        "COLLECT { " + match + " WITH via, " + rarity("via", is_book=True) + " AS idf "
        "ORDER BY idf DESC, via.name LIMIT $first "
        "RETURN {score: idf, link: " + compiler.link("via", link) + "} }"
    )  # fmt: skip


def _ends_text(start: End, end: End) -> LiteralString:
    # A redirect leads to its page, so that `start` and `end` may still be one node.
    return (
        "CYPHER 25 OPTIONAL MATCH (exact_start:" + _EXACT[start.label] + "$start}) "
        "OPTIONAL MATCH (exact_end:" + _EXACT[end.label] + "$end}) "
        "LET start = " + _REDIRECTED[start.label]("exact_start", "$start", "$start_phrase") + ", "
        "end = " + _REDIRECTED[end.label]("exact_end", "$end", "$end_phrase") + " "
    )


def _folded(end: End) -> End:
    return End("Link", end.key.strip().lower()) if end.label == "Link" else end


def _raise_not_found(store: Store, end: End) -> None:
    if end.label == "Book":
        raise BookNotFoundError(end.key, nearest=nearest_titles(store, end.key))
    raise LinkNotFoundError(end.key, nearest=nearest_names(store, end.key))
