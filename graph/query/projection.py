"""Compiles what a client asks for into one Cypher map projection, however deep it nests.

The texts are put together from constant fragments and from variable names made here; every value
travels as a parameter. Nothing is run: `graph.query.nodes` puts the projection into a statement.
Lists by likeness are compiled in `graph.query.near`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import LiteralString

from bookgraph.graph.query import near
from bookgraph.graph.query.selection import Page, Selection, select

__all__ = [
    "BOOK_PROPERTIES",
    "EXTERNAL_LINK_PROPERTIES",
    "LINK_PROPERTIES",
    "Compiler",
    "Page",
    "Selection",
    "select",
]

BOOK_PROPERTIES: frozenset[LiteralString] = frozenset(
    {
        "title",
        "author",
        "authors",
        "genre",
        "genres",
        "country",
        "countries",
        "language",
        "languages",
        "publisher",
        "publishers",
        "year",
        "pages",
        "infobox",
        "article_length",
        "edited_at",
        "redirects",
        "num_links",
        "embedding",
        "x",
        "y",
    }
)
LINK_PROPERTIES: frozenset[LiteralString] = frozenset(
    {"name", "title", "redirects", "kind", "num_books", "embedding", "x", "y"}
)
EXTERNAL_LINK_PROPERTIES: frozenset[LiteralString] = frozenset({"url", "host", "num_books"})


@dataclass(slots=True)
class Compiler:
    """Collects parameters and hands out variable names while texts are compiled.

    Attributes:
        parameters: of the statement that the texts will be part of.
    """

    parameters: dict[str, object] = field(default_factory=dict)
    _num_names: int = 0

    def book(self, variable: LiteralString, selections: Iterable[Selection]) -> LiteralString:
        """The map of a book bound to `variable`.

        Raises:
            ValueError: a book has no such field.
        """
        return self._map(
            self._property(variable, item, BOOK_PROPERTIES) or self._book_list(variable, item)
            for item in selections
        )

    def link(self, variable: LiteralString, selections: Iterable[Selection]) -> LiteralString:
        """The map of a link bound to `variable`.

        Raises:
            ValueError: a link has no such field.
        """
        return self._map(
            self._property(variable, item, LINK_PROPERTIES) or self._link_list(variable, item)
            for item in selections
        )

    def parameter(self, value: object) -> LiteralString:
        """Make a value a parameter and return its `$name`."""
        name = self.name("p")
        self.parameters[name] = value
        return "$" + name

    def name(self, stem: LiteralString) -> LiteralString:
        """A variable name that no other part of the statement has."""
        self._num_names += 1
        # Digits that are counted here are as safe as a literal.
        return stem + str(self._num_names)

    @staticmethod
    def key(item: Selection) -> LiteralString:
        """The quoted key of a field in its map.

        Raises:
            ValueError: the key has letters that would have to be escaped.
        """
        if not (item.key.isascii() and item.key.isidentifier()):
            message = f"{item.key!r} cannot be a key of an answer."
            raise ValueError(message)
        # The check leaves only letters, digits and `_`, so nothing can end the quoted name.
        return "`" + item.key + "`"

    def _map(self, entries: Iterable[LiteralString]) -> LiteralString:
        return "{" + ", ".join(entries) + "}"

    def _property(
        self, variable: LiteralString, item: Selection, known: frozenset[LiteralString]
    ) -> LiteralString:
        for name in known:
            if name == item.name:
                return self.key(item) + ": " + variable + "." + name
        return ""

    def _book_list(self, book: LiteralString, item: Selection) -> LiteralString:
        if item.name == "links":
            link, edge = self.name("link"), self.name("edge")
            items = self._page(
                "MATCH (" + book + ")-[" + edge + ":LINKS_TO]->(" + link + ":Link)",
                "ORDER BY " + edge + ".count DESC, " + link + ".num_books, " + link + ".name",
                item,
                "{count: " + edge + ".count, node: " + self.link(link, item.node) + "}",
            )
            return self._list(item, items, total=book + ".num_links")
        if item.name == "external_links":
            return self._external_links(book, item)
        if item.name == "similar_books":
            return self._list(item, near.near_list(self, book, item, is_book=True))
        if item.name == "related_books":
            return self._list(item, near.related_list(self, book, item))
        if item.name == "predicted_links":
            return self._list(item, near.predicted_list(self, book, item, is_book=False))
        message = f"A book has no field {item.name!r}."
        raise ValueError(message)

    def _external_links(self, book: LiteralString, item: Selection) -> LiteralString:
        link, edge = self.name("external"), self.name("edge")
        node = self._map(
            self._property(link, wanted, EXTERNAL_LINK_PROPERTIES) for wanted in item.node
        )
        items = self._page(
            "MATCH (" + book + ")-[" + edge + ":CITES]->(" + link + ":ExternalLink)",
            "ORDER BY " + link + ".url",
            item,
            "{count: " + edge + ".count, node: " + node + "}",
        )
        return self._list(item, items, total="COUNT { (" + book + ")-[:CITES]->() }")

    def _link_list(self, link: LiteralString, item: Selection) -> LiteralString:
        if item.name == "books":
            book, edge = self.name("book"), self.name("edge")
            items = self._page(
                "MATCH (" + link + ")<-[" + edge + ":LINKS_TO]-(" + book + ":Book)",
                "ORDER BY " + edge + ".count DESC, " + book + ".title",
                item,
                "{count: " + edge + ".count, node: " + self.book(book, item.node) + "}",
            )
            return self._list(item, items, total=link + ".num_books")
        if item.name == "book":
            book = self.name("book")
            text: LiteralString = (
                "head(COLLECT { MATCH (" + link + ")-[:REFERS_TO]->(" + book + ":Book) RETURN "
            )
            return self.key(item) + ": " + text + self.book(book, item.node) + " LIMIT 1 })"
        if item.name == "similar_links":
            return self._list(item, near.near_list(self, link, item, is_book=False))
        if item.name == "predicted_books":
            return self._list(item, near.predicted_list(self, link, item, is_book=True))
        message = f"A link has no field {item.name!r}."
        raise ValueError(message)

    def _page(
        self, match: LiteralString, order: LiteralString, item: Selection, result: LiteralString
    ) -> LiteralString:
        skip, limit = self.parameter(item.page.offset), self.parameter(item.page.first)
        return (
            "COLLECT { " + match + " WITH * " + order + " SKIP " + skip + " LIMIT " + limit + " "
            "RETURN " + result + " }"
        )

    def _list(
        self, item: Selection, items: LiteralString, *, total: LiteralString = "null"
    ) -> LiteralString:
        return self.key(item) + ": {items: " + items + ", total: " + total + "}"
