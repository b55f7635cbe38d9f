"""From the wikitext of one book page to its record. Pure: no I/O."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from bookgraph.core.types import BookRecord
from bookgraph.ingest.wikitext.markup import decode_entities, parse
from bookgraph.ingest.wikitext.nodes import (
    Code,
    Extension,
    Link,
    Node,
    Parameter,
    Template,
    to_source,
)
from bookgraph.ingest.wikitext.render import render

TEMPLATE_NAMES = frozenset({"infobox book", "infobox novel"})
"""The template and what redirects to it, in lowercase; any of them makes a page a book."""

_GAP = rb"(?:[\s_]|\xc2\xa0|&(?:amp;)?(?:nbsp|#160|#xa0|#32);|(?:&lt;|<)!--.*?--(?:&gt;|>))"
INFOBOX_BYTES = re.compile(
    rb"nfobox" + _GAP + rb"+(?:[Bb]ook|[Nn]ovel)" + _GAP + rb"*(?:[|}]|$)", re.DOTALL
)
"""Finds candidates in raw bytes at memory speed; only these pages are worth parsing."""

_OPENING = re.compile(r"\{\{[\s_]*(?:template\s*:\s*)?infobox[\s_]+(?:book|novel)\b", re.IGNORECASE)
NEVER_CLOSED = "the infobox is never closed"
NOT_USED = "the infobox's name stands in a comment, in <nowiki> or in other text"

_WITH_WIKITEXT = frozenset({"ref", "references", "poem"})
_WITH_LINES = frozenset({"gallery", "imagemap"})

_URL = re.compile(
    r"""(?P<bracket>\[)?(?P<url>(?:
          \b(?:https?|ftps?|sftp|ircs?|gopher|telnet|nntp|svn|git|mms|worldwind|redis)://
        | \b(?:mailto|news|xmpp|sips?|tel|sms|magnet|urn|bitcoin|geo):(?=[^\s:])
        | (?<=\[)//)
        (?:(?!''|&lt;|&gt;)[^\]\[<>"\x00-\x20\x7f\s])+)""",
    re.VERBOSE | re.IGNORECASE,
)
_LABEL = re.compile(r"[^\[\]\n]*\]")
_TRAILING = ",;.:!?"
# Words that open and close what readers do not see as text, for the length of an article.
_UNSEEN = re.compile(r"<[^<>]*>|'{2,}|^[*#:;]+|^=+|=+\s*$|^\{\|.*$|^\|[-}+]?|^!", re.MULTILINE)
_LABEL_URL = re.compile(
    r"\[(?:[a-z][a-z0-9+.-]*:)?//[^\s\[\]]+(?:\s+([^\[\]\n]*))?\]", re.IGNORECASE
)
_BLANK_LINES = re.compile(r"\n{3,}")


@dataclass(frozen=True, slots=True)
class PageResult:
    """What a page gives.

    Attributes:
        record: the book; None for a page that is none.
        reason: why it is none, as a phrase that is the same for all such pages.
        unknown_templates: templates in the infobox that no rule knows, with their uses.
    """

    record: BookRecord | None
    reason: str = ""
    unknown_templates: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class ValueSource:
    """How the text of an infobox parameter came out of its wikitext.

    Attributes:
        source: the wikitext, without comments.
        templates: (name, what readers see of it), None where no rule knows it.
    """

    source: str
    templates: tuple[tuple[str, str | None], ...]


def explain_infobox(wikitext: str) -> dict[str, ValueSource]:
    """Parameter name to the source of its text; empty for a page without the infobox."""
    infobox = _find_infobox(parse(wikitext))
    return {
        key: _explain_value(value) for key, value in (infobox.params if infobox else {}).items()
    }


def _explain_value(value: Code) -> ValueSource:
    templates: list[tuple[str, str | None]] = []

    def note(template: Template, text: str | None) -> None:
        templates.append((template.name, text))

    render(value, unknown=Counter(), on_template=note)
    return ValueSource(to_source(value).strip(), tuple(templates))


def _find_infobox(code: Code) -> Template | None:
    return next(
        (node for node in walk(code) if isinstance(node, Template) and node.key in TEMPLATE_NAMES),
        None,
    )


def parse_book_page(title: str, wikitext: str, *, edited_at: str) -> PageResult:
    """Read the record of a page.

    The first infobox of `TEMPLATE_NAMES` counts where a page has several, in the order in which
    they open.

    Args:
        title: the page's title.
        wikitext: its source, entities of XML decoded.
        edited_at: ISO 8601.
    """
    code = parse(wikitext)
    wikilinks: list[str] = []
    external_links: list[str] = []
    for node in walk(code):
        if isinstance(node, str):
            external_links.extend(_iter_urls(node))
        elif isinstance(node, Link) and node.target:
            wikilinks.append(node.target)
    infobox = _find_infobox(code)
    if infobox is None:
        return PageResult(None, _reason(code))
    unknown: Counter[str] = Counter()
    fields = {key: render(value, unknown=unknown) for key, value in infobox.params.items()}
    record = BookRecord(
        title=title,
        infobox={key: text for key, text in fields.items() if text},
        wikilinks=tuple(wikilinks),
        external_links=tuple(external_links),
        edited_at=edited_at,
        length=article_length(code),
    )
    return PageResult(record, unknown_templates=unknown)


def walk(code: Code) -> Iterator[Node]:
    """All nodes in the order in which they open, those inside others and inside tags included."""
    stack: list[Iterator[Node]] = [iter(code)]
    while stack:
        node = next(stack[-1], None)
        if node is None:
            stack.pop()
            continue
        yield node
        stack.extend(map(iter, reversed(_children(node))))


def _children(node: Node) -> list[Code]:
    match node:
        case Template():
            return list(node.params.values())
        case Link():
            return list(node.parts)
        case Parameter():
            return [node.default]
        case Extension() if node.name in _WITH_WIKITEXT:
            return [parse(node.body)]
        case Extension() if node.name in _WITH_LINES:
            return [parse(_bracket_images(node))]
        case _:
            return []


def _bracket_images(tag: Extension) -> str:
    """Write the images of a gallery, one a line, and that of an image map as links."""
    lines = tag.body.split("\n")
    rows = range(len(lines))
    if tag.name == "imagemap":
        first = next((row for row, line in enumerate(lines) if line.strip()), None)
        rows = range(0) if first is None else range(first, first + 1)
    for row in rows:
        name, bar, rest = lines[row].strip().partition("|")
        if name and not name.startswith(("#", "<!--")):
            # A gallery adds the namespace where it is missing.
            name = name if ":" in name else f"File:{name}"
            lines[row] = f"[[{name}{bar}{rest}]]"
    return "\n".join(lines)


def _iter_urls(text: str) -> Iterator[str]:
    """URLs in brackets and bare ones; the rules are those of MediaWiki's `Parser.php`."""
    if ":" not in text and "[//" not in text:
        return
    position = 0
    while (match := _URL.search(text, position)) is not None:
        url = match["url"]
        position = match.end()
        if match["bracket"]:
            # What follows in the brackets is the label, even where it looks like a URL itself.
            label = _LABEL.match(text, position)
            position = label.end() if label else position
        else:
            url = url.rstrip(_TRAILING if "(" in url else f"{_TRAILING})")
        if url.partition(":")[2].strip("/") or url.startswith("//"):
            yield decode_entities(url)


def _reason(code: Code) -> str:
    """Why a page with the infobox's name has no such infobox."""
    texts = "".join(node for node in walk(code) if isinstance(node, str))
    return NEVER_CLOSED if _OPENING.search(texts) else NOT_USED


def article_length(code: Code) -> int:
    """Characters that readers see as text: no templates, references, tables' marks or files."""
    texts = []
    stack: list[Iterator[Node]] = [iter(code)]
    while stack:
        node = next(stack[-1], None)
        if node is None:
            stack.pop()
        elif isinstance(node, str):
            texts.append(node)
        elif isinstance(node, Link):
            if node.parts:
                stack.append(iter(node.parts[-1]))
            else:
                texts.append(node.target)
        elif isinstance(node, Extension) and node.name == "poem":
            stack.append(iter(parse(node.body)))
    text = _LABEL_URL.sub(r"\1", "".join(texts))
    return len(decode_entities(_BLANK_LINES.sub("\n\n", _UNSEEN.sub("", text))).strip())
