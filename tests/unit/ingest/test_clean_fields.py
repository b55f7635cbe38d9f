"""Infobox fields: a table of what real books have there, and the published fields as a whole."""

from __future__ import annotations

import gzip
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookgraph.ingest.clean.fields import (
    FIELD_PROPERTIES,
    parse_fields,
    parse_names,
    parse_pages,
    parse_year,
)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Frank Herbert", ["Frank Herbert"]),
        ("Don Piper < br > Cecil Murphey", ["Don Piper", "Cecil Murphey"]),
        ("Frederik Pohl\n Jack Williamson", ["Frederik Pohl", "Jack Williamson"]),
        ("Israel Finkelstein and Neil Asher Silberman", None),
        ("L. Frank Baum < br > (as Edith Van Dyne)", ["L. Frank Baum", "as Edith Van Dyne"]),
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
    expected = names if names is not None else text.split(" and ")
    assert parse_names(text, kind="author") == expected


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
        ("United&nbsp;States", ["United States"]),
    ],
)
def test_countries(text: str, countries: list[str]) -> None:
    assert parse_names(text, kind="country") == countries


@pytest.mark.parametrize(
    ("text", "languages"),
    [
        ("English", ["English"]),
        ("English language", ["English"]),
        ("english", ["English"]),
        ("English (American English)", ["English"]),
        ("German and English", ["German", "English"]),
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
        ("0", None),
        ("unpaged", None),
        ("0-679-43587-5", None),
        ("123456789", None),
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
        ("8th century BC", -750),
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
    assert num_pages > 0.997 * num_filled
    for name in ("author", "genre", "country", "language", "publisher"):
        num_filled = sum(bool(row[name]) for row in published)
        num_usable = sum(name in fields for fields in cleaned)
        assert num_usable > 0.995 * num_filled, name
