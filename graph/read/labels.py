"""Reads the labels that near books are judged by: authors, genres and series."""

from __future__ import annotations

import json
from collections.abc import Sequence

from bookgraph.graph.store import Store


def read_book_labels(store: Store, titles: Sequence[str]) -> dict[str, list[frozenset[str]]]:
    """Read each book's authors, genres and series.

    Args:
        store: the graph.
        titles: the books, in the order of the result.

    Returns:
        For `author`, `genre` and `series`, one set for each book; empty where the graph has none.
    """
    found = {
        title: (frozenset(authors), frozenset(genres), _series(infobox))
        for title, authors, genres, infobox in store.read_all(
            "MATCH (n:Book) RETURN n.title, coalesce(n.authors, []), coalesce(n.genres, []), "
            "coalesce(n.infobox, '{}')"
        )
    }
    nothing = (frozenset[str](), frozenset[str](), frozenset[str]())
    return {
        name: [found.get(title, nothing)[position] for title in titles]
        for position, name in enumerate(("author", "genre", "series"))
    }


def _series(infobox: str) -> frozenset[str]:
    """The series in an infobox, as one label: its text with case and white space folded."""
    name = json.loads(infobox).get("series")
    folded = " ".join(str(name or "").casefold().split())
    return frozenset({folded}) if folded else frozenset()
