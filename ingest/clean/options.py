"""What cleaning does: its threshold, its list of links to drop, its steps over links' texts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib import resources

from bookgraph.core.choices import Cleaning
from bookgraph.core.names import (
    FOLDING,
    LOWERCASING,
    MAIN_ONLY,
    NameStep,
    dropping_steps,
    lowercase,
    spelling_steps,
)
from bookgraph.core.site import ENGLISH, Site, fold_whitespace
from bookgraph.ingest.clean.redirects import resolve_redirect

# Without NFC: the published notebook normalised nothing.
REFERENCE_STEPS = (NameStep(LOWERCASING.name, str.lower),)

FOLDING_STEPS = (FOLDING, LOWERCASING)
"""What the report compares the default with."""


def default_steps(redirects: Mapping[str, str], site: Site) -> tuple[NameStep, ...]:
    """What the default cleaning does to a link's text, in order; the last step lowercases.

    Args:
        redirects: title to the title that it leads to; without any, that step is left out.
        site: the rules of the wiki.
    """
    resolve = partial(resolve_redirect, redirects=redirects, site=site)
    resolving = (NameStep("redirects resolved", resolve),) if redirects else ()
    return (*spelling_steps(site), *resolving, *dropping_steps(site), LOWERCASING)


def read_too_common(text: str) -> frozenset[str]:
    """Read a list of too common links: one name a line, `#` opens a comment, any letter case."""
    lines = (line.split("#", 1)[0].strip() for line in text.splitlines())
    return frozenset(lowercase(fold_whitespace(line)) for line in lines if line)


def default_too_common() -> frozenset[str]:
    """The built-in list of too common links."""
    return read_too_common(
        resources.files("bookgraph.ingest.clean").joinpath("too_common.txt").read_text("utf-8")
    )


@dataclass(frozen=True, slots=True)
class CleaningOptions:
    """How to clean.

    Attributes:
        cleaning: `default`, or `reference` for what Koehrsen's notebook did: no folding, and a
            threshold that counts the case variants of a link in one book separately.
        min_links: keep a link when at least this many books mention it.
        too_common: lowercase names of links to drop.
        namespaces: numbers of the namespaces whose pages become books; None takes every record
            for a book, whatever its title begins with.
    """

    cleaning: Cleaning = "default"
    min_links: int = 4
    too_common: frozenset[str] = field(default_factory=default_too_common)
    namespaces: frozenset[int] | None = MAIN_ONLY

    def link_steps(
        self, redirects: Mapping[str, str], site: Site = ENGLISH
    ) -> tuple[NameStep, ...]:
        """The steps over links' texts, in order; the last one lowercases."""
        return default_steps(redirects, site) if self.cleaning == "default" else REFERENCE_STEPS
