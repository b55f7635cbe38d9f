"""What a page's wikitext consists of: text, templates, links and extension tags.

The structure is that of MediaWiki's preprocessor: HTML tags, tables and bold type are text at this
level, so that none of them, left open, can hide a template.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeAlias

_NAMESPACE = re.compile(r"^:?\s*template\s*:\s*")


@dataclass(frozen=True, slots=True)
class Template:
    """`{{name|value|key=value}}`.

    Attributes:
        name: as written, comments removed, white space and underscores folded. Of a parser function
            such as `{{formatnum:1234}}` it is all before the first bar.
        params: parameter name to value; unnamed ones are `"1"`, `"2"`, ... as in MediaWiki. Of
            parameters with one name the last one counts. Values are not stripped.
    """

    name: str
    params: dict[str, Code]

    @property
    def key(self) -> str:
        """The name for comparisons: lowercase, without `Template:`."""
        return _NAMESPACE.sub("", self.name.lower())


@dataclass(frozen=True, slots=True)
class Link:
    """`[[target|part|part]]`.

    Attributes:
        target: as written, comments removed; empty where the brackets hold no title of a page, so
            that they are text around their parts.
        parts: what follows each bar; the last one is the text that readers see.
    """

    target: str
    parts: tuple[Code, ...]


@dataclass(frozen=True, slots=True)
class Parameter:
    """`{{{name|default}}}`.

    Attributes:
        default: what follows the first bar; empty without one.
    """

    default: Code


@dataclass(frozen=True, slots=True)
class Extension:
    """An extension tag, whose body is no wikitext of this page: `<ref>`, `<nowiki>`, `<gallery>`.

    Attributes:
        name: lowercase.
        body: the source between the tags; empty for `<ref name="x" />`.
    """

    name: str
    body: str


Node: TypeAlias = str | Template | Link | Parameter | Extension
Code: TypeAlias = tuple[Node, ...]


def to_source(code: Code) -> str:
    """Write nodes as wikitext again; comments are gone, and unnamed parameters are so again."""
    return "".join(map(_node_source, code))


def _node_source(node: Node) -> str:
    match node:
        case str():
            return node
        case Template():
            params = (
                to_source(value) if name.isdecimal() else f"{name}={to_source(value)}"
                for name, value in node.params.items()
            )
            return "{{" + "|".join((node.name, *params)) + "}}"
        case Link():
            target = [node.target] if node.target else []
            return "[[" + "|".join((*target, *map(to_source, node.parts))) + "]]"
        case Parameter():
            return "{{{|" + to_source(node.default) + "}}}"
        case Extension():
            return f"<{node.name}>{node.body}</{node.name}>"
