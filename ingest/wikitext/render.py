"""What a reader sees of a piece of wikitext, as plain text with one item of a list a line. Pure.

Templates are rendered where they stand, by the table in `templates.py`. Between the steps the text
is HTML: MediaWiki works in the same order, so that a tag that a template opens and a later one
closes hides what stands between them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from html import escape

import lxml.html
from lxml import etree

from bookgraph.core.names import kind_of
from bookgraph.ingest.wikitext.markup import decode_entities
from bookgraph.ingest.wikitext.nodes import Code, Extension, Link, Node, Parameter, Template
from bookgraph.ingest.wikitext.templates import find_rule

OnTemplate = Callable[[Template, str | None], None]
"""Called with each template and its text; None where no rule knows it."""

_UNSEEN_KINDS = frozenset({"file", "category"})
_SEEN_TAGS = frozenset({"poem", "pre", "langconvert", "section"})

_EXTERNAL_LINK = re.compile(
    r"\[(?:(?:[a-z][a-z0-9+.-]*:)?//|mailto:)[^\s\[\]]+(?:\s+([^\[\]\n]*))?\]"
)
_QUOTES = re.compile(r"'{2,}")
_MAGIC_WORD = re.compile(r"__[A-Z]+__")
_PLAIN_LESS_THAN = re.compile(r"<(?![A-Za-z/!])")
_CLOSED_BREAK = re.compile(r"</br\b", re.IGNORECASE)
_BULLETS = re.compile(r"^[ \t]*[*#:;]+[ \t]*", re.MULTILINE)
_TABLE_LINE = re.compile(r"^[ \t]*(?:\{\|.*|\|\}|\|[-+].*)$", re.MULTILINE)
_TABLE_CELL = re.compile(r"^[ \t]*[|!][ \t]*|[ \t]*(?:\|\||!!)[ \t]*", re.MULTILINE)
_SPACES = re.compile(r"[^\S\n]+")
_LINE_ENDS = re.compile(r" ?\n[ \n]*")
_DISAMBIGUATION = re.compile(r"\s*\([^()]*\)$")
_NOTE_MARK = re.compile(r"\[[^\[\]]{0,12}\]")

_TAG = re.compile(r"<[^<>]*>")
_MAX_TAGS = 250
"""No real value comes near this; libxml2 would refuse tags that are nested deeper than 256."""

_HIDDEN_STYLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_HIDDEN_TAGS = frozenset(
    {"del", "s", "strike", "style", "script", "ref", "references", "gallery", "math", "includeonly"}
)
_HIDDEN_CLASSES = frozenset({"sortkey", "noprint", "navbar"})
_LINE_TAGS = frozenset(
    {"br", "p", "div", "li", "ul", "ol", "dl", "dt", "dd", "tr", "td", "th", "table", "hr"}
)


def render(code: Code, *, unknown: Counter[str], on_template: OnTemplate | None = None) -> str:
    """Write what readers see of a value.

    References, notes, hidden text, files and categories are left out. A template that no rule
    knows is left out too, unless the value is nothing else: then its first text stands for it.

    Args:
        code: as `parse` reads it.
        unknown: counts the names of templates that no rule knows.
        on_template: called with each template, the outer ones last.
    """
    renderer = _Renderer(unknown, on_template)
    text = to_text(renderer.code(code))
    if not text and (alone := renderer.stand_in()):
        return to_text(alone)
    return text


class _Renderer:
    """Renders nodes to HTML; `templates.py` calls it back for the parameters of a template."""

    def __init__(self, unknown: Counter[str], on_template: OnTemplate | None) -> None:
        self._unknown = unknown
        self._on_template = on_template
        self._stand_ins: list[str] = []

    def code(self, code: Code) -> str:
        """A text with all that is in it."""
        if len(code) == 1 and isinstance(code[0], str):
            return code[0]
        return "".join(map(self._node, code))

    def stand_in(self) -> str:
        """The first text of the one template that no rule knows; empty for none or several."""
        return self._stand_ins[0] if len(self._stand_ins) == 1 else ""

    def _node(self, node: Node) -> str:
        match node:
            case str():
                return node
            case Template():
                return self._template(node)
            case Link():
                return self._link(node)
            case Parameter():
                return self.code(node.default)
            case Extension():
                if node.name == "nowiki":
                    return escape(decode_entities(node.body), quote=False)
                return node.body if node.name in _SEEN_TAGS else ""

    def _template(self, template: Template) -> str:
        rule = find_rule(template)
        text = None if rule is None else rule(template, self.code)
        if self._on_template is not None:
            self._on_template(template, text)
        if text is not None:
            return text
        self._unknown[template.key] += 1
        first = to_text(self.code(template.params.get("1", ())))
        # A number alone may mean anything.
        self._stand_ins.append(first if any(map(str.isalpha, first)) else "")
        return ""

    def _link(self, link: Link) -> str:
        if not link.target:
            return f"[[{'|'.join(map(self.code, link.parts))}]]"
        if kind_of(link.target) in _UNSEEN_KINDS and not link.target.startswith(":"):
            return ""
        if link.parts and (label := self.code(link.parts[-1]).strip()):
            return label
        title = link.target.replace("_", " ").lstrip(": ").partition("#")[0] or link.target
        if link.parts:
            # The pipe trick: `[[Emma (novel)|]]` shows "Emma".
            title = _DISAMBIGUATION.sub("", title)
        return escape(title.strip(), quote=False)


def to_text(html: str) -> str:
    """The text of rendered wikitext: tags, link marks and bold type read, hidden text left out."""
    html = _EXTERNAL_LINK.sub(lambda match: match[1] or "", html)
    html = _MAGIC_WORD.sub("", _QUOTES.sub("", html))
    has_table = "{|" in html
    html = _TABLE_LINE.sub("", html) if has_table else html
    text = _read_html(html) if "<" in html else decode_entities(html)
    text = _BULLETS.sub("\n", text)
    if has_table:
        text = _TABLE_CELL.sub("\n", text)
    return _LINE_ENDS.sub("\n", _SPACES.sub(" ", text)).strip()


def _read_html(html: str) -> str:
    html = _CLOSED_BREAK.sub("<br", _PLAIN_LESS_THAN.sub("&lt;", html))
    if html.count("<") > _MAX_TAGS:
        return decode_entities(_TAG.sub(" ", html))
    try:
        root = lxml.html.fragment_fromstring(html, create_parent="div")
    except (etree.ParserError, ValueError):
        return decode_entities(_TAG.sub(" ", html))
    texts: list[str] = [root.text or ""]
    _collect(root, texts)
    return "".join(texts)


def _collect(root: lxml.html.HtmlElement, texts: list[str]) -> None:
    """Append the texts below an element; a stack, because hostile values nest tags deeply."""
    stack = [(element, False) for element in reversed(root)]
    while stack:
        element, is_done = stack.pop()
        is_line = element.tag in _LINE_TAGS
        if is_done:
            texts.append(("\n" if is_line else "") + (element.tail or ""))
            continue
        if not isinstance(element.tag, str) or _is_hidden(element):
            texts.append(element.tail or "")
            continue
        texts.append(("\n" if is_line else "") + (element.text or ""))
        stack.append((element, True))
        stack.extend((child, False) for child in reversed(element))


def _is_hidden(element: lxml.html.HtmlElement) -> bool:
    if element.tag in _HIDDEN_TAGS or _HIDDEN_STYLE.search(element.get("style") or ""):
        return True
    if element.tag == "sup" and _NOTE_MARK.fullmatch((element.text_content() or "").strip()):
        return True
    return not _HIDDEN_CLASSES.isdisjoint((element.get("class") or "").split())
