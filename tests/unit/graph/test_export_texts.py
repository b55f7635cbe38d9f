"""Texts that no spreadsheet runs and that every XML parser reads, and the way back."""

from __future__ import annotations

from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookgraph.graph.export.csv import guard
from bookgraph.graph.export.texts import guard_formulas, unguard_formulas, xml_id, xml_text

TRIGGERS = "=+-@\t\r＝＋－＠"  # noqa: RUF001  # the full-width forms
texts = st.text(st.sampled_from("=+-@\t\r\n,;|' \x00\ufeff\u200bab\\u\x07\ufffe\ud800😀"))


@pytest.mark.parametrize("start", TRIGGERS)
@pytest.mark.parametrize("before", ["", "'", "''", "\ufeff", "\x00", "\u200b'"])
def test_no_cell_begins_with_a_formula(start: str, before: str) -> None:
    assert guard_formulas(f"{before}{start}1") == f"'{before}{start}1"


@pytest.mark.parametrize(
    ("text", "guarded"),
    [
        ('=HYPERLINK("http://evil.example")', '\'=HYPERLINK("http://evil.example")'),
        ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
        ("Dune;=1+1", "Dune;'=1+1"),
        ("Dune,=1+1", "Dune,'=1+1"),
        ("Dune|@SUM(1)", "Dune|'@SUM(1)"),
        ("Dune\n-1", "Dune\n'-1"),
        ("Dune\t=1", "Dune\t'=1"),
        ("\t=1", "'\t'=1"),
        ("-30-", "'-30-"),
        ("Catch-22", "Catch-22"),
        ("1 = 2, and - so on", "1 = 2, and - so on"),
        ("'Tis Pity", "'Tis Pity"),
        ("", ""),
    ],
)
def test_only_starts_are_guarded(text: str, guarded: str) -> None:
    assert guard_formulas(text) == guarded
    assert unguard_formulas(guarded) == text


@given(texts | st.text())
def test_guarding_is_undone_exactly(text: str) -> None:
    assert unguard_formulas(guard_formulas(text)) == text


@given(texts)
def test_no_cell_of_any_separator_is_a_formula(text: str) -> None:
    for separator in ",;|\t\n\r":
        for cell in guard_formulas(text).split(separator):
            assert not cell or cell[0] not in "=+-@", text


@pytest.mark.parametrize("value", [-5, -0.5, 3, None, True])
def test_numbers_stay_numbers(value: object) -> None:
    assert guard(value) is value


@given(texts | st.text(st.characters(exclude_categories=[])))
def test_every_text_is_well_formed_xml(text: str) -> None:
    known = escape(xml_text(text), {"\r": "&#13;"})
    node = ET.fromstring(f"<a id={quoteattr(xml_id(text))}>{known}</a>")
    assert node.text == (xml_text(text) or None)
    assert node.get("id") == xml_id(text)


@given(texts, texts)
def test_different_texts_have_different_ids(one: str, other: str) -> None:
    assert (xml_id(one) == xml_id(other)) == (one == other)


def test_what_xml_does_not_have_is_shown_as_missing() -> None:
    assert xml_text("a\x07b\ufffec\ud800d😀") == "a\ufffdb\ufffdc\ufffdd😀"
    assert xml_id("b:a\x07") == "b:a\\u0007"
    assert xml_id("b:a\\u0007") == "b:a\\u005cu0007"
    assert xml_id("b:C:\\temp 😀") == "b:C:\\temp 😀"
