"""The steps over link targets: each by a table, and each idempotent on any text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookgraph.ingest.clean.steps import (
    FOLDING_STEPS,
    MAX_TITLE_BYTES,
    REFERENCE_STEPS,
    LinkStep,
    cut_section,
    default_steps,
    drop_junk,
    drop_overlong,
    fold_whitespace,
    link_kind,
    lowercase,
    resolve_redirect,
    strip_leading_colon,
)

DEFAULT_STEPS = default_steps({})
_ALL_STEPS = list({step.name: step for step in (*DEFAULT_STEPS, *REFERENCE_STEPS)}.values())
# Texts made of what matters to the steps are far likelier to break them than any texts.
_TARGETS = st.text() | st.text(st.sampled_from(" _:#\u200e\u00a0\n\tAaİßΣSCategory"), max_size=12)


def _apply(steps: tuple[LinkStep, ...], target: str) -> str | None:
    result: str | None = target
    for step in steps:
        if result is not None:
            result = step.apply(result)
    return result


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Simon  &  Schuster", "Simon & Schuster"),
        ("War_and_Peace", "War and Peace"),
        ("_War _ and\u00a0\u2003Peace\n", "War and Peace"),
        ("Dune\u200e", "Dune"),
        ("__", ""),
        ("", ""),
        ("naïve  café", "naïve café"),
    ],
)
def test_whitespace_and_underscores_fold(text: str, folded: str) -> None:
    assert fold_whitespace(text) == folded


@pytest.mark.parametrize(
    ("target", "stripped"),
    [
        (":Category:Novels", "Category:Novels"),
        (": :ru:Война", "ru:Война"),
        ("2001: A Space Odyssey", "2001: A Space Odyssey"),
        (":", ""),
    ],
)
def test_leading_colons_are_stripped(target: str, stripped: str) -> None:
    assert strip_leading_colon(target) == stripped


@pytest.mark.parametrize(
    ("target", "cut"),
    [
        ("Dune (novel)#Plot", "Dune (novel)"),
        ("Dune #Plot#More", "Dune"),
        ("#Plot", None),
        (" #Plot", None),
        ("Dune", "Dune"),
        ("Dune#", "Dune"),
    ],
)
def test_sections_are_cut_and_bare_ones_dropped(target: str, cut: str | None) -> None:
    assert cut_section(target) == cut


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Dune (novel)", "article"),
        ("2001: A Space Odyssey", "article"),
        ("Maus: A Survivor's Tale", "article"),
        ("Category:Novels", "category"),
        ("category : Novels", "category"),
        ("CATEGORY:Novels", "category"),
        (":Category:Novels", "category"),
        ("File:Dune.jpg", "file"),
        ("Image:Dune.jpg", "file"),
        ("Wikipedia:WikiProject Novels", "wikipedia"),
        ("WP:NOVELS", "wikipedia"),
        ("User talk:Someone", "user"),
        ("User_talk:Someone", "user"),
        ("Template:Infobox book", "template"),
        ("Portal:Novels", "portal"),
        ("Template talk:Infobox book", "talk"),
        ("MediaWiki:Common.css", "mediawiki"),
        ("Module:Citation", "template"),
        ("ru:Война и мир", "interwiki"),
        ("zh-min-nan:Something", "interwiki"),
        ("de: Something", "article"),
        ("", "article"),
        (":", "article"),
    ],
)
def test_the_kind_is_that_of_the_namespace(name: str, kind: str) -> None:
    assert link_kind(name) == kind


@pytest.mark.parametrize(
    ("target", "is_dropped"),
    [
        ("Wikipedia:WikiProject Novels", True),
        ("Template:Infobox book", True),
        ("Special:BookSources/0-345-28995-1", True),
        ("Help:IPA", True),
        ("User:Someone", True),
        ("Talk:Dune", True),
        ("", True),
        ("Category:Novels", False),
        ("Portal:Novels", False),
        ("File:Dune.jpg", False),
        ("Help", False),
    ],
)
def test_pages_of_the_project_are_dropped(target: str, *, is_dropped: bool) -> None:
    assert drop_junk(target) == (None if is_dropped else target)


def test_a_title_longer_than_mediawiki_allows_is_dropped() -> None:
    assert drop_overlong("x" * MAX_TITLE_BYTES) == "x" * MAX_TITLE_BYTES
    assert drop_overlong("x" * (MAX_TITLE_BYTES + 1)) is None
    assert drop_overlong("ж" * (MAX_TITLE_BYTES // 2)) is not None
    assert drop_overlong("ж" * (MAX_TITLE_BYTES // 2 + 1)) is None
    assert drop_overlong("\ud800") == "\ud800"


def test_lowercase_is_unicode_s() -> None:
    assert lowercase("ÉMILE Zola, ΟΔΟΣ") == "émile zola, οδος"


def test_the_default_does_all_of_it_in_order() -> None:
    assert _apply(DEFAULT_STEPS, ":Category:Science_fiction  novels#A") == (
        "category:science fiction novels"
    )
    assert _apply(DEFAULT_STEPS, "_#Plot") is None
    assert _apply(DEFAULT_STEPS, ":Wikipedia:About") is None
    assert _apply(REFERENCE_STEPS, ":Category:A_B#C") == ":category:a_b#c"
    assert _apply(FOLDING_STEPS, ":Category:A_B#C") == ":category:a b#c"


def test_the_names_of_steps_are_distinct_within_a_cleaning() -> None:
    for steps in (DEFAULT_STEPS, REFERENCE_STEPS, FOLDING_STEPS):
        assert len({step.name for step in steps}) == len(steps)


@given(_TARGETS)
def test_folding_is_idempotent_and_leaves_no_outer_or_double_space(text: str) -> None:
    folded = fold_whitespace(text)
    assert fold_whitespace(folded) == folded
    assert folded == folded.strip()
    assert "  " not in folded
    assert "_" not in folded


@pytest.mark.parametrize("step", _ALL_STEPS, ids=lambda step: step.name)
@given(target=_TARGETS)
def test_each_step_is_idempotent(step: LinkStep, target: str) -> None:
    once = step.apply(target)
    if once is not None:
        assert step.apply(once) == once


@pytest.mark.parametrize("steps", [DEFAULT_STEPS, REFERENCE_STEPS, FOLDING_STEPS])
@given(target=_TARGETS)
def test_a_whole_cleaning_is_idempotent(steps: tuple[LinkStep, ...], target: str) -> None:
    once = _apply(steps, target)
    if once is not None:
        assert _apply(steps, once) == once


@given(_TARGETS)
def test_the_default_gives_names_that_can_be_keys(target: str) -> None:
    name = _apply(DEFAULT_STEPS, target)
    if name is not None:
        assert name
        assert not name.startswith(":")
        assert "#" not in name
        assert name == name.strip().lower()


_REDIRECTS = {"NYT": "The New York Times", "New York Times": "NYT", "A": "B", "B": "A", "C": "C"}


@pytest.mark.parametrize(
    ("target", "resolved"),
    [
        ("The New York Times", "The New York Times"),
        ("NYT", "The New York Times"),
        ("New York Times", "The New York Times"),
        ("new York Times", "The New York Times"),
        ("new york times", "new york times"),
        ("", ""),
        ("C", "C"),
    ],
)
def test_redirects_are_followed_to_their_end(target: str, resolved: str) -> None:
    assert resolve_redirect(target, _REDIRECTS) == resolved


def test_a_circle_of_redirects_ends() -> None:
    assert resolve_redirect("A", _REDIRECTS) in {"A", "B"}


def test_redirects_are_resolved_after_sections_and_before_lowercasing() -> None:
    steps = default_steps(_REDIRECTS)
    assert _apply(steps, ":new_York  Times#History") == "the new york times"
    assert "redirects resolved" in [step.name for step in steps]
    assert "redirects resolved" not in [step.name for step in DEFAULT_STEPS]


@given(st.dictionaries(st.sampled_from("ABCDEFG"), st.sampled_from("ABCDEFG")), st.text("abAB"))
def test_following_any_redirects_ends(redirects: dict[str, str], target: str) -> None:
    resolved = resolve_redirect(target, redirects)
    assert resolved == target or resolved in redirects.values()
