"""NDJSON: good lines become records, every bad one is counted with its reason, none is fatal."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookgraph.core.names import MAX_TITLE_BYTES, is_page_title
from bookgraph.core.types import BookRecord
from bookgraph.ingest import BadRecord
from bookgraph.ingest.read import ndjson
from bookgraph.ingest.read.ndjson import format_line, iter_ndjson, parse_line

_GOOD = ["Dune", {"author": "Frank Herbert"}, ["Arrakis", "Arrakis"], ["http://x"], "2018", 9]


_NO_TEXT = "a field is neither a text, a number nor a list of these"
_NO_RECORD = "neither an array of six values nor an object with a title"


def _ignore(_: BadRecord) -> None:
    pass


def _line(**changes: object) -> bytes:
    names = ("title", "infobox", "wikilinks", "external_links", "edited_at", "length")
    values = dict(zip(names, _GOOD, strict=True)) | changes
    return json.dumps([values[name] for name in names]).encode() + b"\n"


def _read(data: bytes) -> tuple[list[BookRecord], list[BadRecord]]:
    bad: list[BadRecord] = []
    records = list(iter_ndjson(io.BytesIO(data), source="some.ndjson", on_bad=bad.append))
    return records, bad


def test_a_line_becomes_a_record_with_repeats_and_order_kept() -> None:
    records, bad = _read(_line())
    assert records == [
        BookRecord(
            "Dune",
            {"author": "Frank Herbert"},
            ("Arrakis", "Arrakis"),
            ("http://x",),
            edited_at="2018",
            length=9,
        )
    ]
    assert bad == []


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{\n", "not JSON"),
        (b"[1, 2\n", "not JSON"),
        (b"Dune\n", "not JSON"),
        (b"[" * 100_000 + b"\n", "not JSON"),
        # Python refuses to read whole numbers of more than 4,300 digits.
        (b'["Dune", {}, [], [], "", ' + b"1" * 5_000 + b"]\n", "not JSON"),
        (b"\xff\xfe[]\n", "not UTF-8"),
        (_line()[:12] + b"\xc3\x28" + _line()[12:], "not UTF-8"),
        (b"{}\n", _NO_RECORD),
        (b"null\n", _NO_RECORD),
        (b"[]\n", _NO_RECORD),
        (
            b'["Dune", {}, [], [], ""]\n',
            _NO_RECORD,
        ),
        (
            b'["Dune", {}, [], [], "", 1, 2]\n',
            _NO_RECORD,
        ),
        (_line(title=1), "the title is not a text of 1 to 255 bytes"),
        (_line(title="é" * 128), "the title is not a text of 1 to 255 bytes"),
        (_line(title="_"), "the title is not a text of 1 to 255 bytes"),
        (_line(title=" \t"), "the title is not a text of 1 to 255 bytes"),
        (_line(title="x" * 256), "the title is not a text of 1 to 255 bytes"),
        (_line(infobox=[]), "the infobox is not an object of texts"),
        (_line(infobox={"pages": 318}), "the infobox is not an object of texts"),
        (_line(infobox=None), "the infobox is not an object of texts"),
        (b'{"title": "Dune", "author": {"first": "A"}}\n', _NO_TEXT),
        (b'{"title": "Dune", "author": [["A"]]}\n', _NO_TEXT),
        (b'{"title": 5, "author": "A"}\n', "the title is not a text of 1 to 255 bytes"),
        (b'{"title": "Dune", "links": "A"}\n', "the wikilinks are not a list of texts"),
        (b'{"title": "Dune", "links": [{"count": 2}]}\n', "the wikilinks are not a list of texts"),
        (_line(wikilinks="Dune"), "the wikilinks are not a list of texts"),
        (_line(wikilinks=["Dune", None]), "the wikilinks are not a list of texts"),
        (_line(external_links={}), "the external links are not a list of texts"),
        (_line(external_links=[1]), "the external links are not a list of texts"),
        (_line(edited_at=2018), "the time is not a text"),
        (_line(length="9"), "the length is not a whole number from 0"),
        (_line(length=True), "the length is not a whole number from 0"),
        (_line(length=-1), "the length is not a whole number from 0"),
        (_line(length=1.5), "the length is not a whole number from 0"),
        (_line(length=2**63), "the length is not a whole number from 0"),
        (_line(title="\ud800"), "a lone surrogate in a text"),
        (_line(infobox={"\udfff": "x"}), "a lone surrogate in a text"),
        (_line(wikilinks=["ok", "\udc00"]), "a lone surrogate in a text"),
    ],
)
def test_each_bad_line_has_its_reason_and_reading_goes_on(line: bytes, reason: str) -> None:
    records, bad = _read(_line() + line + _line(title="Emma"))
    assert [record.title for record in records] == ["Dune", "Emma"]
    assert [(item.source, item.position, item.reason) for item in bad] == [
        ("some.ndjson", 2, reason)
    ]
    assert len(bad[0].example) <= 4 * 80


def test_the_limits_themselves_are_good() -> None:
    records, bad = _read(
        _line(title="x" * MAX_TITLE_BYTES) + _line(length=0) + _line(length=2**63 - 1)
    )
    assert len(records) == 3
    assert bad == []


def test_a_surrogate_pair_is_one_character_and_fine() -> None:
    records, bad = _read(_line(title="\U0001f4d6 Book"))
    assert b"\\ud83d\\udcd6" in _line(title="\U0001f4d6 Book")
    assert records[0].title == "\U0001f4d6 Book"
    assert bad == []


def test_bom_crlf_blank_lines_and_a_missing_last_line_end_are_no_harm() -> None:
    data = b"\xef\xbb\xbf" + _line().replace(b"\n", b"\r\n") + b"\r\n  \n\n" + _line()[:-1]
    records, bad = _read(data)
    assert [record.title for record in records] == ["Dune", "Dune"]
    assert bad == []


def test_blank_lines_count_as_positions() -> None:
    _, bad = _read(b"\n\n" + _line() + b"oops\n")
    assert [item.position for item in bad] == [4]


def test_an_overlong_line_is_passed_over_without_being_held(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ndjson, "MAX_LINE_BYTES", 2**20)
    data = _line() + b"x" * (3 * 2**20 + 5) + b"\n" + _line(title="Emma")
    records, bad = _read(data)
    assert [record.title for record in records] == ["Dune", "Emma"]
    assert [(item.position, item.reason) for item in bad] == [(2, "longer than 1 MiB")]


def test_an_overlong_last_line_without_an_end_is_one_bad_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ndjson, "MAX_LINE_BYTES", 2**20)
    records, bad = _read(b"x" * (2 * 2**20))
    assert records == []
    assert [item.position for item in bad] == [1]


def test_reading_is_lazy() -> None:
    stream = io.BytesIO(_line() * 1000)
    next(iter_ndjson(stream, source="some.ndjson", on_bad=_ignore))
    assert stream.tell() == len(_line())


def test_parse_line_raises_a_value_error_with_the_reason() -> None:
    with pytest.raises(ValueError, match=r"not JSON"):
        parse_line(b"oops")


@given(st.binary(max_size=300))
def test_no_bytes_raise_and_each_line_is_a_record_or_counted(data: bytes) -> None:
    records, bad = _read(data)
    num_lines = sum(bool(line.strip()) for line in data.split(b"\n"))
    assert len(records) + len(bad) == num_lines


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=7) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=12,
)


@given(st.lists(_JSON, min_size=1, max_size=4))
def test_no_json_raises_and_each_line_is_a_record_or_counted(values: list[object]) -> None:
    records, bad = _read(b"".join(json.dumps(value).encode() + b"\n" for value in values))
    assert len(records) + len(bad) == len(values)


_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(
    record=st.builds(
        BookRecord,
        title=_TEXT.filter(is_page_title),
        infobox=st.dictionaries(_TEXT, _TEXT, max_size=3),
        wikilinks=st.lists(_TEXT, max_size=4).map(tuple),
        external_links=st.lists(_TEXT, max_size=2).map(tuple),
        edited_at=_TEXT,
        length=st.integers(0, 2**63 - 1),
    ),
    is_ascii=st.booleans(),
)
def test_every_record_survives_the_round_trip(record: BookRecord, *, is_ascii: bool) -> None:
    values = [
        record.title,
        record.infobox,
        record.wikilinks,
        record.external_links,
        record.edited_at,
        record.length,
    ]
    line = json.dumps(values, ensure_ascii=is_ascii).encode() + b"\n"
    assert _read(line) == ([record], [])
    assert _read(format_line(record)) == ([record], [])


def test_the_published_file_has_1413_records_and_no_bad_line(shared_data: Path) -> None:
    records, bad = _read((shared_data / "books_p15.ndjson").read_bytes())
    assert len(records) == len({record.title for record in records}) == 1_413
    assert sum(len(record.external_links) for record in records) == 4_175
    assert bad == []
