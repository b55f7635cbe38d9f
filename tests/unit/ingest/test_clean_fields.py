"""Infobox fields: a table of what real books have there, and the published fields as a whole."""

from __future__ import annotations

import gzip
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookgraph.ingest.clean.fields import FIELD_PROPERTIES, explain_fields, parse_fields

_PLURALS = {
    "author": "authors",
    "genre": "genres",
    "country": "countries",
    "language": "languages",
    "publisher": "publishers",
}


def parse_names(text: str, *, kind: str, links: tuple[str, ...] = ()) -> list[str]:
    names = parse_fields({kind: text}, links).get(_PLURALS[kind], [])
    assert isinstance(names, list)
    return names


def parse_pages(text: str) -> object:
    return parse_fields({"pages": text}).get("pages")


def parse_year(text: str) -> object:
    return parse_fields({"pub_date": text}).get("year")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Frank Herbert", ["Frank Herbert"]),
        ("Don Piper < br > Cecil Murphey", ["Don Piper", "Cecil Murphey"]),
        ("Frederik Pohl\n Jack Williamson", ["Frederik Pohl", "Jack Williamson"]),
        ("Israel Finkelstein and Neil Asher Silberman", None),
        ("L. Frank Baum < br > (as Edith Van Dyne)", ["L. Frank Baum", "as Edith Van Dyne"]),
        ("Ann Gray, Jr. and Bo Field, Ph.D.", ["Ann Gray, Jr.", "Bo Field"]),
        ("Ann Gray, CBE, FRSL", ["Ann Gray"]),
        ("Ann Gray OBE", ["Ann Gray"]),
        ("Ann Gray, 2nd Baroness Field", ["Ann Gray, 2nd Baroness Field"]),
        ("Ann, Countess of Field; Bo Gray", ["Ann, Countess of Field", "Bo Gray"]),
        ("Pliny, the Elder", ["Pliny, the Elder"]),
        ("Ann and Bo Gray", ["Ann and Bo Gray"]),
        ("Ann Gray & Bo Field, eds.", ["Ann Gray", "Bo Field"]),
        ("Ann Gray [2], Bo Field [note 3]", ["Ann Gray", "Bo Field"]),
        ("Ann Gray (words), Bo Field (pictures)", ["Ann Gray", "Bo Field"]),
        ("Ann Gray (editor, volumes 1, 2), Bo Field", ["Ann Gray", "Bo Field"]),
        ("Text by Ann Gray, illustrated by Bo Field", ["Ann Gray", "Bo Field"]),
        ("Editor: Ann Gray", ["Ann Gray"]),
        ("Dr. Ann Gray, DDS and Bo Field, RN", ["Dr. Ann Gray", "Bo Field"]),
        ("Ann Gray [ed.], Bo Field [b]", ["Ann Gray", "Bo Field"]),
        ("Ann Gray\u3001Bo Field\uff0cCy Hill\uff1bDi Lake", None),
        ("Ann Gray et al.", ["Ann Gray"]),
        ("Ann Gray[1][2], Bo Field [3] [a]", ["Ann Gray", "Bo Field"]),
        ("Ann Gray, et al.", ["Ann Gray"]),
        ("Ann Gray and others", ["Ann Gray"]),
        ("unknown", []),
        ("n/a", []),
        ("To be announced", []),
        ("Various", ["Various"]),
        ("[[Ann Gray]] and {{nowrap|[[Bo Field]]}}", ["Ann Gray", "Bo Field"]),
        ("Martin Luther King, Jr.", ["Martin Luther King, Jr."]),
        ("Erik Larson, Anna Quindlen", ["Erik Larson", "Anna Quindlen"]),
        ("* Terry Pratchett\n* Neil Gaiman", ["Terry Pratchett", "Neil Gaiman"]),
        ("by Jane Austen", ["Jane Austen"]),
        ("Edited by Gardner Dozois", ["Gardner Dozois"]),
        ("Ann Brown, editor", ["Ann Brown"]),
        ("Jane Austen, jane austen", ["Jane Austen"]),
        ("< !--Alex Scarrow-- >", []),
        ("< br >", []),
        ("", []),
        ("?", []),
    ],
)
def test_authors(text: str, names: list[str] | None) -> None:
    separators = r" and |\u3001|\uff0c|\uff1b"
    expected = names if names is not None else re.split(separators, text)
    assert parse_names(text, kind="author") == expected


@pytest.mark.parametrize(
    ("kind", "text", "links", "names"),
    [
        ("author", "Gray and Field, Cy Hill", ["Gray and Field"], ["Gray and Field", "Cy Hill"]),
        ("author", "Hill, Cy and Ann Gray", ["Hill, Cy"], ["Hill, Cy", "Ann Gray"]),
        ("author", "Gray & Field", ["Gray & Field (duo)"], ["Gray & Field"]),
        ("genre", "Sword, sorcery", ["Sword, sorcery"], ["Sword, sorcery"]),
        (
            "country",
            "Realm of A and B, France",
            ["Realm of A and B"],
            ["Realm of A and B", "France"],
        ),
        ("country", "Paris, France", ["Paris, France"], ["Paris", "France"]),
    ],
)
def test_the_title_of_a_link_is_one_name(
    kind: str, text: str, links: list[str], names: list[str]
) -> None:
    assert parse_names(text, kind=kind, links=tuple(links)) == names


@pytest.mark.parametrize(
    ("text", "genres"),
    [
        ("Novel, Science fiction", ["Novel", "Science fiction"]),
        ("science fiction", ["Science fiction"]),
        ("Science Fiction", ["Science fiction"]),
        ("Non-Fiction", ["Non-fiction"]),
        ("Nonfiction", ["Non-fiction"]),
        ("Mystery novel / Whodunnit", ["Mystery novel", "Whodunnit"]),
        ("African American Novel", ["African American novel"]),
        ("Children's novel < !-- Wikipedia:WikiProject Novels -- >", ["Children's novel"]),
        ("(historical fiction)", ["Historical fiction"]),
        ("Fantasy.", ["Fantasy"]),
        ("Horror (gothic, dark), Romance", ["Horror", "Romance"]),
        ("< !--- GENRE --- >", []),
        ("N/A", []),
        ("tbd", []),
        ("Horror \N{EN DASH} Romance", ["Horror", "Romance"]),
        ("Novel [1]", ["Novel"]),
        ("Novel < ref > Gray 1999, p. 5 < /ref >, Satire < ref name=x / >", ["Novel", "Satire"]),
    ],
)
def test_genres(text: str, genres: list[str]) -> None:
    assert parse_names(text, kind="genre") == genres


@pytest.mark.parametrize(
    ("text", "countries"),
    [
        ("USA", ["United States"]),
        ("U.S.", ["United States"]),
        ("[USA]", ["United States"]),
        ("the United States", ["United States"]),
        ("United States of America", ["United States"]),
        ("United Kingdom, United States", ["United Kingdom", "United States"]),
        ("UK < br / > US", ["United Kingdom", "United States"]),
        ("United States (1951, first; Canada)", ["United States"]),
        ("England", ["England"]),
        ("united states", ["United States"]),
        ("Trinidad and Tobago", ["Trinidad and Tobago"]),
        ("France and Germany", ["France", "Germany"]),
        ("Antigua and Barbuda", ["Antigua and Barbuda"]),
        (
            "S\u00e3o Tom\u00e9 and Pr\u00edncipe and Cuba",
            ["S\u00e3o Tom\u00e9 and Pr\u00edncipe", "Cuba"],
        ),
        ("Saint Kitts and Nevis, Serbia and Montenegro", None),
        ("Saint Vincent and the Grenadines, Cuba", None),
        ("U.S.A & U.K", ["United States", "United Kingdom"]),
        ("U. S. S. R.", ["Soviet Union"]),
        ("The Netherlands", ["Netherlands"]),
        ("France - Italy", ["France", "Italy"]),
        ("United&nbsp;States", ["United States"]),
    ],
)
def test_countries(text: str, countries: list[str] | None) -> None:
    assert parse_names(text, kind="country") == (countries or text.split(", "))


@pytest.mark.parametrize(
    ("text", "languages"),
    [
        ("English", ["English"]),
        ("English language", ["English"]),
        ("english", ["English"]),
        ("English (American English)", ["English"]),
        ("German and English", ["German", "English"]),
        ("English with Latin texts", ["English", "Latin texts"]),
        ("fa", ["Persian"]),
        ("English, others", ["English"]),
    ],
)
def test_languages(text: str, languages: list[str]) -> None:
    assert parse_names(text, kind="language") == languages


@pytest.mark.parametrize(
    ("text", "publishers"),
    [
        ("Simon  &  Schuster", ["Simon & Schuster"]),
        ("Farrar, Straus and Giroux", ["Farrar, Straus and Giroux"]),
        ("Viking (UK) < br > Harmony (US)", ["Viking", "Harmony"]),
        ("(Baen)", ["Baen"]),
        ("House One (UK), House Two (US)", ["House One", "House Two"]),
        ("House One (UK) House Two (US)", ["House One", "House Two"]),
        ("TBA", []),
        ("Miyuki Books < ref > see Gold. < /ref > < br >  (self-published)", None),
    ],
)
def test_publishers(text: str, publishers: list[str] | None) -> None:
    expected = ["Miyuki Books", "self-published"] if publishers is None else publishers
    assert parse_names(text, kind="publisher") == expected


@pytest.mark.parametrize(
    ("text", "pages"),
    [
        ("318", 318),
        ("318 pp", 318),
        ("281pp", 281),
        ("318 pp.", 318),
        ("197 (Paperback)", 197),
        ("xiv, 448 pp", 448),
        ("xxii, 328 pages, 8 unnumbered pages of plates", 328),
        ("291 (Paperback)  < br/ >  304(Hardcover)", 291),
        ("approx 100 pages", 100),
        ("1,216 pp", 1_216),
        ("c.300", 300),
        ("p.192", 192),
        ("xii+270", 270),
        ("XII\N{EN DASH}324", 324),
        ("160 + 8 plates", 160),
        ("c.300 pp", 300),
        ("1 234 pp", 1_234),
        ("12,345", 12_345),
        ("304 < br > 328 (paperback)", 304),
        ("212 (first), 178 (revised)", 212),
        ("240 p.; 22 cm", 240),
        ("Hardcover: 512", 512),
        ("320 pages (2 volumes)", 320),
        ("572, in three volumes", 572),
        ("pp. 20-345", None),
        ("411+412", None),
        ("75\N{EN DASH}77 pp", None),
        ("4 volumes", None),
        ("12 vols", None),
        ("Volume 1: 300, volume 2: 280", None),
        ("2 vols. (300 pp, 280 pp)", None),
        ("10 books", None),
        ("8 leaves", None),
        ("2 v. (300, 200)", None),
        ("Book 1: 200 pages", None),
        ("300 to 350 pp", None),
        ("250+", 250),
        ("21 cm", None),
        ("14 chapters", None),
        ("MMXX", None),
        ("xlvii", None),
        ("ISBN 978 0 11 000000 1", None),
        ("500 copies", None),
        ("2nd edition", None),
        ("0", None),
        ("unpaged", None),
        ("0-679-43587-5", None),
        ("123456789", None),
        ("9" * 5_000, None),
        ("&#" + "9" * 5_000 + ";", None),
        ("< !-- First edition page count 320 -- >", None),
        ("", None),
    ],
)
def test_pages(text: str, pages: int | None) -> None:
    assert parse_pages(text) == pages


@pytest.mark.parametrize(
    ("text", "year"),
    [
        ("January 12, 1983", 1983),
        ("1929", 1929),
        ("1869 (serialised 1865)", 1869),
        ("1954-07-29", 1954),
        ("44 BCE", -44),
        ("8th century BC", None),
        ("3rd century", None),
        ("the 1920s", None),
        ("AD 1066", 1066),
        ("98 CE", 98),
        ("Printed in 1,500 copies, 1750", 1750),
        ("1200 copies (1901)", 1901),
        ("1603/1604", 1603),
        ("1999\N{EN DASH}2001", 1999),
        ("2nd ed. 1888", 1888),
        ("ISBN 1999-2000; 1987", 1987),
        ("MDCCC", None),
        ("42", None),
        ("c. 400 BC", -400),
        ("circa 731", 731),
        ("AD 98", 98),
        ("May 2018 < ref > x 1999 < /ref >", 2018),
        ("12 May", None),
        ("30120", None),
        ("", None),
    ],
)
def test_years(text: str, year: int | None) -> None:
    assert parse_year(text) == year


def test_the_singular_is_the_first_of_the_plural_and_unknown_ones_are_absent() -> None:
    fields = parse_fields({"Genre": "Novel, Satire", "release date": "1951", "country": ""})
    assert fields == {"genre": "Novel", "genres": ["Novel", "Satire"], "year": 1951}
    assert set(fields) <= set(FIELD_PROPERTIES)


def test_each_value_says_where_it_comes_from() -> None:
    readings = explain_fields({"Release_date": "x", "pub date": "May 1990", "pages": "2 vols"})
    assert [(one.name, one.value, one.parameter, one.rule) for one in readings] == [
        ("year", 1990, "pub date", "the first year from 1000 to 2099"),
        ("pages", None, "pages", "several volumes or numbers"),
    ]


def test_plural_keys_and_later_dates_stand_in() -> None:
    assert parse_fields({"authors": "A, B", "release_date": "unknown", "pub_date": "1990"}) == {
        "author": "A",
        "authors": ["A", "B"],
        "year": 1990,
    }


@given(st.dictionaries(st.sampled_from(["author", "genre", "country", "pages", "date"]), st.text()))
def test_no_infobox_raises_and_values_are_clean(infobox: dict[str, str]) -> None:
    fields = parse_fields(infobox)
    assert set(fields) <= set(FIELD_PROPERTIES)
    for value in fields.values():
        for name in value if isinstance(value, list) else [value]:
            assert name == (name.strip() if isinstance(name, str) else name)
            assert name not in ("", None)


@given(st.text())
def test_parsing_a_name_again_changes_nothing_for_single_names(text: str) -> None:
    for kind in ("genre", "country", "language"):
        for name in parse_names(text, kind=kind):
            assert parse_names(name, kind=kind)[:1] in ([name], [])


@pytest.fixture(scope="module")
def published(shared_data: Path) -> list[dict[str, str]]:
    with gzip.open(shared_data / "seed_books.tsv.gz", "rt", encoding="utf-8") as file:
        names = file.readline().rstrip("\n").split("\t")
        return [dict(zip(names, line.rstrip("\n").split("\t"), strict=True)) for line in file]


def test_the_commonest_raw_values_are_the_published_ones(published: list[dict[str, str]]) -> None:
    assert len(published) == 37_020
    genres = Counter(row["genre"] for row in published if row["genre"])
    countries = Counter(row["country"] for row in published if row["country"])
    assert genres.most_common(10) == [
        ("Science fiction", 2_051),
        ("Novel", 1_535),
        ("Non-fiction", 1_067),
        ("Fantasy", 961),
        ("Fantasy novel", 770),
        ("Science fiction novel", 564),
        ("Historical novel", 548),
        ("Fiction", 546),
        ("Crime novel", 378),
        ("Children's novel", 306),
    ]
    assert countries.most_common(10) == [
        ("United States", 16_247),
        ("United Kingdom", 5_583),
        ("Australia", 1_188),
        ("France", 898),
        ("India", 580),
        ("Canada", 532),
        ("England", 450),
        ("Germany", 354),
        ("Sweden", 256),
        ("USA", 222),
    ]


@pytest.mark.slow
def test_cleaning_makes_more_published_values_usable(published: list[dict[str, str]]) -> None:
    cleaned: list[dict[str, Any]] = [parse_fields(row) for row in published]
    genres = Counter(name for fields in cleaned for name in fields.get("genres", ()))
    countries = Counter(name for fields in cleaned for name in fields.get("countries", ()))
    assert genres["Science fiction"] > 2_051 * 1.3
    assert countries["United States"] > 16_247 * 1.04
    for variant in ("USA", "U.S.", "US", "United States of America"):
        assert variant not in countries
    assert "Science Fiction" not in genres
    # A plain number before cleaning, and after it.
    num_plain = sum(row["pages"].isdecimal() for row in published)
    num_pages = sum("pages" in fields for fields in cleaned)
    num_filled = sum(bool(row["pages"]) for row in published)
    assert num_plain < 0.65 * num_filled
    # What is left out are volumes, ranges and sums, which an earlier version guessed from.
    assert num_pages > 0.994 * num_filled
    for name in ("author", "genre", "country", "language", "publisher"):
        num_filled = sum(bool(row[name]) for row in published)
        num_usable = sum(name in fields for fields in cleaned)
        assert num_usable > 0.995 * num_filled, name
