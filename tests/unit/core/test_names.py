"""Names: each rule by a table, and the whole idempotent on any text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookgraph.core.names import (
    LOWERCASING,
    MAX_TITLE_BYTES,
    InvalidNameError,
    NameStep,
    book_keys,
    book_title,
    cut_section,
    decode_percent_codes,
    drop_overlong,
    drop_writers_pages,
    dropping_steps,
    is_page_title,
    kind_of,
    link_keys,
    link_name,
    link_title,
    lowercase,
    spell_namespace,
    spelling_steps,
    strip_leading_colon,
)
from bookgraph.core.site import fold_whitespace

_STEPS = (*spelling_steps(), *dropping_steps(), LOWERCASING)
# Texts made of what matters to the rules are far likelier to break them than any texts.
_MARKS = ["\u200e", "\u202a", "\u00a0", "\n", "\0", "\u0301", "\u030c", "é"]
_CODES = ["%20", "%C3%A9", "%25", "%23", "%3A", "%ff", "%2", "41"]
_PREFIXES = ["Category", "image", "talk", "WP"]
_PIECES = st.sampled_from([*" _:#%aAeEİßΣSKj", *_MARKS, *_CODES, *_PREFIXES])
_TEXTS = st.text() | st.lists(_PIECES, max_size=12).map("".join)


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Simon  &  Schuster", "Simon & Schuster"),
        ("War_and_Peace", "War and Peace"),
        ("_War _ and\u00a0\u2003Peace\n", "War and Peace"),
        ("Dune\u200e", "Dune"),
        ("\u202aThe Sea\u202c", "The Sea"),
        ("The\u200e Sea", "The Sea"),
        ("a\0b\x1fc", "ab c"),
        ("Cafe\u0301 Noir", "Café Noir"),
        # Persian needs its joiners.
        ("\u0646\u200c\u0627", "\u0646\u200c\u0627"),
        ("__", ""),
        ("", ""),
    ],
)
def test_white_space_underscores_and_marks_are_folded(text: str, folded: str) -> None:
    assert fold_whitespace(text) == folded


@pytest.mark.parametrize(
    ("text", "decoded"),
    [
        ("Caf%C3%A9_Central", "Café Central"),
        ("War%20and%20Peace", "War and Peace"),
        ("Dune%23Plot", "Dune#Plot"),
        ("100%25 Pure", "100% Pure"),
        ("100% Pure", "100% Pure"),
        ("100%ab", "100%ab"),
        ("100%25ab", "100%ab"),
        ("%C3%A9%ff", "%C3%A9%ff"),
        ("%00x", "x"),
        ("%2541", None),
    ],
)
def test_percent_codes_are_decoded_once(text: str, decoded: str | None) -> None:
    assert decode_percent_codes(text) == decoded


@pytest.mark.parametrize(
    ("text", "stripped"),
    [
        (":Category:Novels", "Category:Novels"),
        (": :ru:Война", "ru:Война"),
        ("2001: A Space Odyssey", "2001: A Space Odyssey"),
        (":", ""),
    ],
)
def test_leading_colons_are_removed(text: str, stripped: str) -> None:
    assert strip_leading_colon(text) == stripped


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("Dune (novel)#Plot", "Dune (novel)"),
        ("Dune #Plot#More", "Dune"),
        ("#Plot", None),
        (" #Plot", None),
        ("Dune", "Dune"),
        ("Dune#", "Dune"),
    ],
)
def test_sections_are_cut_and_bare_ones_dropped(text: str, cut: str | None) -> None:
    assert cut_section(text) == cut


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("Image:Dune.jpg", "File:Dune.jpg"),
        ("image : Dune.jpg", "File:Dune.jpg"),
        ("Media:Dune.ogg", "File:Dune.ogg"),
        ("Category: Historical novels", "Category:Historical novels"),
        ("CATEGORY:Novels", "Category:Novels"),
        ("WP:NOVELS", "Wikipedia:NOVELS"),
        ("WT:NOVELS", "Wikipedia talk:NOVELS"),
        ("user_talk:Someone", "User talk:Someone"),
        ("File:", None),
        ("Category: ", None),
        ("Maus: A Survivor's Tale", "Maus: A Survivor's Tale"),
        ("ru:Война", "ru:Война"),
        ("RU : Война", "ru:Война"),
        ("T:Cite", "Template:Cite"),
        ("Dune", "Dune"),
    ],
)
def test_a_namespace_has_one_spelling(text: str, spelled: str | None) -> None:
    assert spell_namespace(text) == spelled


@pytest.mark.parametrize(
    ("title", "kind"),
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
        ("WT:NOVELS", "wikipedia"),
        ("MOS:ITALICS", "wikipedia"),
        ("User talk:Someone", "user"),
        ("User_talk:Someone", "user"),
        ("Image talk:Dune.jpg", "talk"),
        ("Template:Infobox book", "template"),
        ("Portal:Novels", "portal"),
        ("Template talk:Infobox book", "talk"),
        ("MediaWiki:Common.css", "mediawiki"),
        ("Module:Citation", "template"),
        ("ru:Война и мир", "interwiki"),
        ("zh-min-nan:Something", "interwiki"),
        ("de: Something", "interwiki"),
        ("s:The Sea", "interwiki"),
        ("Wikt:sea", "interwiki"),
        ("commons:Sea", "interwiki"),
        ("d:Q42", "interwiki"),
        ("Re:Zero", "article"),
        ("UFO:Aftermath", "article"),
        ("ER: The Novel", "article"),
        ("XK:Red", "article"),
        ("2001:A", "article"),
        ("s:", "article"),
        ("T:Cite", "template"),
        ("Project:About", "wikipedia"),
        ("H:Contents", "help"),
        ("", "article"),
        (":", "article"),
    ],
)
def test_the_kind_is_that_of_the_namespace(title: str, kind: str) -> None:
    assert kind_of(title) == kind


@pytest.mark.parametrize(
    ("title", "is_dropped"),
    [
        ("Wikipedia:WikiProject Novels", True),
        ("Template:Infobox book", True),
        ("Special:BookSources/0-345-28995-1", True),
        ("Help:IPA", True),
        ("User:Someone", True),
        ("Talk:Dune", True),
        ("Category:Novels", False),
        ("Portal:Novels", False),
        ("File:Dune.jpg", False),
        ("Help", False),
    ],
)
def test_pages_for_writers_are_dropped(title: str, *, is_dropped: bool) -> None:
    assert drop_writers_pages(title) == (None if is_dropped else title)


def test_a_title_has_at_most_255_bytes_and_its_namespace_does_not_count() -> None:
    assert MAX_TITLE_BYTES == 255
    assert drop_overlong("x" * 255) == "x" * 255
    assert drop_overlong("x" * 256) is None
    assert drop_overlong("ж" * 127) is not None
    assert drop_overlong("ж" * 128) is None
    assert drop_overlong("Category:" + "x" * 255) is not None
    assert drop_overlong("Category:" + "x" * 256) is None
    assert drop_overlong("\ud800") == "\ud800"
    assert is_page_title("x" * 255 + "  ")
    assert not is_page_title("x" * 256)
    assert not is_page_title("_ ")
    assert book_title("x" * 255) == "x" * 255
    with pytest.raises(InvalidNameError, match="longer than 255 bytes"):
        book_title("x" * 256)
    with pytest.raises(InvalidNameError, match="longer than 255 bytes"):
        link_name("x" * 256)


def test_lowercase_is_unicode_s() -> None:
    assert lowercase("ÉMILE Zola, ΟΔΟΣ") == "émile zola, οδος"
    # No capital of ǰ exists; lowercasing J with a caron composes it.
    assert lowercase("J\u030c") == "ǰ"


@pytest.mark.parametrize(
    ("text", "title", "name"),
    [
        (":Category:Science_fiction  novels#A", "Category:Science fiction novels", None),
        ("Dune%20(novel)#Plot", "Dune (novel)", "dune (novel)"),
        ("image:Cover.JPG", "File:Cover.JPG", "file:cover.jpg"),
        (":ru:Война_и_мир", "ru:Война и мир", "ru:война и мир"),
        ("iPod", "iPod", "ipod"),
    ],
)
def test_a_link_has_one_title_and_one_name(text: str, title: str, name: str | None) -> None:
    assert link_title(text) == title
    assert link_name(text) == (name or title.lower())


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("_#Plot", "names no page"),
        (" ", "is blank"),
        ("\u200b\u2060\ufeff", "is blank"),
        ("a\ud800", "holds half a character"),
        (":", "names no page"),
        ("Category:", "a namespace without a page"),
        (":Wikipedia:About", "a page for writers"),
        ("WT:NOVELS", "a page for writers"),
        ("%2541", "is encoded twice"),
    ],
)
def test_what_is_no_link_is_refused_with_a_reason(text: str, reason: str) -> None:
    with pytest.raises(InvalidNameError, match=reason):
        link_title(text)


@pytest.mark.parametrize(
    ("text", "title"),
    [
        (" War_and  Peace ", "War and Peace"),
        ("Caf%C3%A9", "Café"),
        ("Ulysses: A Novel", "Ulysses: A Novel"),
        ("UFO:Aftermath", "UFO:Aftermath"),
        ("Behind Wikipedia: A History", "Behind Wikipedia: A History"),
        # Titles of catalogues may hold what no title of a wiki does.
        ("C# in Depth", "C# in Depth"),
    ],
)
def test_a_book_has_one_title(text: str, title: str) -> None:
    assert book_title(text) == title


@pytest.mark.parametrize(
    "text", ["Template:Infobox book", "Image:X", "WP:B", "Draft: Soon", "_", "%2541"]
)
def test_pages_that_are_no_books_are_refused(text: str) -> None:
    with pytest.raises(InvalidNameError):
        book_title(text)


def test_lookups_try_the_text_as_written_first() -> None:
    assert book_keys("Dune") == ["Dune"]
    assert book_keys("dune_(novel)") == ["dune_(novel)", "dune (novel)", "Dune (novel)"]
    assert book_keys("%2541") == ["%2541"]
    assert link_keys("Leo Tolstoy") == ["leo tolstoy"]
    # The reference cleaning keeps this name, the default one the second.
    assert link_keys(":Image:X_y#Z") == [":image:x_y#z", "file:x y"]
    assert link_keys("#Plot") == ["#plot"]
    assert link_keys("Wikipedia:About") == ["wikipedia:about"]


@given(_TEXTS)
def test_folding_leaves_no_outer_or_double_space(text: str) -> None:
    folded = fold_whitespace(text)
    assert folded == folded.strip()
    assert "  " not in folded
    assert "_" not in folded


@pytest.mark.parametrize("step", _STEPS, ids=lambda step: step.name)
@given(text=_TEXTS)
def test_each_step_is_idempotent(step: NameStep, text: str) -> None:
    once = step.apply(text)
    if once is not None:
        assert step.apply(once) == once


@given(_TEXTS)
def test_names_are_idempotent_and_can_be_keys(text: str) -> None:
    try:
        title = link_title(text)
    except InvalidNameError:
        return
    name = link_name(text)
    assert link_title(title) == title
    assert link_name(title) == link_name(name) == name
    assert kind_of(name) == kind_of(title)
    assert name
    assert name == name.strip().lower()
    assert not name.startswith(":")
    assert not {"#", "_", "\0"} & set(name)


@given(_TEXTS)
def test_titles_of_books_are_idempotent(text: str) -> None:
    try:
        title = book_title(text)
    except InvalidNameError:
        return
    assert book_title(title) == title
    assert is_page_title(title)


@given(_TEXTS)
def test_a_lookup_finds_a_link_under_any_spelling(text: str) -> None:
    try:
        name = link_name(text)
    except InvalidNameError:
        return
    for spelling in (text, name, f" {text}_", f":{text}", f"\u200e{name}#Section"):
        assert name in link_keys(spelling)


@given(_TEXTS)
def test_a_lookup_finds_a_book_under_any_spelling(text: str) -> None:
    try:
        title = book_title(text)
    except InvalidNameError:
        return
    for spelling in (text, title, title.replace(" ", "_"), f"\u200e{title}  "):
        assert title in book_keys(spelling)
