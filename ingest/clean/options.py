"""What cleaning does: its threshold, its list of links to drop, its steps over links' texts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib import resources

from bookgraph.core.choices import Cleaning
from bookgraph.core.names import (
    DROPPING_STEPS,
    FOLDING,
    LOWERCASING,
    SPELLING_STEPS,
    NameStep,
    fold_whitespace,
    lowercase,
)
from bookgraph.ingest.clean.redirects import resolve_redirect

# Without NFC: the published notebook normalised nothing.
REFERENCE_STEPS = (NameStep(LOWERCASING.name, str.lower),)

FOLDING_STEPS = (FOLDING, LOWERCASING)
"""What the report compares the default with."""


def default_steps(redirects: Mapping[str, str]) -> tuple[NameStep, ...]:
    """What the default cleaning does to a link's text, in order; the last step lowercases.

    Args:
        redirects: title to the title that it leads to; without any, that step is left out.
    """
    resolving = NameStep("redirects resolved", partial(resolve_redirect, redirects=redirects))
    return (*SPELLING_STEPS, *((resolving,) if redirects else ()), *DROPPING_STEPS, LOWERCASING)


def read_too_common(text: str) -> frozenset[str]:
    """Read a list of too common links: one name a line, `#` opens a comment, any letter case."""
    lines = (line.split("#", 1)[0].strip() for line in text.splitlines())
    return frozenset(lowercase(fold_whitespace(line)) for line in lines if line)


def _default_too_common() -> frozenset[str]:
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
    """

    cleaning: Cleaning = "default"
    min_links: int = 4
    too_common: frozenset[str] = field(default_factory=_default_too_common)

    def link_steps(self, redirects: Mapping[str, str]) -> tuple[NameStep, ...]:
        """The steps over links' texts, in order; the last one lowercases."""
        return default_steps(redirects) if self.cleaning == "default" else REFERENCE_STEPS
