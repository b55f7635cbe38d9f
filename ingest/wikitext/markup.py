"""Reads the structure of wikitext in one pass, in time linear in its length. Pure.

The rules are those of MediaWiki's preprocessor (`Preprocessor_Hash.php`): comments go first, braces
and brackets match by a stack, and HTML tags mean nothing yet. It differs in one case, where it
forgives more: an unclosed `[[` inside a template, or `{{` inside a link, is text and does not break
what surrounds it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import unescape

from bookgraph.ingest.wikitext.nodes import (
    Code,
    Extension,
    Link,
    Node,
    Parameter,
    Template,
    to_source,
)

MAX_DEPTH = 100
"""MediaWiki expands templates 40 deep. What is nested deeper than this is left out."""

_EXTENSIONS = (
    "categorytree|ce|charinsert|chem|gallery|graph|hiero|imagemap|indicator|inputbox|langconvert"
    "|mapframe|maplink|math|nowiki|phonos|poem|pre|ref|references|score|section|source"
    "|syntaxhighlight|templatedata|templatestyles|timeline"
)
"""The extension tags of Wikimedia's wikis (their Special:Version)."""

_CLOSING_TAGS = {
    name: re.compile(rf"</{name}\s*>", re.IGNORECASE) for name in _EXTENSIONS.split("|")
}

_TOKENS = re.compile(
    r"(?P<comment><!--)|(?P<includeonly><includeonly\b[^>]*>)"
    r"|(?P<ignored></?(?:noinclude|onlyinclude)\b[^>]*>|</includeonly\s*>)"
    rf"|<(?P<extension>{_EXTENSIONS})(?=[\s/>])"
    r"|(?P<open>\{{2,}|\[{2,})|(?P<close>\}{2,}|\]{2,})|(?P<bar>\|)|(?P<equals>=)",
    re.IGNORECASE,
)
_ENTITY = re.compile(r"&(?:#\d{1,8}|#[xX][0-9a-fA-F]{1,8}|[A-Za-z][A-Za-z0-9]*);")
_SPACES = re.compile(r"[\s_]+")
# What no page's title has; text that has it between brackets is no link.
_NO_TITLE = re.compile(r"[\n<>{}\[\]]|^\s*(?:[a-z][a-z0-9+.-]*:)?//", re.IGNORECASE)
_COMMENT_LINE_START = re.compile(r"(?:^|\n)[ \t]*$")
_COMMENT_LINE_END = re.compile(r"[ \t]*\n")


@dataclass(slots=True)
class _Part:
    """What stands between two bars."""

    nodes: list[Node] = field(default_factory=list)
    name: list[Node] | None = None
    depth: int = 0


@dataclass(slots=True)
class _Piece:
    """Opening braces or brackets that wait for closing ones."""

    mark: str
    count: int
    parts: list[_Part] = field(default_factory=lambda: [_Part()])


def parse(wikitext: str) -> Code:
    """Read the templates, links and extension tags of a text, nested as they are.

    Nothing is invalid: marks without a partner are text. Comments and what only other pages would
    include are removed.
    """
    return _Parser(wikitext).run()


def decode_entities(text: str) -> str:
    """Decode `&nbsp;` and its like, but not `&section` in a URL: MediaWiki asks for the `;`."""
    return _ENTITY.sub(lambda match: unescape(match[0]), text) if "&" in text else text


class _Parser:
    """One pass over a text."""

    def __init__(self, text: str) -> None:
        self._text = text
        # The first piece is the page; nothing closes it.
        self._stack = [_Piece("", 0)]
        self._num_open = {"{": 0, "[": 0}
        self._unclosed_tags: set[str] = set()

    def run(self) -> Code:
        position = 0
        for token in _TOKENS.finditer(self._text):
            start = token.start()
            if start < position:
                # Inside a comment or an extension tag that was read as a whole.
                continue
            if (kind := token.lastgroup) in {"bar", "equals"} and not self._separates(kind):
                continue
            self._add_text(self._text[position:start])
            position = self._read(token)
        self._add_text(self._text[position:])
        self._break_above(0)
        return tuple(_merge_texts(self._stack[0].parts[0].nodes))

    def _separates(self, kind: str) -> bool:
        """Whether a bar or an equals sign has a meaning here."""
        piece = self._stack[-1]
        if kind == "bar":
            return bool(piece.mark)
        return piece.mark == "{" and len(piece.parts) > 1 and piece.parts[-1].name is None

    def _read(self, token: re.Match[str]) -> int:
        """Read a token and give the position after it."""
        match token.lastgroup:
            case "comment":
                return self._skip_comment(token)
            case "includeonly":
                return self._skip_to("</includeonly>", token.end())
            case "extension":
                return self._read_extension(token)
            case "open":
                self._open(token[0][0], len(token[0]))
            case "close":
                self._close(token[0])
            case "bar":
                self._stack[-1].parts.append(_Part())
            case "equals":
                part = self._stack[-1].parts[-1]
                part.name, part.nodes = part.nodes, []
        return token.end()

    def _skip_comment(self, token: re.Match[str]) -> int:
        end = self._skip_to("-->", token.end())
        # A comment that has lines for itself leaves no empty line behind.
        before = self._text[max(0, token.start() - 80) : token.start()]
        if _COMMENT_LINE_START.search(before) and (
            rest := _COMMENT_LINE_END.match(self._text, end)
        ):
            return rest.end()
        return end

    def _skip_to(self, mark: str, position: int) -> int:
        end = self._text.find(mark, position)
        return len(self._text) if end < 0 else end + len(mark)

    def _read_extension(self, token: re.Match[str]) -> int:
        name = token["extension"].lower()
        opening_end = self._text.find(">", token.end()) + 1
        if self._text[opening_end - 2 : opening_end] == "/>":
            self._add(Extension(name, ""))
            return opening_end
        closing = None
        if opening_end and name not in self._unclosed_tags:
            closing = _CLOSING_TAGS[name].search(self._text, opening_end)
        if closing is None:
            # Remembered, because each further search would go to the end of the page too.
            self._unclosed_tags.add(name)
            self._add_text(token[0])
            return token.end()
        self._add(Extension(name, self._text[opening_end : closing.start()]))
        return closing.end()

    def _open(self, mark: str, count: int) -> None:
        self._stack.append(_Piece(mark, count))
        self._num_open[mark] += 1

    def _close(self, marks: str) -> None:
        mark = "{" if marks[0] == "}" else "["
        left = len(marks)
        while left > 1 and self._num_open[mark]:
            row = len(self._stack) - 1
            while self._stack[row].mark != mark:
                row -= 1
            self._break_above(row)
            left -= self._close_piece(left)
        self._add_text(marks[:left])

    def _close_piece(self, num_marks: int) -> int:
        """Close the innermost piece with as many marks as both sides have, and tell how many."""
        piece = self._stack.pop()
        self._num_open[piece.mark] -= 1
        taken = min(num_marks, piece.count, 3 if piece.mark == "{" else 2)
        rest = piece.count - taken
        if rest > 1:
            self._open(piece.mark, rest)
        elif rest:
            self._add_text(piece.mark)
        depth = 1 + max(part.depth for part in piece.parts)
        if depth > MAX_DEPTH:
            return taken
        if piece.mark == "[":
            self._add(_build_link(piece.parts), depth)
        elif taken == 3:  # noqa: PLR2004  # {{{ }}}
            default = piece.parts[1] if len(piece.parts) > 1 else _Part()
            self._add(Parameter(_code_of(default)), depth)
        else:
            self._add_template(_build_template(piece.parts), depth)
        return taken

    def _add_template(self, template: Template, depth: int) -> None:
        if template.name != "!" or template.params:
            self._add(template, depth)
        elif self._stack[-1].mark == "[":
            # MediaWiki expands templates before it looks for links.
            self._stack[-1].parts.append(_Part())
        else:
            self._add_text("|")

    def _break_above(self, row: int) -> None:
        """Turn the pieces above a row of the stack into text and what it holds."""
        broken = self._stack[row + 1 :]
        del self._stack[row + 1 :]
        piece = self._stack[row]
        for inner in broken:
            self._num_open[inner.mark] -= 1
            piece.parts[-1].nodes.append(inner.mark * inner.count)
            for number, part in enumerate(inner.parts):
                if number and piece.mark:
                    # Bars part what surrounds them now.
                    piece.parts.append(_split_name(part) if piece.mark == "{" else part)
                    continue
                if number:
                    piece.parts[-1].nodes.append("|")
                piece.parts[-1].nodes.extend(_all_nodes(part))
                piece.parts[-1].depth = max(piece.parts[-1].depth, part.depth)

    def _add(self, node: Node, depth: int = 0) -> None:
        part = self._stack[-1].parts[-1]
        part.nodes.append(node)
        part.depth = max(part.depth, depth)

    def _add_text(self, text: str) -> None:
        if text:
            self._stack[-1].parts[-1].nodes.append(text)


def _all_nodes(part: _Part) -> list[Node]:
    return part.nodes if part.name is None else [*part.name, "=", *part.nodes]


def _split_name(part: _Part) -> _Part:
    """Find the name of a parameter, which a link has none of."""
    if part.name is not None:
        return part
    for row, node in enumerate(part.nodes):
        if isinstance(node, str) and "=" in node:
            before, _, after = node.partition("=")
            nodes = [after, *part.nodes[row + 1 :]]
            return _Part(nodes, [*part.nodes[:row], before], part.depth)
    return part


def _code_of(part: _Part) -> Code:
    return tuple(_merge_texts(_all_nodes(part)))


def _merge_texts(nodes: list[Node]) -> Iterator[Node]:
    """Join neighbouring texts, so that a URL or a tag is found in one piece."""
    texts: list[str] = []
    for node in nodes:
        if isinstance(node, str):
            texts.append(node)
            continue
        if texts:
            yield "".join(texts)
            texts = []
        yield node
    if texts:
        yield "".join(texts)


def _build_link(parts: list[_Part]) -> Link:
    codes = tuple(map(_code_of, parts))
    target = _plain(codes[0])
    if target is None or _NO_TITLE.search(target):
        return Link("", codes)
    return Link(decode_entities(target).strip(), codes[1:])


def _build_template(parts: list[_Part]) -> Template:
    name = _plain(_code_of(parts[0])) or ""
    params: dict[str, Code] = {}
    num_unnamed = 0
    for part in parts[1:]:
        value = tuple(_merge_texts(part.nodes))
        if part.name is None:
            num_unnamed += 1
            key = str(num_unnamed)
        elif (plain := _plain(tuple(part.name))) is not None:
            key = plain.strip()
        else:
            # `{{quote|[[Emma]] says x=y}}`: nobody asks for this name, but its links count.
            key, value = to_source(tuple(part.name)), _code_of(part)
        # The last one of a name counts, in its own place.
        params.pop(key, None)
        params[key] = value
    return Template(_SPACES.sub(" ", decode_entities(name)).strip(), params)


def _plain(code: Code) -> str | None:
    """The text of a name; None where it holds more than text."""
    texts = [node for node in code if isinstance(node, str)]
    return "".join(texts) if len(texts) == len(code) else None
