"""What an edit refuses, with the place of each value, and what it makes of the others."""

from __future__ import annotations

from typing import Any

import pytest

from bookgraph.core.errors import EditRefusedError
from bookgraph.graph.write.wanted import MAX_LINKS, MAX_VALUES, BookEdit, check_title, clean_edit


def refusals(edit: BookEdit) -> list[tuple[tuple[str, ...], str, str]]:
    with pytest.raises(EditRefusedError) as caught:
        clean_edit(edit)
    return [(one.field, one.code, one.message) for one in caught.value.refusals]


@pytest.mark.parametrize(
    ("title", "code", "says"),
    [
        ("  ", "BLANK", "title: '  ' is blank. Change it."),
        ("\u200b\ufeff", "BLANK", "title: '\\u200b\\ufeff' is blank. Change it."),
        ("x" * 256, "TOO_LONG", f"title: '{'x' * 80}' is longer than 255 bytes, MediaWiki's"),
        ("ж" * 128, "TOO_LONG", "is longer than 255 bytes"),
        ("a\ud800", "INVALID", "title: 'a\\ud800' holds half a character (a lone surrogate)."),
        ("Template:Infobox book", "INVALID", "'Template:Infobox book' is a page of a namespace"),
    ],
)
def test_a_title_that_no_book_can_have_is_refused(title: str, code: str, says: str) -> None:
    ((field, found, message),) = refusals(BookEdit(title, []))
    assert (field, found) == (("title",), code)
    assert says in message


@pytest.mark.parametrize("title", ["", "\x00", "\udfff"])
def test_a_title_that_finds_no_book_is_refused_before_the_search(title: str) -> None:
    with pytest.raises(EditRefusedError):
        check_title(title)


@pytest.mark.parametrize(
    ("link", "code", "says"),
    [
        ("x" * 9_000, "TOO_LONG", "is longer than 255 bytes, MediaWiki's limit for a title"),
        ("", "BLANK", "links: '' is blank. Remove it."),
        ("\t\x00", "BLANK", "is blank. Remove it."),
        ("#Plot", "INVALID", "links: '#Plot' names no page. Remove it."),
        ("Category:", "INVALID", "names a namespace without a page"),
        ("%2520x", "INVALID", "is encoded twice"),
        ("Template:Infobox book", "INVALID", "is a page for writers of the wiki"),
        ("\udc00", "INVALID", "holds half a character (a lone surrogate)"),
    ],
)
def test_a_link_that_an_ingest_would_drop_is_refused(link: str, code: str, says: str) -> None:
    ((field, found, message),) = refusals(BookEdit("x", ["fine", link, "Fine too"]))
    assert (field, found) == (("links", "1"), code)
    assert says in message


@pytest.mark.parametrize(
    ("fields", "where", "code"),
    [
        ({"year": 10_000}, ("year",), "OUT_OF_RANGE"),
        ({"year": -10_000}, ("year",), "OUT_OF_RANGE"),
        ({"year": 0}, ("year",), "OUT_OF_RANGE"),
        ({"pages": 0}, ("pages",), "OUT_OF_RANGE"),
        ({"pages": -3}, ("pages",), "OUT_OF_RANGE"),
        ({"pages": 100_000}, ("pages",), "OUT_OF_RANGE"),
        ({"authors": ["A", " "]}, ("authors", "1"), "BLANK"),
        ({"authors": ["x" * 201]}, ("authors", "0"), "TOO_LONG"),
        ({"genres": ["n/a"]}, ("genres", "0"), "INVALID"),
        ({"genres": ["..."]}, ("genres", "0"), "INVALID"),
        ({"publishers": ["\ud83d"]}, ("publishers", "0"), "INVALID"),
        ({"authors": ["A"] * (MAX_VALUES + 1)}, ("authors",), "TOO_MANY"),
    ],
)
def test_a_value_that_no_book_can_have_is_refused(
    fields: dict[str, Any], where: tuple[str, ...], code: str
) -> None:
    ((field, found, message),) = refusals(BookEdit("x", None, fields))
    assert (field, found) == (where, code)
    assert message.startswith(f"{where[0]}: ")


def test_all_refusals_come_together_and_the_rest_is_counted() -> None:
    found = refusals(BookEdit("", ["#"] * 30, {"year": 0}))
    assert [one[0] for one in found[:3]] == [("title",), ("year",), ("links", "0")]
    assert found[-1] == (("links",), "TOO_MANY", "links: 12 more cannot be saved. Remove them.")
    ((field, code, _),) = refusals(BookEdit("x", ["a"] * (MAX_LINKS + 1)))
    assert (field, code) == (("links",), "TOO_MANY")


def test_values_have_one_spelling_and_no_repeats() -> None:
    fields = {
        "authors": [" Me ", "me", "You\u200b"],
        "genres": ["Science Fiction", "sci-fi", "Horror"],
        "countries": ["USA", "France"],
        "languages": [],
        "publishers": None,
        "year": -800,
        "pages": None,
    }
    assert clean_edit(BookEdit("x", None, fields)).properties == {
        "author": "Me",
        "authors": ["Me", "You"],
        "genre": "Science fiction",
        "genres": ["Science fiction", "Horror"],
        "country": "United States",
        "countries": ["United States", "France"],
        "language": None,
        "languages": None,
        "publisher": None,
        "publishers": None,
        "year": -800,
        "pages": None,
    }


def test_links_are_folded_named_and_sorted() -> None:
    links = ["Leo_Tolstoy", "leo tolstoy#Life", ":Category: Novels", "Image:X.jpg"]
    wanted = clean_edit(BookEdit("x", links))
    assert [(row["name"], row["title"], row["kind"]) for row in wanted.links or ()] == [
        ("category:novels", "Category:Novels", "category"),
        ("file:x.jpg", "File:X.jpg", "file"),
        ("leo tolstoy", "Leo Tolstoy", "article"),
    ]
    assert wanted.counts == {"category:novels": 1, "file:x.jpg": 1, "leo tolstoy": 2}
    assert clean_edit(BookEdit("x")).counts is None
    assert clean_edit(BookEdit("x", [])).counts == {}
