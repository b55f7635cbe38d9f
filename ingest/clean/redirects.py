"""Which redirects of a dump matter: it has ten million, and books link to a few thousand of them.

Redirects that a link leads through tell which page it means. Redirects that lead to a book or a
link of the graph are names by which somebody may look for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from bookgraph.core.names import InvalidNameError, page_title
from bookgraph.core.site import ENGLISH, Site

RedirectSource = Callable[[], Iterator[tuple[str, str]]]
"""Starts another pass over (title, the title that it leads to); it never holds all of them."""

MAX_REDIRECTS = 50
"""Names kept of a page; a country has hundreds, most of them misspellings."""

_MAX_HOPS = 4
"""MediaWiki follows one; each further one costs a pass, made only while it finds something."""


def resolve_redirect(title: str, redirects: Mapping[str, str], site: Site = ENGLISH) -> str:
    """Follow redirects to the page that they end at.

    Args:
        title: its first letter may have either case, as in MediaWiki.
        redirects: title to title. A circle is left where it closes.
        site: the rules of the wiki.
    """
    seen = {title}
    while (following := redirects.get(site.capitalize(title))) is not None:
        if following in seen:
            break
        seen.add(following)
        title = following
    return title


def select_redirects(
    links: Iterable[str], sources: Iterable[RedirectSource], site: Site = ENGLISH
) -> dict[str, str]:
    """Keep the redirects that some link leads through.

    Args:
        links: wikilinks as they are written, repeats allowed.
        sources: passes over the redirects of each dump.
        site: the rules of the wiki.

    Returns:
        Title to title, enough to follow every link to its end in `_MAX_HOPS` steps.
    """
    sources = list(sources)
    wanted = {title for link in set(links) if (title := _stored_title(link, site)) is not None}
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
        # The shortest ones: people type `NYT`, not a sentence with a subtitle.
        title: tuple(sorted(sorted(others, key=lambda name: (len(name), name))[:MAX_REDIRECTS]))
        for title, others in found.items()
        if others
    }


def _stored_title(link: str, site: Site) -> str | None:
    """The title that a link names, as the dump writes it."""
    try:
        return site.capitalize(page_title(link, site))
    except InvalidNameError:
        return None
