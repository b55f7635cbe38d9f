"""Finds nodes by other names than their keys: other spellings, redirects, similar titles.

Spellings and redirects are part of a query's own statement. Similar titles are for the message that
a book or link does not exist.
"""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from typing import LiteralString

from bookgraph.graph.store import Row, Runner

_NUM_CANDIDATES = 50
_MOST_REDIRECTS: LiteralString = "500"
_LUCENE_SPECIAL = re.compile(r'([+\-!(){}\[\]^"~*?:\\/&|])')
_MIN_FUZZY_CHARS = 3
# Longer words and more of them cost Lucene seconds, and no title has them.
_MAX_FUZZY_CHARS = 40
_MOST_WORDS = 25
# A name is offered when it is similar at all, and not much less so than the best one.
_LIKENESS = 0.5
_SHARE_OF_BEST = 0.7


def nearest_titles(runner: Runner, wanted: str, *, num: int = 3) -> tuple[str, ...]:
    """Titles of the books most similar to `wanted`, best first; none when none is similar."""
    rows = runner.run(
        "CALL db.index.fulltext.queryNodes('book_title_text', $text, {limit: $limit}) "
        "YIELD node RETURN node.title AS name, node.redirects AS others",
        text=fuzzy_query(wanted),
        limit=_NUM_CANDIDATES,
    )
    return _rank(wanted, rows, num)


def nearest_names(runner: Runner, wanted: str, *, num: int = 3) -> tuple[str, ...]:
    """Names of the links most similar to `wanted`, best first; none when none is similar."""
    rows = runner.run(
        "CALL db.index.fulltext.queryNodes('link_title_text', $text, {limit: $limit}) "
        "YIELD node RETURN node.name AS name, node.redirects AS others",
        text=fuzzy_query(wanted),
        limit=_NUM_CANDIDATES,
    )
    return _rank(wanted.lower(), rows, num)


def named_book(exact: LiteralString, keys: LiteralString, phrase: LiteralString) -> LiteralString:
    """An expression: the book of a title, else of another spelling, letter case or redirect.

    Args:
        exact: variable of the book with the first title, or null.
        keys: expression of the list of titles that `core.names.book_keys` gives.
        phrase: expression of the `redirect_query` of the title.
    """
    return _named(
        "(page:Book {title: " + keys + "[place]})",
        "book_title_text",
        "toLower(page.title) IN [key IN " + keys + " | toLower(key)] DESC, "
        "page.num_links DESC, page.title",
        exact,
        keys,
        phrase,
    )


def named_link(exact: LiteralString, keys: LiteralString, phrase: LiteralString) -> LiteralString:
    """An expression: the link of a name, see `named_book`; `core.names.link_keys` gives `keys`."""
    return _named(
        "(page:Link {name: " + keys + "[place]})",
        "link_title_text",
        "toLower(page.title) IN [key IN " + keys + " | toLower(key)] DESC, "
        "page.num_books DESC, page.name",
        exact,
        keys,
        phrase,
    )


def _named(
    spelled: LiteralString,
    index: LiteralString,
    order: LiteralString,
    exact: LiteralString,
    keys: LiteralString,
    phrase: LiteralString,
) -> LiteralString:
    # `coalesce` looks further only where the exact name found nothing.
    return (
        "coalesce(" + exact + ", head(COLLECT { "
        "UNWIND range(1, size(" + keys + ") - 1) AS place MATCH " + spelled + " "
        "RETURN page ORDER BY place LIMIT 1 }), head(COLLECT { "
        "CALL db.index.fulltext.queryNodes('" + index + "', " + phrase + ", "
        "{limit: " + _MOST_REDIRECTS + "}) YIELD node AS page "
        "WHERE any(other IN [page.title] + coalesce(page.redirects, []) "
        "WHERE toLower(other) IN [key IN " + keys + " | toLower(key)]) "
        "RETURN page ORDER BY " + order + " LIMIT 1 }))"
    )  # fmt: skip


def redirect_query(wanted: str) -> str:
    """A Lucene query for the titles and redirects that hold a title's words in their order."""
    phrase = phrase_query(wanted)
    return f"title:{phrase} OR redirects:{phrase}"


def phrase_query(wanted: str) -> str:
    """A Lucene query for texts that hold some words in their order."""
    return '"' + re.sub(r'(["\\])', r"\\\1", wanted) + '"'


def fuzzy_query(wanted: str) -> str:
    """A Lucene query that finds the words themselves, their beginnings and their misspellings."""
    terms = []
    for word in wanted.split()[:_MOST_WORDS]:
        # Fuzzy terms bypass the analyzer, so lowercase here; `OR` and other operators become words.
        term = _LUCENE_SPECIAL.sub(r"\\\1", word.lower())
        if _MIN_FUZZY_CHARS <= len(word) <= _MAX_FUZZY_CHARS:
            terms.append(f"({term}^2 OR {term}~ OR {term}*)")
        else:
            terms.append(term)
    return " OR ".join(terms) or '""'


def _rank(wanted: str, candidates: list[Row], num: int) -> tuple[str, ...]:
    folded = wanted.casefold()
    likeness = {
        row["name"]: max(
            SequenceMatcher(None, folded, one.casefold()).ratio()
            for one in (row["name"], *(row["others"] or ()))
        )
        for row in candidates
    }
    ranked = sorted(likeness, key=lambda name: (-likeness[name], name))
    if not ranked:
        return ()
    bar = max(_LIKENESS, _SHARE_OF_BEST * likeness[ranked[0]])
    return tuple(name for name in ranked[:num] if likeness[name] >= bar)
