"""Finds one book or link inside a larger statement: by its key, or by a redirect to its page.

Every query that starts at given nodes finds them here, and reports those that do not exist here.
"""

from __future__ import annotations

from typing import LiteralString

from bookgraph.core.errors import BookNotFoundError, LinkNotFoundError
from bookgraph.graph.query.titles import (
    nearest_names,
    nearest_titles,
    redirect_query,
    redirected_book,
    redirected_link,
)
from bookgraph.graph.schema import BOOK, NodeKind
from bookgraph.graph.store import Runner


def fold_key(kind: NodeKind, key: str) -> str:
    """A key as the graph spells it: names of links are lowercase."""
    return key if kind == BOOK else key.strip().lower()


def lookup(kind: NodeKind, variable: LiteralString, key: LiteralString) -> LiteralString:
    """Clauses that bind a node to `variable`, or null when it does not exist.

    Args:
        kind: books or links.
        variable: name of the variable.
        key: name of the parameter that holds the key, without `$`; `lookup_parameters` makes it and
            the one beside it.
    """
    exact = "exact_" + variable
    return (
        "OPTIONAL MATCH (" + exact + ":" + kind.label + " {" + kind.key + ": $" + key + "}) "
        "LET " + variable + " = " + found(kind, exact, "$" + key, "$" + key + "_phrase") + " "
    )


def lookup_parameters(key: str, value: str) -> dict[str, object]:
    """The parameters of `lookup`."""
    return {key: value, f"{key}_phrase": redirect_query(value)}


def found(
    kind: NodeKind, exact: LiteralString, key: LiteralString, phrase: LiteralString
) -> LiteralString:
    """An expression: the node that its key found, else the one that a redirect leads to.

    Args:
        kind: books or links.
        exact: variable of the node with the key, or null.
        key: expression of the key.
        phrase: expression of the `redirect_query` of the key.
    """
    return (redirected_book if kind == BOOK else redirected_link)(exact, key, phrase)


def not_found(runner: Runner, kind: NodeKind, key: str) -> BookNotFoundError | LinkNotFoundError:
    """The error for a node that does not exist, with the nearest names; costs one query."""
    if kind == BOOK:
        return BookNotFoundError(key, nearest=nearest_titles(runner, key))
    return LinkNotFoundError(key, nearest=nearest_names(runner, key))
