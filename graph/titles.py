"""Finds the titles and names nearest to what somebody typed, for the message that says so."""

from __future__ import annotations

import re
from difflib import SequenceMatcher

from graph.store import Runner

_NUM_CANDIDATES = 50
_LUCENE_SPECIAL = re.compile(r'([+\-!(){}\[\]^"~*?:\\/&|])')
_MIN_FUZZY_CHARS = 3
# A name is worth offering when it is alike at all, and not much less so than the best one.
_LIKENESS = 0.5
_SHARE_OF_BEST = 0.7


def nearest_titles(runner: Runner, wanted: str, *, num: int = 3) -> tuple[str, ...]:
    """Titles of books that look most like `wanted`, best first; none when nothing is alike."""
    rows = runner.run(
        "CALL db.index.fulltext.queryNodes('book_title_text', $text, {limit: $limit}) "
        "YIELD node RETURN node.title AS name",
        text=fuzzy_query(wanted),
        limit=_NUM_CANDIDATES,
    )
    return _rank(wanted, [row["name"] for row in rows], num)


def nearest_names(runner: Runner, wanted: str, *, num: int = 3) -> tuple[str, ...]:
    """Names of links that look most like `wanted`, best first; none when nothing is alike."""
    rows = runner.run(
        "CALL db.index.fulltext.queryNodes('link_title_text', $text, {limit: $limit}) "
        "YIELD node RETURN node.name AS name",
        text=fuzzy_query(wanted),
        limit=_NUM_CANDIDATES,
    )
    return _rank(wanted.lower(), [row["name"] for row in rows], num)


def fuzzy_query(wanted: str) -> str:
    """A Lucene query that finds the words themselves, their beginnings and their misspellings."""
    terms = []
    for word in wanted.split():
        # Fuzzy terms bypass the analyzer, so case is folded here; `OR` and its like lose it too.
        term = _LUCENE_SPECIAL.sub(r"\\\1", word.lower())
        if len(word) >= _MIN_FUZZY_CHARS:
            terms.append(f"({term}^2 OR {term}~ OR {term}*)")
        else:
            terms.append(term)
    return " OR ".join(terms) or '""'


def _rank(wanted: str, candidates: list[str], num: int) -> tuple[str, ...]:
    folded = wanted.casefold()
    likeness = {name: SequenceMatcher(None, folded, name.casefold()).ratio() for name in candidates}
    ranked = sorted(likeness, key=lambda name: (-likeness[name], name))
    if not ranked:
        return ()
    bar = max(_LIKENESS, _SHARE_OF_BEST * likeness[ranked[0]])
    return tuple(name for name in ranked[:num] if likeness[name] >= bar)
