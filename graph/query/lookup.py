"""Finds one book or link inside a larger statement: by any spelling of its key, or by a redirect.

Every query that starts at given nodes finds them here, and reports those that do not exist here.
"""

from __future__ import annotations

from typing import LiteralString

from bookgraph.core.errors import BookNotFoundError, LinkNotFoundError
from bookgraph.core.names import book_keys, link_keys, spell_title
from bookgraph.graph.query.titles import (
    named_book,
    named_link,
    nearest_names,
    nearest_titles,
    redirect_query,
)
from bookgraph.graph.schema import BOOK, NodeKind
from bookgraph.graph.store import Runner


def fold_key(kind: NodeKind, key: str) -> str:
    """The first key to look for: names of links are lowercase."""
    return keys_of(kind, key)[0]


def keys_of(kind: NodeKind, text: str) -> list[str]:
    """The keys under which a node may stand that a text names, the text as written first."""
    if kind != BOOK:
        return link_keys(text)
    # The full-text index, which ignores case, has no words such as `it`: this key finds `It`.
    lowercase = spell_title(text).lower()
    return list(dict.fromkeys((*book_keys(text), *book_keys(lowercase)[-1:])))


def phrase_of(text: str) -> str:
    """The Lucene query for redirects of the name that a text means."""
    return redirect_query(spell_title(text))


def lookup(kind: NodeKind, variable: LiteralString, key: LiteralString) -> LiteralString:
    """Clauses that bind a node to `variable`, or null when it does not exist.

    Args:
        kind: books or links.
        variable: name of the variable.
        key: name of the parameter that holds the keys, without `$`; `lookup_parameters` makes it
            and the one beside it.
    """
    exact = "exact_" + variable
    return (
        "OPTIONAL MATCH (" + exact + ":" + kind.label + " {" + kind.key + ": $" + key + "[0]}) "
        "LET " + variable + " = " + found(kind, exact, "$" + key, "$" + key + "_phrase") + " "
    )


def lookup_parameters(kind: NodeKind, key: str, text: str) -> dict[str, object]:
    """The parameters of `lookup`."""
    return {key: keys_of(kind, text), f"{key}_phrase": phrase_of(text)}


def spellings(kind: NodeKind, text: str) -> dict[str, object]:
    """The `keys` and the `phrase` of a text, as entries of a map for a statement with `found`."""
    return {"keys": keys_of(kind, text), "phrase": phrase_of(text)}


def found(
    kind: NodeKind, exact: LiteralString, keys: LiteralString, phrase: LiteralString
) -> LiteralString:
    """An expression: the node that its key found, else another spelling of it, else a redirect.

    Args:
        kind: books or links.
        exact: variable of the node with the first key, or null.
        keys: expression of the `keys_of` a text.
        phrase: expression of the `phrase_of` the text.
    """
    return (named_book if kind == BOOK else named_link)(exact, keys, phrase)


def not_found(runner: Runner, kind: NodeKind, key: str) -> BookNotFoundError | LinkNotFoundError:
    """The error for a node that does not exist, with the nearest names; costs one query."""
    if kind == BOOK:
        return BookNotFoundError(key, nearest=nearest_titles(runner, key))
    return LinkNotFoundError(key, nearest=nearest_names(runner, key))
