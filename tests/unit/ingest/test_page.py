"""A book page: its infobox, links and URLs; mwparserfromhell is the second opinion."""

from __future__ import annotations

import bz2
from pathlib import Path

import mwparserfromhell
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from bookgraph.core.types import BookRecord
from bookgraph.ingest.clean.fields import parse_fields
from bookgraph.ingest.wikitext.markup import parse
from bookgraph.ingest.wikitext.page import (
    INFOBOX_BYTES,
    NEVER_CLOSED,
    NOT_USED,
    article_length,
    parse_book_page,
)


def _parse(wikitext: str) -> BookRecord:
    record = parse_book_page("T", wikitext, edited_at="2018").record
    assert record is not None
    return record


def test_links_urls_and_length_agree_with_mwparserfromhell_on_real_pages(
    shared_data: Path,
) -> None:
    root = etree.fromstring(
        bz2.decompress((shared_data / "dumps" / "enwiki-10k.xml.bz2").read_bytes())
    )
    num_compared = 0
    for page in root.iterfind("{*}page"):
        text = page.findtext("{*}revision/{*}text") or ""
        # It does not look into galleries, and reads a few signatures of talk pages otherwise.
        if page.find("{*}redirect") is not None or page.findtext("{*}ns") != "0":
            continue
        if "<gallery" in text:
            continue
        num_compared += 1
        code = mwparserfromhell.parse(text)
        record = _parse(text + "{{Infobox book}}")
        assert list(record.wikilinks) == _stripped(code.filter_wikilinks(), "title")
        assert list(record.external_links) == _stripped(code.filter_external_links(), "url")
        assert article_length(parse(text)) == pytest.approx(len(code.strip_code().strip()), rel=0.3)
    assert num_compared > 30


def _stripped(nodes: list[object], name: str) -> list[str]:
    return [str(getattr(node, name).strip_code()).strip() for node in nodes]


def test_empty_parameters_are_left_out_and_positional_ones_are_numbered() -> None:
    record = _parse("{{Infobox book|name=|first|author= [[X]] |note=<!-- none -->}}")
    assert record.infobox == {"1": "first", "author": "X"}


def test_a_later_value_of_one_parameter_wins_as_in_mediawiki() -> None:
    assert _parse("{{Infobox book|name=A|name=B}}").infobox == {"name": "B"}


@pytest.mark.parametrize("tag", ["<br>", "<br/>", "<br />", "<BR>", "</br>"])
def test_a_break_parts_two_authors(tag: str) -> None:
    record = _parse(f"{{{{Infobox book|author=Frederik Pohl{tag}Jack Williamson}}}}")
    assert record.infobox["author"].split("\n") == ["Frederik Pohl", "Jack Williamson"]


def test_comments_are_read_whole_and_hide_their_links() -> None:
    record = _parse("{{Infobox book|name=A<!-- see [[Wikipedia:WikiProject Novels]] -->}} [[B]]")
    assert record.infobox == {"name": "A"}
    assert record.wikilinks == ("B",)


def test_links_in_nowiki_do_not_count() -> None:
    assert _parse("{{Infobox book}} <nowiki>[[A]]</nowiki> [[B]]").wikilinks == ("B",)


def test_references_do_not_hide_links_and_bare_urls_count() -> None:
    record = _parse("{{Infobox book}} x<ref>[[A]] https://a.org/x</ref> [[B|c]] https://b.org")
    assert record.wikilinks == ("A", "B")
    assert record.external_links == ("https://a.org/x", "https://b.org")


def test_links_in_galleries_and_image_maps_count() -> None:
    record = _parse(
        "{{Infobox book}}\n<gallery mode=packed>\nFile:Cover.jpg|By [[Ann Other]]\nplain.png\n"
        "</gallery>\n<imagemap>\nImage:Map.png|300px|a map of [[France]]\n\n"
        "rect 1 2 3 4 [[Paris|the city]]\ncircle 1 2 3 [[Lyon]]\ndesc bottom-left\n</imagemap>"
    )
    assert record.wikilinks == (
        *("File:Cover.jpg", "Ann Other", "File:plain.png"),
        *("Image:Map.png", "France", "Paris", "Lyon"),
    )


@pytest.mark.parametrize(
    ("text", "urls"),
    [
        ("[https://a.org/x?y=1&section=2 label]", ["https://a.org/x?y=1&section=2"]),
        ("[https://a.org https://b.org/label]", ["https://a.org"]),
        ("see https://a.org/x, https://a.org/y.", ["https://a.org/x", "https://a.org/y"]),
        ("(https://a.org/x) https://a.org/x_(y)", ["https://a.org/x", "https://a.org/x_(y)"]),
        ("[//a.org/x y] // no", ["//a.org/x"]),
        ("{{cite|url=https://a.org/x|title=T}}", ["https://a.org/x"]),
        ("''https://a.org/x''", ["https://a.org/x"]),
        ("https://a.org/?a=1&amp;b=2", ["https://a.org/?a=1&b=2"]),
        ("[mailto:a@b.org write]", ["mailto:a@b.org"]),
        ("http:// and x:y and [[http://a.org/x y]]", ["http://a.org/x"]),
    ],
)
def test_urls(text: str, urls: list[str]) -> None:
    assert list(_parse("{{Infobox book}}" + text).external_links) == urls


@pytest.mark.parametrize(
    "value",
    ["<li>Novel", "<dd>Novel", "<b>Novel", "<ref>Novel", "[[Novel", "<td>Novel", "<ul><li>Novel"],
)
def test_a_tag_that_is_never_closed_loses_no_book(value: str) -> None:
    record = _parse(f"{{{{Infobox book\n| genre = {value}\n| pages = 100\n}}}}\n[[Shared]]")
    assert record.infobox["pages"] == "100"
    assert record.wikilinks[-1] == "Shared"


@pytest.mark.parametrize(
    "opening",
    [
        "{{Infobox book",
        "{{infobox Book\n",
        "{{Infobox_novel",
        "{{ Infobox  book ",
        "{{Template:Infobox book",
        "{{TEMPLATE : Infobox book",
        "{{Infobox\u00a0book",
        "{{Infobox&nbsp;book",
        "{{Infobox <!-- one\ntwo -->book",
        "{{<!-- x -->Infobox book<!-- y\n -->\n",
        "{{{{{x|}}}Infobox book",
    ],
)
def test_the_name_of_the_infobox_may_be_written_in_many_ways(opening: str) -> None:
    wikitext = opening + "|name=A}}"
    if not opening.startswith("{{{{"):
        assert _parse(wikitext).infobox == {"name": "A"}
    assert INFOBOX_BYTES.search(wikitext.encode())


@pytest.mark.parametrize(
    ("wikitext", "reason"),
    [
        ("{{Infobox book\n| name = A\n", NEVER_CLOSED),
        ("{{Infobox book|genre={{hlist|a}", NEVER_CLOSED),
        ("<nowiki>{{Infobox book}}</nowiki>", NOT_USED),
        ("<!-- {{Infobox book}} -->", NOT_USED),
        ("{{tl|Infobox book}}", NOT_USED),
        ("{{\n*Infobox book}}", NOT_USED),
    ],
)
def test_a_page_that_is_no_book_says_why(wikitext: str, reason: str) -> None:
    result = parse_book_page("T", wikitext, edited_at="")
    assert (result.record, result.reason) == (None, reason)


@pytest.mark.parametrize("name", ["Infobox book series", "Infobox bookseller", "Infobox novelist"])
def test_other_infoboxes_are_not_even_candidates(name: str) -> None:
    assert not INFOBOX_BYTES.search(f"{{{{{name}|name=A}}}}".encode())
    assert parse_book_page("T", f"{{{{{name}|name=A}}}}", edited_at="").record is None


def test_unknown_templates_of_the_infobox_are_counted() -> None:
    result = parse_book_page(
        "T", "{{Infobox book|a={{Strange thing|x}}|b={{strange_thing}}}}{{other}}", edited_at=""
    )
    assert result.unknown_templates == {"strange thing": 2}


def test_what_never_closes_hides_nothing_before_it() -> None:
    for mark in ("{{", "[[", "<b>", "'''", "{|", "<!--", "[http://x ", "<ref>", "<gallery>"):
        record = _parse("{{Infobox book|name=A}}" + mark * 2_000)
        assert record.infobox == {"name": "A"}


def test_open_braces_before_a_long_text_hide_no_book() -> None:
    record = _parse("{{" * 499 + "a [[b]] {{c|d}} " * 20_000 + "{{Infobox book|name=A}}")
    assert record.infobox == {"name": "A"}


_HOSTILE = [
    *(
        "[http://x ",
        "[//a",
        "[http://a b",
        "http://",
        "'''",
        "<b>",
        "<b",
        "&amp",
        "{|",
        "==",
        "[[a|",
    ),
    *("{{a|", "}}", "<ref", "<ref>", "<gallery>\n", "<!--", "{{{", "[mailto:", "\n*", "\n\n\n"),
    *('<span style="', "__A", "{{#if:", "A and ", "A, Jr., ", "and ", "& ", "/ ", "1 to ", "[1]"),
    *("1,000 ", "1-", "< ref >", "(1", "vol ", "1 pp ", "{{ubl|a|", "ISBN ", "&lt;", "[["),
]


@pytest.mark.parametrize("piece", _HOSTILE)
def test_repeated_marks_cost_no_more_than_other_text(piece: str) -> None:
    # A time that grows with the square would take minutes here; the suite has a timeout.
    many = piece * (150_000 // len(piece))
    parse_book_page("T", "{{Infobox book|name=x}}" + many, edited_at="")
    result = parse_book_page("T", f"{{{{Infobox book|author={many}}}}}", edited_at="")
    fields = dict.fromkeys(("author", "genre", "country", "publisher", "pages", "date"), many)
    parse_fields(fields)
    if result.record is not None:
        parse_fields(result.record.infobox, result.record.wikilinks)


_PIECES = """\
{{ }} [[ ]] | = <br> <ref> </ref> <nowiki> <!-- --> Infobox Infobox_book infobox _ book novel
Template: &nbsp; \u00a0 File: # {| |} &amp; http://x <gallery> </gallery> é"""
_MARKUP = st.lists(st.sampled_from([*_PIECES.split(), " ", "\n", "\n*"]), max_size=25).map("".join)


@settings(deadline=None)
@given(_MARKUP)
def test_no_page_that_parses_as_a_book_escapes_the_byte_search(text: str) -> None:
    if parse_book_page("T", text, edited_at="").record is not None:
        assert INFOBOX_BYTES.search(text.encode())
