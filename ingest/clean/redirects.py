"""Which redirects of a dump matter: it has ten million, and a few thousand are linked to.

Those that a link leads through say which page it means; those that lead to a book or a link of the
graph are names by which somebody may look for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from bookgraph.ingest.clean.steps import (
    capitalize_first,
    cut_section,
    fold_whitespace,
    strip_leading_colon,
)

RedirectSource = Callable[[], Iterator[tuple[str, str]]]
"""Starts another pass over (title, the title that it leads to); it never holds all of them."""

MAX_REDIRECTS = 50
"""Names kept of a page; a country has hundreds, most of them misspellings."""

_MAX_HOPS = 4
"""MediaWiki follows one; a few more cost a pass each, and only while there is something to find."""


def select_redirects(targets: Iterable[str], sources: Iterable[RedirectSource]) -> dict[str, str]:
    """Keep the redirects that some target leads through.

    Args:
        targets: wikilinks' targets as they are written, repeats allowed.
        sources: passes over the redirects of each dump.

    Returns:
        Title to title, enough to follow every target to its end in `_MAX_HOPS` steps.
    """
    sources = list(sources)
    wanted = {title for target in targets if (title := _title_of(target)) is not None}
    selected: dict[str, str] = {}
    for _ in range(_MAX_HOPS):
        found = {
            title: target
            for source in sources
            for title, target in source()
            if title in wanted and title not in selected
        }
        if not found:
            break
        selected.update(found)
        wanted = set(found.values())
    return selected


def collect_redirects(
    titles: Iterable[str], sources: Iterable[RedirectSource]
) -> dict[str, tuple[str, ...]]:
    """Find the other titles that lead to some pages, in one pass.

    Args:
        titles: of the pages.
        sources: passes over the redirects of each dump.

    Returns:
        Page title to the titles that lead there, sorted, at most `MAX_REDIRECTS`; pages without any
        are left out.
    """
    found: dict[str, set[str]] = {title: set() for title in titles}
    for source in sources:
        for title, target in source():
            others = found.get(target)
            if others is not None and title != target:
                others.add(title)
    return {
        # The shortest ones: `NYT` is what people type, and not a sentence with a subtitle.
        title: tuple(sorted(sorted(others, key=lambda name: (len(name), name))[:MAX_REDIRECTS]))
        for title, others in found.items()
        if others
    }


def _title_of(target: str) -> str | None:
    """The title that a target names, as cleaning will look it up."""
    title = cut_section(strip_leading_colon(fold_whitespace(target)))
    return capitalize_first(title) if title else None
