"""From the wikitext of one book page to its record, by mwparserfromhell. Pure: no I/O."""

from __future__ import annotations

import re
from collections import Counter

import mwparserfromhell
from mwparserfromhell.nodes import Comment, ExternalLink, Template, Text, Wikilink
from mwparserfromhell.wikicode import Wikicode

from bookgraph.core.types import BookRecord

INFOBOX_BYTES = re.compile(
    rb"\{\{(?:[\s_]|(?:&lt;|<)!--.*?--(?:&gt;|>))*(?:[Tt]emplate\s*:\s*)?"
    rb"[Ii]nfobox[ _]+(?:[Bb]ook|[Nn]ovel)[\s_]*(?:[|}<&]|$)"
)
"""Finds candidates in raw bytes at memory speed; only these pages are worth parsing (2 MB/s)."""

_LIST_TEMPLATES = frozenset(
    {"hlist", "flatlist", "plainlist", "plain list", "unbulleted list", "ubl", "ublist"}
    | {
        "bulleted list",
        "unordered list",
        "nowrap",
        "nobr",
        "nowraplinks",
        "small",
        "longitem",
        "no italic",
    }
)
_DATE_TEMPLATES = frozenset({"start date", "start-date", "published date", "date", "dts"})
_LANGUAGE_TEMPLATES = frozenset({"lang", "native name", "transl", "transliteration"})

MAX_UNCLOSED = 500
"""Of one kind. Real pages have a few; up to this number parsing takes seconds at worst."""

TEMPLATE_NAMES = frozenset({"infobox book", "infobox novel"})
"""The template and what redirects to it, in lowercase; any of them makes a page a book."""


_OPENERS = ("{{", "[[", "{|", "<", "[")
_MARKS = re.compile(
    r"(?P<open_template>\{\{)|(?P<close_template>\}\})|(?P<open_link>\[\[)|(?P<close_link>\]\])"
    r"|(?P<open_table>\{\|)|(?P<close_table>\|\}(?!\}))|(?P<open_comment><!--)|(?P<close_comment>-->)"
    r"|(?P<close_tag></[a-z][^<>]*>)|<(?:br|hr|wbr|li|d[td]|t[dhr])\b[^<>]*>|<[a-z][^<>]*/>"
    r"|(?P<open_tag><[a-z])|(?P<open_url>\[)|(?P<close_url>\])",
    re.IGNORECASE,
)


def count_unclosed(wikitext: str) -> int:
    """How many templates, links, tables, comments or tags a page opens and never closes.

    mwparserfromhell tries each of them to the end of the page before it takes it for text, and
    those inside it once more: five thousand unclosed tags cost it minutes.

    Returns:
        The number of the worst kind; 0 for a page with few marks, which is not searched.
    """
    if max(map(wikitext.count, _OPENERS)) <= MAX_UNCLOSED:
        return 0
    depths: Counter[str] = Counter()
    for match in _MARKS.finditer(wikitext):
        action, _, kind = (match.lastgroup or "").partition("_")
        if action == "open":
            depths[kind] += 1
        elif depths[kind]:
            depths[kind] -= 1
    return max(depths.values(), default=0)


def parse_book_page(title: str, wikitext: str, *, edited_at: str) -> BookRecord | None:
    """Read the record of a page.

    The first infobox of `TEMPLATE_NAMES` counts where a page has several, in the order in which
    they open. Values are what mwparserfromhell's `strip_code` makes of them, as in the published
    extracts, except that comments are read whole and that a value of nothing but `{{hlist|...}}`,
    `{{start date|...}}` and their like is not lost.

    Args:
        title: the page's title.
        wikitext: its source, entities decoded.
        edited_at: ISO 8601.

    Returns:
        The record, or None when the page has no such template after all.
    """
    code = mwparserfromhell.parse(wikitext)
    infobox: Template | None = None
    wikilinks = []
    external_links = []
    # One walk over all nodes instead of one for each kind; the order is that of `filter_...`.
    for node in code.ifilter():
        if isinstance(node, Wikilink):
            wikilinks.append(_to_text(node.title))
        elif isinstance(node, ExternalLink):
            external_links.append(_to_text(node.url))
        elif infobox is None and isinstance(node, Template) and _is_infobox(node):
            infobox = node
    if infobox is None:
        return None
    fields = {}
    for parameter in infobox.params:
        value = _to_text(_break_lines(parameter.value)) or _unwrap_templates(parameter.value)
        if value:
            fields[_to_text(parameter.name)] = value
    return BookRecord(
        title=title,
        infobox=fields,
        wikilinks=tuple(wikilinks),
        external_links=tuple(external_links),
        edited_at=edited_at,
        length=len(_to_text(code)),
    )


def _break_lines(value: Wikicode) -> Wikicode:
    """Turn `<br>` into a line break, so that the two authors of a book do not grow together."""
    for tag in value.filter_tags(matches=lambda node: str(node.tag).strip().lower() == "br"):
        value.replace(tag, "\n")
    return value


def _unwrap_templates(value: Wikicode) -> str:
    """Read the text inside templates that only lay it out; those that are not known give none."""
    texts = []
    for template in value.ifilter_templates(recursive=False):
        name = _normalise_name(template.name)
        arguments = [
            _to_text(_break_lines(item.value)) or _unwrap_templates(item.value)
            for item in template.params
            if not item.showkey
        ]
        if name in _LIST_TEMPLATES:
            texts.extend(arguments)
        elif name in _DATE_TEMPLATES:
            texts.append("-".join(arguments))
        elif name in _LANGUAGE_TEMPLATES and arguments:
            texts.append(arguments[-1])
    return "\n".join(filter(None, texts))


def _is_infobox(template: Template) -> bool:
    nodes = [node for node in template.name.nodes if not isinstance(node, Comment) and node.strip()]
    # `strip_code` removes a list marker or a template before the name, but MediaWiki does not.
    return (
        bool(nodes)
        and isinstance(nodes[0], Text)
        and _normalise_name(template.name).removeprefix("template:").strip() in TEMPLATE_NAMES
    )


def _normalise_name(name: Wikicode) -> str:
    return re.sub(r"[\s_]+", " ", _to_text(name)).strip().lower()


def _to_text(code: Wikicode) -> str:
    if all(isinstance(node, Text) for node in code.nodes):
        # What `strip_code` gives for plain text, without its walk: most links are this.
        text = "".join(map(str, code.nodes)).strip()
        if "\n\n\n" not in text:
            return text
    stripped: str = code.strip_code().strip()
    return stripped
