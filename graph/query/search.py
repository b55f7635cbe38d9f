"""Finds books and links by what somebody typed: case, accents, "(novel)", typos do not matter.

Redirects are names too: `1984` finds `Nineteen Eighty-Four`.

The full-text indexes name the candidates; how alike each is to the text is counted on their folded
letters inside the same statement, so that one round trip finds, ranks and fetches.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import LiteralString

from bookgraph.core.errors import UsageError
from bookgraph.graph.query.projection import Compiler, Selection
from bookgraph.graph.query.titles import fuzzy_query, phrase_query
from bookgraph.graph.store import Row, Store

MAX_TEXT_CHARS = 300
MAX_HITS = 50

_NUM_CANDIDATES = 60
_LEAST_SCORE = 0.3
# A title goes before a redirect that is as much alike.
_REDIRECT_WEIGHT: LiteralString = "0.98"
# Letters that a redirect may have more or less than a text that was mistyped.
_MOST_TYPOS: LiteralString = "3"
# What a decomposed letter may carry: grave to ring, caron, cedilla, ogonek.
_MARKS = [chr(code) for code in (*range(0x300, 0x305), *range(0x306, 0x30D), 0x327, 0x328)]
_ARTICLES = ("the ", "a ", "an ")
_ASIDE = re.compile(r"\s*\([^()]*\)\s*$")


@dataclass(frozen=True, slots=True)
class SearchHits:
    """What a text led to.

    Attributes:
        items: rows with `label` (`Book` or `Link`), `score` in (0, 1], `node`, and `redirect`, the
            other title that is like the text where the node's own is less so; best first.
        did_you_mean: the title of the best hit where none is just what was typed.
    """

    items: list[Row]
    did_you_mean: str | None


def search(
    store: Store,
    text: str,
    *,
    first: int,
    book: Sequence[Selection] | None,
    link: Sequence[Selection] | None,
) -> SearchHits:
    """Find books and links whose title is like a text.

    Args:
        store: the graph.
        text: as it was typed.
        first: at most so many hits.
        book: what is wanted of each book; None leaves books out.
        link: what is wanted of each link; None leaves links out.

    Raises:
        UsageError: the text is too long or `first` is out of its bounds.
    """
    if len(text) > MAX_TEXT_CHARS:
        raise UsageError(f"text: {len(text)} characters; search for at most {MAX_TEXT_CHARS}.")
    if not 0 <= first <= MAX_HITS:
        raise UsageError(f"first: {first} is out of bounds; give 0 to {MAX_HITS}.")
    folded = fold(text)
    if not folded or not first or (book is None and link is None):
        return SearchHits([], None)
    compiler = Compiler()
    rows = store.read(
        _statement(compiler, book, link),
        text=folded,
        stem=_stem(folded),
        query=f"{phrase_query(text)}^8 OR {fuzzy_query(text)}",
        candidates=_NUM_CANDIDATES,
        marks=_MARKS,
        least=_LEAST_SCORE,
        first=first,
        **compiler.parameters,
    )
    items: list[Row] = rows[0]["items"]
    is_exact = bool(items) and items[0]["score"] == 1
    return SearchHits(items, None if is_exact or not items else items[0]["title"])


def fold(text: str) -> str:
    """Lowercase without accents and with single spaces."""
    decomposed = unicodedata.normalize("NFD", text.lower())
    return " ".join("".join(c for c in decomposed if not unicodedata.combining(c)).split())


def _stem(folded: str) -> str:
    """What is left without an aside in brackets and without an article in front."""
    text = _ASIDE.sub("", folded) or folded
    return next(
        (text.removeprefix(article) for article in _ARTICLES if text.startswith(article)), text
    )


def _statement(
    compiler: Compiler, book: Sequence[Selection] | None, link: Sequence[Selection] | None
) -> LiteralString:
    parts: list[LiteralString] = []
    for wanted, index in ((book, "book_title_text"), (link, "link_title_text")):
        if wanted is not None:
            parts.append(
                "CALL db.index.fulltext.queryNodes('" + index + "', $query, "
                "{limit: $candidates}) YIELD node RETURN node"
            )
    nodes: list[LiteralString] = []
    if book is not None:
        nodes.append("WHEN node:Book THEN " + compiler.book("node", book))
    if link is not None:
        nodes.append("WHEN node:Link THEN " + compiler.link("node", link))
    return (
        "CYPHER 25 RETURN COLLECT { CALL () { " + " UNION ALL ".join(parts) + " } "
        "LET names = [node.title] + coalesce(node.redirects, []) "
        "CALL (names) { " + _BEST_NAME + " } "
        "LET weight = coalesce(node.num_books, node.num_links, 0) "
        "WITH node, alike, redirect, weight WHERE alike >= $least "
        "ORDER BY alike DESC, node:Book DESC, weight DESC, node.title LIMIT $first "
        "RETURN {title: node.title, label: CASE WHEN node:Book THEN 'Book' ELSE 'Link' END, "
        "score: alike, redirect: redirect, node: CASE " + " ".join(nodes) + " END} } AS items"
    )


def _folded(text: LiteralString) -> LiteralString:
    return (
        "reduce(letters = normalize(toLower(" + text + "), NFD), mark IN $marks | "
        "replace(letters, mark, ''))"
    )


def _dice(one: LiteralString, other: LiteralString) -> LiteralString:
    """The share of letter pairs that two texts have in common (Dice 1945), in [0, 1]."""
    grams: LiteralString = "[i IN range(0, size(" + one + ") - 1) | substring(" + one + ", i, 2)]"
    others: LiteralString = (
        "[i IN range(0, size(" + other + ") - 1) | substring(" + other + ", i, 2)]"
    )
    return (
        "(2.0 * size([gram IN " + grams + " WHERE gram IN " + others + "]) "
        "/ (size(" + one + ") + size(" + other + ")))"
    )


# Of a node's names, its title first, the one that is most like the text, and how much it is.
_BEST_NAME: LiteralString = (
    "UNWIND range(0, size(names) - 1) AS place "
    "LET title = " + _folded("names[place]") + " "
    "LET short = split(title, ' (')[0] "
    "LET stem = CASE WHEN short STARTS WITH 'the ' THEN substring(short, 4) "
    "WHEN short STARTS WITH 'an ' THEN substring(short, 3) "
    "WHEN short STARTS WITH 'a ' THEN substring(short, 2) ELSE short END "
    "LET alike = CASE WHEN title = $text THEN 1.0 "
    "WHEN stem = $stem THEN 0.95 "
    # A beginning is what a search box sees first.
    "WHEN stem STARTS WITH $stem THEN 0.7 + 0.2 * size($stem) / size(stem) "
    "WHEN any(word IN split(stem, ' ') WHERE word STARTS WITH $stem) "
    "THEN 0.6 + 0.2 * size($stem) / size(stem) "
    # Letter pairs are costly to count, and a country has fifty redirects.
    "WHEN place > 0 AND (left(stem, 1) <> left($stem, 1) "
    "OR abs(size(stem) - size($stem)) > " + _MOST_TYPOS + ") THEN 0.0 "
    # Texts of such different lengths cannot be alike enough, so they are not compared at all.
    "WHEN size(stem) > 5 * size($stem) OR size($stem) > 5 * size(stem) THEN 0.0 "
    "ELSE 0.9 * " + _dice("stem", "$stem") + " END "
    "RETURN alike * CASE place WHEN 0 THEN 1.0 ELSE " + _REDIRECT_WEIGHT + " END AS alike, "
    "CASE WHEN place > 0 THEN names[place] END AS redirect ORDER BY alike DESC, place LIMIT 1"
)
