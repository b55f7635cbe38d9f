"""Wikitext: what comes out equals mwparserfromhell's own answer on the intact text."""

from __future__ import annotations

import bz2
from pathlib import Path

import mwparserfromhell
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from lxml import etree
from mwparserfromhell.nodes.extras import Parameter

from bookgraph.core.types import BookRecord
from bookgraph.ingest import iter_records
from bookgraph.ingest.read.wikitext import INFOBOX_BYTES, count_unclosed, parse_book_page


def _parse(wikitext: str) -> BookRecord | None:
    return parse_book_page("T", wikitext, edited_at="2018")


def test_links_urls_and_length_equal_mwparserfromhell_on_real_pages(shared_data: Path) -> None:
    path = shared_data / "dumps" / "enwiki-10k.xml.bz2"
    root = etree.fromstring(bz2.decompress(path.read_bytes()))
    texts = {
        page.findtext("{*}title"): page.findtext("{*}revision/{*}text")
        for page in root.iterfind("{*}page")
    }
    records = list(iter_records(path))
    assert len(records) == 3
    for record in records:
        code = mwparserfromhell.parse(texts[record.title])
        assert list(record.wikilinks) == [
            str(link.title.strip_code()).strip() for link in code.filter_wikilinks()
        ]
        assert list(record.external_links) == [
            str(link.url.strip_code()).strip() for link in code.filter_external_links()
        ]
        assert len(record.wikilinks) > 20
        box = next(
            item
            for item in code.filter_templates()
            if str(item.name).strip().lower() == "infobox book"
        )
        for parameter in box.params:
            value = parameter.value.strip_code().strip()
            name = str(parameter.name).strip()
            assert record.infobox.get(name, "").split() == _unbroken(parameter, value).split()


def _unbroken(parameter: Parameter, stripped: str) -> str:
    """`<br>` separates for us, while `strip_code` lets the words around it grow together."""
    text = str(parameter.value)
    if "<br" not in text.lower():
        return stripped
    broken = mwparserfromhell.parse(text.replace("<br>", "\n").replace("<br />", "\n"))
    return broken.strip_code().strip()


def test_empty_parameters_are_left_out_and_positional_ones_are_numbered() -> None:
    record = _parse("{{Infobox book|name=|first|author= [[X]] |note=<!-- none -->}}")
    assert record.infobox == {"1": "first", "author": "X"}


def test_a_later_value_of_one_parameter_wins_as_in_mediawiki() -> None:
    assert _parse("{{Infobox book|name=A|name=B}}").infobox == {"name": "B"}


@pytest.mark.parametrize("tag", ["<br>", "<br/>", "<br />", "<BR>", "</br>"])
def test_a_break_parts_two_authors(tag: str) -> None:
    record = _parse(f"{{{{Infobox book|author=Frederik Pohl{tag}Jack Williamson}}}}")
    assert record.infobox["author"].split("\n") == ["Frederik Pohl", "Jack Williamson"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("{{hlist|[[Novel]]|Satire}}", "Novel\nSatire"),
        ("{{Plainlist|\n* [[A]]\n* B\n}}", "A\n B"),
        ("{{unbulleted list|A|B|class=x}}", "A\nB"),
        ("{{nowrap|{{lang|fr|Roman}}}}", "Roman"),
        ("{{start date|1965|8|1|df=y}}", "1965-8-1"),
        ("{{ubl|A<br>B|C}}", "A\nB\nC"),
        ("{{nowrap|A}} {{nowrap|B}}", "A\nB"),
        # Text beside a template is what the published extracts have, and stays so.
        ("Novel {{small|(satire)}}", "Novel"),
        ("{{unknown|A}}", None),
        ("{{hlist}}", None),
        ("{{lang}}", None),
    ],
)
def test_templates_that_only_lay_out_a_value_do_not_hide_it(value: str, text: str | None) -> None:
    assert _parse(f"{{{{Infobox book|genre={value}}}}}").infobox.get("genre") == text


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


@pytest.mark.parametrize(
    "wikitext",
    [
        "",
        "text",
        "{{Infobox person}}",
        "{{Infobox book",
        "<nowiki>{{Infobox book}}</nowiki>",
        "{{\n*Infobox book}}",
        "{{{{a}}Infobox book}}",
    ],
)
def test_a_page_without_a_closed_template_is_no_book(wikitext: str) -> None:
    assert _parse(wikitext) is None


def test_deep_nesting_and_unclosed_marks_end() -> None:
    for mark in ("{{", "[[", "<b>", "'''", "{|", "<!--", "[http://x "):
        record = _parse("{{Infobox book|name=A}}" + mark * 2_000)
        assert record is not None
        assert record.infobox == {"name": "A"}


@pytest.mark.parametrize(
    ("wikitext", "num"),
    [
        ("{{a|[[b|" * 700, 700),
        ("<div a=" * 600 + "</div>" * 50, 550),
        ("}}" * 600 + "{{" * 600, 600),
        ("{|\n" * 600 + "|}" * 600, 0),
        ("[http://a b] " * 600 + "[[a]]" * 600 + "{{b|}}" * 600, 0),
        ("<br>" * 600 + "<ref name='a'/>" * 600 + "<b>c</b>" * 600 + "<!-- d -->" * 600, 0),
        ("[[" * 200, 0),
    ],
)
def test_marks_that_are_never_closed_are_counted(wikitext: str, num: int) -> None:
    assert count_unclosed(wikitext) == num


_MARKUP = st.lists(
    st.sampled_from(
        [
            "{{",
            "}}",
            "[[",
            "]]",
            "|",
            "=",
            "<br>",
            "<ref>",
            "</ref>",
            "<nowiki>",
            "<!--",
            "-->",
            "Infobox book",
            "File:",
            "#",
            "'''",
            "{|",
            "|}",
            "\n*",
            "&amp;",
            "http://x ",
            "é",
            "a",
        ]
    ),
    max_size=25,
).map("".join)


@settings(deadline=None)
@given(_MARKUP | st.text(max_size=60))
def test_any_wikitext_ends_and_links_equal_mwparserfromhell(text: str) -> None:
    wikitext = "{{Infobox book|name=A}}\n" + text
    record = _parse(wikitext)
    code = mwparserfromhell.parse(wikitext)
    expected = [str(link.title.strip_code()).strip() for link in code.filter_wikilinks()]
    assert record is not None
    assert list(record.wikilinks) == expected


@settings(deadline=None)
@example("{{\n*Infobox book}}")
@given(_MARKUP)
def test_no_page_that_parses_as_a_book_escapes_the_byte_search(text: str) -> None:
    if _parse(text) is not None:
        assert INFOBOX_BYTES.search(text.encode()) is not None
