"""Compiles what a client asks for into one Cypher map projection, however deep it nests.

The texts are put together from constant fragments and from variable names made here; every value
travels as a parameter. Nothing is run: `graph.answers` puts the projection into a statement.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import LiteralString

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
        "num_links",
        "embedding",
        "x",
        "y",
    }
)
LINK_PROPERTIES: frozenset[LiteralString] = frozenset(
    {"name", "title", "kind", "num_books", "embedding", "x", "y"}
)
EXTERNAL_LINK_PROPERTIES: frozenset[LiteralString] = frozenset({"url", "host", "num_books"})


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list is wanted.

    Attributes:
        first: at most so many items.
        offset: items passed over before them.
    """

    first: int
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Selection:
    """One field that is wanted of a node or an edge.

    Attributes:
        key: its key in the answer; a letter or `_`, then letters, digits and `_`.
        name: the field.
        page: for lists, which part.
        edge: for lists, fields wanted of each edge (`score`, `count`, `shared_links`, ...).
        node: fields wanted of the node or nodes that the field leads to.
    """

    key: str
    name: str
    page: Page = Page(10)
    edge: tuple[Selection, ...] = ()
    node: tuple[Selection, ...] = ()


def select(*names: str) -> tuple[Selection, ...]:
    """Selections of plain properties under their own names."""
    return tuple(Selection(name, name) for name in names)


@dataclass(slots=True)
class Compiler:
    """Collects parameters and hands out variable names while texts are compiled.

    Attributes:
        parameters: of the statement that the texts will be part of.
    """

    parameters: dict[str, object] = field(default_factory=dict)
    _num_names: int = 0

    def book(self, variable: LiteralString, selections: Iterable[Selection]) -> LiteralString:
        """The map of a book bound to `variable`."""
        return self._map(
            self._property(variable, item, BOOK_PROPERTIES) or self._book_list(variable, item)
            for item in selections
        )

    def link(self, variable: LiteralString, selections: Iterable[Selection]) -> LiteralString:
        """The map of a link bound to `variable`."""
        return self._map(
            self._property(variable, item, LINK_PROPERTIES) or self._link_list(variable, item)
            for item in selections
        )

    def shared_links(
        self, item: Selection, *, near: LiteralString, is_source: LiteralString
    ) -> LiteralString:
        """The links that a near book shares with its source, the rarest first.

        Args:
            item: with its page and what is wanted of each link.
            near: variable of the near book.
            is_source: predicate over the variable `source`.
        """
        link = self._name("link")
        text: LiteralString = (
            "COLLECT { MATCH (" + near + ")-[:LINKS_TO]->(" + link + ":Link)"
            "<-[:LINKS_TO]-(source:Book) WHERE " + is_source + " "
            "WITH DISTINCT " + link + " ORDER BY " + link + ".num_books, " + link + ".name "
            "LIMIT " + self.parameter(item.page.first) + " RETURN "
        )
        return text + self.link(link, item.node) + " }"

    def shared_books(
        self, item: Selection, *, near: LiteralString, is_source: LiteralString
    ) -> LiteralString:
        """The books that mention a near link and its source, those with the fewest links first."""
        book = self._name("book")
        text: LiteralString = (
            "COLLECT { MATCH (" + near + ")<-[:LINKS_TO]-(" + book + ":Book)"
            "-[:LINKS_TO]->(source:Link) WHERE " + is_source + " "
            "WITH DISTINCT " + book + " ORDER BY " + book + ".num_links, " + book + ".title "
            "LIMIT " + self.parameter(item.page.first) + " RETURN "
        )
        return text + self.book(book, item.node) + " }"

    def near_edge(
        self,
        selections: Iterable[Selection],
        *,
        label: LiteralString,
        near: LiteralString,
        score: LiteralString,
        is_source: LiteralString,
        node: Sequence[Selection],
    ) -> LiteralString:
        """The map of one edge of a similarity list: the node, the cosine, why."""
        is_book = label == "Book"
        entries: list[LiteralString] = [
            "node: " + (self.book(near, node) if is_book else self.link(near, node)),
            # The index gives (1 + cosine) / 2.
            "score: 2 * " + score + " - 1",
        ]
        for item in selections:
            if item.name == "shared_links" and is_book:
                text = self.shared_links(item, near=near, is_source=is_source)
            elif item.name == "shared_books" and not is_book:
                text = self.shared_books(item, near=near, is_source=is_source)
            else:
                continue
            entries.append(_key(item) + ": " + text)
        return "{" + ", ".join(entries) + "}"

    def parameter(self, value: object) -> LiteralString:
        """Make a value a parameter and return its `$name`."""
        name = self._name("p")
        self.parameters[name] = value
        return "$" + name

    def _name(self, stem: LiteralString) -> LiteralString:
        self._num_names += 1
        # Digits that are counted here are as safe as a literal.
        return stem + str(self._num_names)

    def _map(self, entries: Iterable[LiteralString]) -> LiteralString:
        return "{" + ", ".join(entries) + "}"

    def _property(
        self, variable: LiteralString, item: Selection, known: frozenset[LiteralString]
    ) -> LiteralString:
        for name in known:
            if name == item.name:
                return _key(item) + ": " + variable + "." + name
        return ""

    def _book_list(self, book: LiteralString, item: Selection) -> LiteralString:
        if item.name == "links":
            link, edge = self._name("link"), self._name("edge")
            items = self._page(
                "MATCH (" + book + ")-[" + edge + ":LINKS_TO]->(" + link + ":Link)",
                "ORDER BY " + edge + ".count DESC, " + link + ".num_books, " + link + ".name",
                item,
                "{count: " + edge + ".count, node: " + self.link(link, item.node) + "}",
            )
            return _list(item, items, total=book + ".num_links")
        if item.name == "external_links":
            link, edge = self._name("external"), self._name("edge")
            node = self._map(
                self._property(link, wanted, EXTERNAL_LINK_PROPERTIES) for wanted in item.node
            )
            items = self._page(
                "MATCH (" + book + ")-[" + edge + ":CITES]->(" + link + ":ExternalLink)",
                "ORDER BY " + link + ".url",
                item,
                "{count: " + edge + ".count, node: " + node + "}",
            )
            return _list(item, items, total="COUNT { (" + book + ")-[:CITES]->() }")
        if item.name == "similar_books":
            return self._near_list(book, item, label="Book", index="book_embedding")
        message = f"A book has no field {item.name!r}."
        raise ValueError(message)

    def _link_list(self, link: LiteralString, item: Selection) -> LiteralString:
        if item.name == "books":
            book, edge = self._name("book"), self._name("edge")
            items = self._page(
                "MATCH (" + link + ")<-[" + edge + ":LINKS_TO]-(" + book + ":Book)",
                "ORDER BY " + edge + ".count DESC, " + book + ".title",
                item,
                "{count: " + edge + ".count, node: " + self.book(book, item.node) + "}",
            )
            return _list(item, items, total=link + ".num_books")
        if item.name == "book":
            book = self._name("book")
            text: LiteralString = (
                "head(COLLECT { MATCH (" + link + ")-[:REFERS_TO]->(" + book + ":Book) RETURN "
            )
            return _key(item) + ": " + text + self.book(book, item.node) + " LIMIT 1 })"
        if item.name == "similar_links":
            return self._near_list(link, item, label="Link", index="link_embedding")
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

    def _near_list(
        self,
        source: LiteralString,
        item: Selection,
        *,
        label: LiteralString,
        index: LiteralString,
    ) -> LiteralString:
        near, score = self._name("near"), self._name("score")
        edge = self.near_edge(
            item.edge,
            label=label,
            near=near,
            score=score,
            is_source="source = " + source,
            node=item.node,
        )
        # One more than wanted is searched, because the nearest to a node is the node itself.
        wanted = self.parameter(item.page.offset + item.page.first + 1)
        skip, limit = self.parameter(item.page.offset), self.parameter(item.page.first)
        items: LiteralString = (
            "COLLECT { MATCH (model:EmbeddingModel {is_current: true}) "
            "WHERE " + source + ".embedding_version = model.version "
            "MATCH (" + near + ":" + label + ") SEARCH " + near + " IN ("
            "VECTOR INDEX " + index + " FOR " + source + ".embedding "
            "WHERE " + near + ".embedding_version = model.version LIMIT " + wanted + ") "
            "SCORE AS " + score + " "
            "WITH * WHERE " + near + " <> " + source + " "
            "WITH * ORDER BY " + score + " DESC SKIP " + skip + " LIMIT " + limit + " "
            "RETURN " + edge + " }"
        )
        return _list(item, items, total="null")


def _key(item: Selection) -> LiteralString:
    if not (item.key.isascii() and item.key.isidentifier()):
        message = f"{item.key!r} cannot be a key of an answer."
        raise ValueError(message)
    # The check leaves only letters, digits and `_`, so nothing can end the quoted name.
    return "`" + item.key + "`"


def _list(item: Selection, items: LiteralString, *, total: LiteralString) -> LiteralString:
    return _key(item) + ": {items: " + items + ", total: " + total + "}"
