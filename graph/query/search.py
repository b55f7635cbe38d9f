"""Finds books and links by typed text: case, accents, "(novel)" and typos do not matter.

Redirects are names too: `1984` finds `Nineteen Eighty-Four`.

The full-text indexes give the candidates. How similar each is to the text is computed on its folded
letters inside the same statement, so that one round trip finds, ranks and fetches.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import LiteralString

from bookgraph.core.errors import UsageError
from bookgraph.core.names import spell_title
from bookgraph.graph.query.compile import Compiler
from bookgraph.graph.query.fields import new_compiler
from bookgraph.graph.query.filters import NodeFilter, predicate
from bookgraph.graph.query.keyset import Keyset, Term
from bookgraph.graph.query.nearest import read_filled
from bookgraph.graph.query.selection import Page, Position, Selection
from bookgraph.graph.query.titles import fuzzy_query, phrase_query
from bookgraph.graph.schema import BOOK, LINK, NodeKind
from bookgraph.graph.store import Row, Store

MAX_TEXT_CHARS = 300
MAX_HITS = 50

_NUM_CANDIDATES = 60
# A filter may leave few of them.
_NUM_FILTERED = 1_000
_LEAST_SCORE = 0.3
# Unicode's block of combining marks: the accents of Latin, Greek and Cyrillic letters. The marks of
# other scripts are no accents, and stay.
_MARKS = [chr(code) for code in range(0x300, 0x370)]
_ANY_MARK = re.compile(f"[{_MARKS[0]}-{_MARKS[-1]}]")
_ARTICLES = ("the ", "a ", "an ")
_ASIDE = re.compile(r"\s*\([^()]*\)\s*$")


@dataclass(frozen=True, slots=True)
class SearchHits:
    """What a text found.

    Attributes:
        items: rows, the best first, with `label`, `score` in (0, 1], `node` and `redirect`: the
            other title that is like the text, where the node's own title is less so.
        did_you_mean: the title of the best hit, where no title equals the text.
        has_more: whether more hits follow.
    """

    items: list[Row]
    did_you_mean: str | None
    has_more: bool = False


def search(
    store: Store,
    text: str,
    *,
    first: int,
    book: Sequence[Selection] | None,
    link: Sequence[Selection] | None,
    where: Sequence[NodeFilter | None] = (),
    after: Position | None = None,
) -> SearchHits:
    """Find books and links with a title like a text.

    Args:
        store: the graph.
        text: as it was typed.
        first: maximum number of hits.
        book: requested fields of each book; None leaves books out.
        link: requested fields of each link; None leaves links out.
        where: filters of books and of links.
        after: only hits behind this place.

    Raises:
        UsageError: the text is too long, `first` is out of bounds, or the place is of another list.
    """
    if len(text) > MAX_TEXT_CHARS:
        raise UsageError(f"text: {len(text)} characters; give at most {MAX_TEXT_CHARS}.")
    if not 0 <= first <= MAX_HITS:
        raise UsageError(f"first: {first} is out of bounds; give 0 to {MAX_HITS}.")
    text = spell_title(text)
    folded = fold(text)
    wanted = [(kind, one) for kind, one in ((BOOK, book), (LINK, link)) if one is not None]
    if not folded or not first or not wanted:
        return SearchHits([], None)
    compiler = new_compiler()
    filters = {one.kind: one for one in where if one is not None}
    page = Page(first, after)
    rows = read_filled(
        store,
        _statement(compiler, wanted, filters, page),
        compiler,
        text=folded,
        stem=_stem(folded),
        query=f"{phrase_query(text)}^8 OR {fuzzy_query(text)}",
        candidates=_NUM_FILTERED if filters else _NUM_CANDIDATES,
        marks=_MARKS,
        marked=f"(?s).*{_ANY_MARK.pattern}.*",
        least=_LEAST_SCORE,
    )
    found: list[Row] = rows[0]["items"]
    items = found[:first]
    is_exact = bool(items) and items[0]["score"] == 1
    has_no_guess = is_exact or not items or after is not None
    title = None if has_no_guess else items[0]["title"]
    return SearchHits(items, title, has_more=len(found) > first)


def fold(text: str) -> str:
    """Lowercase without accents and with single spaces."""
    decomposed = unicodedata.normalize("NFD", text.lower())
    return " ".join(_ANY_MARK.sub("", decomposed).split())


def _stem(folded: str) -> str:
    """The text without an aside in brackets and without an article in front."""
    text = _ASIDE.sub("", folded) or folded
    return next(
        (text.removeprefix(article) for article in _ARTICLES if text.startswith(article)), text
    )


_ORDER = Keyset(
    "search",
    (
        Term("alike", is_descending=True),
        Term("is_book", is_descending=True),
        Term("weight", is_descending=True),
        Term("node.title"),
        Term("coalesce(node.name, '')"),
    ),
)


def _statement(
    compiler: Compiler,
    wanted: Sequence[tuple[NodeKind, Sequence[Selection]]],
    filters: Mapping[NodeKind, NodeFilter],
    page: Page,
) -> LiteralString:
    candidates: list[LiteralString] = [
        "CALL db.index.fulltext.queryNodes('" + kind.text_index + "', $query, "
        "{limit: $candidates}) YIELD node" + _where(compiler, filters.get(kind)) + " RETURN node"
        for kind, _ in wanted
    ]
    bounds = _ORDER.bounds(page, compiler)
    nodes: list[LiteralString] = [
        "WHEN node:" + kind.label + " THEN " + compiler.node(kind, "node", selections)
        for kind, selections in wanted
    ]
    return (
        "CYPHER 25 RETURN COLLECT { CALL () { " + " UNION ALL ".join(candidates) + " } "
        "LET names = [node.title] + coalesce(node.redirects, []) "
        "CALL (names) { " + _BEST_NAME + " } "
        "LET weight = coalesce(node.num_books, node.num_links, 0) "
        "LET is_book = CASE WHEN node:Book THEN 1 ELSE 0 END "
        "WITH node, alike, redirect, weight, is_book WHERE alike >= $least"
        + (" AND " + bounds if bounds else "")
        + _ORDER.limit(page, compiler)
        + " RETURN {title: node.title, at: "
        + _ORDER.values
        + ", label: CASE WHEN node:Book THEN 'Book' ELSE 'Link' END, "
        "score: alike, redirect: redirect, node: CASE " + " ".join(nodes) + " END} } AS items"
    )


# The score of one name. `title` and `$text` are folded; `stem` and `$stem` are these without an
# aside and without an article. The first rule that holds gives the score.
_RULES: tuple[tuple[LiteralString, LiteralString], ...] = (
    ("title = $text", "1.0"),
    ("stem = $stem", "0.95"),
    # A search box sends the beginning of a title first.
    ("stem STARTS WITH $stem", "0.7 + 0.2 * size($stem) / size(stem)"),
    (
        "any(word IN split(stem, ' ') WHERE word STARTS WITH $stem)",
        "0.6 + 0.2 * size($stem) / size(stem)",
    ),
    # Letter pairs take time to count, and a country has fifty redirects: only those are compared
    # that begin alike and differ by at most three letters in length.
    (
        "place > 0 AND (left(stem, 1) <> left($stem, 1) OR abs(size(stem) - size($stem)) > 3)",
        "0.0",
    ),
    # Texts of such different lengths cannot be similar enough.
    ("size(stem) > 5 * size($stem) OR size($stem) > 5 * size(stem)", "0.0"),
)
# A title comes before a redirect that is equally similar.
_PLACE_WEIGHT: LiteralString = "CASE place WHEN 0 THEN 1.0 ELSE 0.98 END"


def _where(compiler: Compiler, wanted: NodeFilter | None) -> LiteralString:
    condition = predicate(wanted, "node", compiler)
    return " WHERE " + condition if condition else ""


def _letter_pairs(text: LiteralString) -> LiteralString:
    return "[i IN range(0, size(" + text + ") - 1) | substring(" + text + ", i, 2)]"


# The share of letter pairs that two texts have in common (Dice 1945), in [0, 1].
_DICE: LiteralString = (
    "(2.0 * size([gram IN " + _letter_pairs("stem")
    + " WHERE gram IN " + _letter_pairs("$stem") + "]) / (size(stem) + size($stem)))"
)  # fmt: skip

_WHENS: list[LiteralString] = ["WHEN " + rule + " THEN " + score for rule, score in _RULES]
_SCORE: LiteralString = "CASE " + " ".join(_WHENS) + " ELSE 0.9 * " + _DICE + " END"

# `fold` in Cypher, which replaces one mark after the other. So it does for texts with marks only.
_FOLDED: LiteralString = (
    "CASE WHEN decomposed =~ $marked THEN "
    "reduce(letters = decomposed, mark IN $marks | replace(letters, mark, '')) "
    "ELSE decomposed END"
)
_STEM: LiteralString = (
    "CASE WHEN short STARTS WITH 'the ' THEN substring(short, 4) "
    "WHEN short STARTS WITH 'an ' THEN substring(short, 3) "
    "WHEN short STARTS WITH 'a ' THEN substring(short, 2) ELSE short END"
)

# Of the names of a node, its title first: the best score, and the redirect that has it.
_BEST_NAME: LiteralString = (
    "UNWIND range(0, size(names) - 1) AS place "
    "LET decomposed = normalize(toLower(names[place]), NFD) "
    "LET title = " + _FOLDED + " "
    "LET short = split(title, ' (')[0] "
    "LET stem = " + _STEM + " "
    "LET alike = " + _SCORE + " "
    "RETURN alike * " + _PLACE_WEIGHT + " AS alike, "
    "CASE WHEN place > 0 THEN names[place] END AS redirect "
    "ORDER BY alike DESC, place LIMIT 1"
)
