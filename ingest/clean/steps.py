"""The named steps that turn a wikilink's target into a link name. Pure text in, text out.

A step maps a target to its better form, or to None to drop it. `default_steps` is what bookgraph
does, `REFERENCE_STEPS` what Koehrsen's notebook did, `FOLDING_STEPS` the common part that the
report compares the default with.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

_SPACES = re.compile(r"[\s_\u200e\u200f]+")
_INTERWIKI = re.compile(r"^[a-z]{2,3}(?:-[a-z]+)*$")

MAX_TITLE_BYTES = 300
"""MediaWiki's 255 bytes and room for a namespace before them."""

NAMESPACE_KINDS = {
    "category": "category",
    "file": "file",
    "image": "file",
    "media": "file",
    "template": "template",
    "portal": "portal",
    "help": "help",
    "user": "user",
    "user talk": "user",
    "talk": "talk",
    "special": "special",
    "draft": "draft",
    "wikipedia": "wikipedia",
    "wikipedia talk": "wikipedia",
    "wp": "wikipedia",
    "project": "wikipedia",
    "mediawiki": "mediawiki",
    "module": "template",
    "timedtext": "file",
    **{
        f"{namespace} talk": "talk"
        for namespace in ("category", "file", "template", "portal", "help", "draft", "mediawiki")
    },
    "module talk": "talk",
}
"""English Wikipedia's namespaces (lowercase) and the `kind` that a link into each gets."""

JUNK_KINDS = frozenset(
    {"wikipedia", "user", "talk", "special", "template", "help", "draft"} | {"mediawiki"}
)
"""Kinds of pages that writers of the encyclopedia use, not its readers."""


@dataclass(frozen=True, slots=True)
class LinkStep:
    """One named step over link targets.

    Attributes:
        name: as it stands in the report.
        apply: target to its new form, or None to drop it.
    """

    name: str
    apply: Callable[[str], str | None]


def fold_whitespace(text: str) -> str:
    """Make each run of white space or underscores one space and strip the ends (idempotent)."""
    return _SPACES.sub(" ", text).strip()


def strip_leading_colon(target: str) -> str:
    """`:Category:Novels` leads to a page without joining it: the colon is not in its name."""
    return target.lstrip(": ")


def cut_section(target: str) -> str | None:
    """`Dune (novel)#Plot` is `Dune (novel)`; a bare `#Plot` is the page itself and dropped."""
    return target.split("#", 1)[0].rstrip() or None


def capitalize_first(title: str) -> str:
    """Write a title as MediaWiki stores it: its first letter is a capital, the others stay."""
    return title[:1].upper() + title[1:]


def resolve_redirect(target: str, redirects: Mapping[str, str]) -> str:
    """Follow redirects to the page that they end at.

    Args:
        target: a title; its first letter may have either case, as in MediaWiki.
        redirects: title to title. A circle is left where it closes.
    """
    seen = {target}
    while (following := redirects.get(capitalize_first(target))) is not None:
        if following in seen:
            break
        seen.add(following)
        target = following
    return target


def drop_junk(target: str) -> str | None:
    """Drop project, user, template and talk pages, and empty targets."""
    return None if not target or link_kind(target) in JUNK_KINDS else target


def drop_overlong(target: str) -> str | None:
    """Drop what is longer than MediaWiki lets a title be: no page has that name."""
    return target if len(target.encode("utf-8", "replace")) <= MAX_TITLE_BYTES else None


def lowercase(target: str) -> str:
    """Lowercase by Unicode's rules, so that `Science fiction` and `science fiction` are one."""
    return target.lower()


def link_kind(name: str) -> str:
    """The kind of page behind a target: `article`, or that of the namespace before a colon."""
    prefix, colon, rest = name.lstrip(": ").partition(":")
    if not colon:
        return "article"
    prefix = fold_whitespace(prefix).lower()
    if prefix in NAMESPACE_KINDS:
        return NAMESPACE_KINDS[prefix]
    # `ru:...` or `zh-min-nan:...` right before a letter; `Maus: A Tale` has a space and is a title.
    if _INTERWIKI.match(prefix) and rest[:1].strip():
        return "interwiki"
    return "article"


_FOLD = LinkStep("white space and underscores folded", fold_whitespace)
_LOWER = LinkStep("lowercased", lowercase)

FOLDING_STEPS = (_FOLD, _LOWER)
REFERENCE_STEPS = (_LOWER,)


def default_steps(redirects: Mapping[str, str]) -> tuple[LinkStep, ...]:
    """What bookgraph does to a target, in order.

    Args:
        redirects: title to the title that it leads to; without any, that step is left out.
    """
    resolving = LinkStep("redirects resolved", partial(resolve_redirect, redirects=redirects))
    return (
        _FOLD,
        LinkStep("leading colons stripped", strip_leading_colon),
        LinkStep("sections cut", cut_section),
        *((resolving,) if redirects else ()),
        LinkStep("longer than a title can be dropped", drop_overlong),
        LinkStep("project, user and template pages dropped", drop_junk),
        _LOWER,
    )
