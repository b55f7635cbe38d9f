"""The values that cross the borders between folders: book records and rows of the graph."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class BookRecord:
    """One book page as its source has it, before any cleaning.

    Attributes:
        title: the page's title.
        infobox: parameter name to plain text, of the first `Infobox book`; without empty ones.
        wikilinks: targets of all wikilinks in page order, repeats kept, without the text after `|`.
        external_links: URLs in page order, repeats kept.
        edited_at: time of the last edit, ISO 8601 in UTC.
        length: characters of the article with markup stripped.
    """

    title: str
    infobox: dict[str, str]
    wikilinks: tuple[str, ...]
    external_links: tuple[str, ...]
    edited_at: str
    length: int


@dataclass(frozen=True, slots=True)
class BookRow:
    """A cleaned book, ready to be a `(:Book)` node with its edges.

    Attributes:
        title: the folded title, unique.
        properties: the node's other properties; None removes one.
        links: link name to the number of times the book mentions it.
        external_links: URL to the number of times the book cites it.
    """

    title: str
    properties: dict[str, object]
    links: dict[str, int] = field(default_factory=dict)
    external_links: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LinkRow:
    """A link that survived cleaning, ready to be a `(:Link)` node.

    Attributes:
        name: lowercased, unique.
        title: the spelling that the books use most.
        kind: `article`, `category`, `file`, `wikipedia` or another namespace.
        num_books: number of books that mention it.
        redirects: other titles that redirect to its page, sorted.
    """

    name: str
    title: str
    kind: str
    num_books: int
    redirects: tuple[str, ...] = ()
