"""Which redirects of a dump matter: it has ten million, and a few thousand are linked to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from ingest.steps import capitalize_first, cut_section, fold_whitespace, strip_leading_colon

RedirectSource = Callable[[], Iterator[tuple[str, str]]]
"""Starts another pass over (title, the title that it leads to); it never holds all of them."""

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


def _title_of(target: str) -> str | None:
    """The title that a target names, as cleaning will look it up."""
    title = cut_section(strip_leading_colon(fold_whitespace(target)))
    return capitalize_first(title) if title else None
