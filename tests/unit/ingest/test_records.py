"""`iter_records`: any file is told apart by its content; what cannot be read is said clearly."""

from __future__ import annotations

import bz2
import gzip
import json
import logging
import lzma
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from bookgraph.core.errors import InputError
from bookgraph.ingest import BadRecord, iter_records

Compress = Callable[[bytes], bytes]

ROOT = Path(__file__).resolve().parents[3]

_LINES = b"".join(
    json.dumps([title, {}, ["Novel"], [], "2018-09-01T00:00:00Z", 5]).encode() + b"\n"
    for title in ("Dune", "Emma")
)
_DUMP = (
    b"<mediawiki><page><title>Dune</title><revision><text>{{Infobox book|name=Dune}} [[Novel]]"
    b"</text></revision></page></mediawiki>"
)


def _ignore(_: BadRecord) -> None:
    pass


def _titles(path: Path) -> list[str]:
    return [record.title for record in iter_records(path)]


def _plain(data: bytes) -> bytes:
    return data


_COMPRESS = [_plain, gzip.compress, bz2.compress, lzma.compress, zstandard.compress]


@pytest.mark.parametrize("compress", _COMPRESS)
def test_the_form_is_told_by_content_not_by_name(tmp_path: Path, compress: Compress) -> None:
    path = tmp_path / "misleading.txt"
    path.write_bytes(compress(_LINES))
    assert _titles(path) == ["Dune", "Emma"]
    path.write_bytes(compress(_DUMP))
    assert _titles(path) == ["Dune"]


@pytest.mark.parametrize(
    "before", [b"", b"\xef\xbb\xbf", b"\n\n  ", b"\xef\xbb\xbf\r\n", b'<?xml version="1.0"?>\n']
)
def test_what_stands_before_a_dump_is_no_harm(tmp_path: Path, before: bytes) -> None:
    path = tmp_path / "dump.xml"
    path.write_bytes(before + _DUMP)
    assert _titles(path) == ["Dune"]


def test_two_compressed_streams_one_after_the_other_are_one_file(tmp_path: Path) -> None:
    path = tmp_path / "books"
    first, second = _LINES.splitlines(keepends=True)
    path.write_bytes(bz2.compress(first) + bz2.compress(second))
    assert _titles(path) == ["Dune", "Emma"]
    for compress in _COMPRESS:
        path.write_bytes(compress(first) + compress(second))
        assert _titles(path) == ["Dune", "Emma"]


def test_a_path_may_be_a_text(tmp_path: Path) -> None:
    path = tmp_path / "books"
    path.write_bytes(_LINES)
    assert [record.title for record in iter_records(str(path))] == ["Dune", "Emma"]


def test_nothing_is_opened_before_the_first_record_is_asked_for(tmp_path: Path) -> None:
    records = iter_records(tmp_path / "no-such-file")
    with pytest.raises(InputError, match=r"File not found: .*no-such-file"):
        next(records)


def test_a_folder_is_named_as_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"is a folder. Name the files inside it"):
        _titles(tmp_path)


@pytest.mark.parametrize("data", [b"", b"\n \n", b"\xef\xbb\xbf", bz2.compress(b"")])
def test_an_empty_file_is_said_to_be_empty(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "empty"
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"empty is empty. Give a file of book records"):
        _titles(path)


@pytest.mark.parametrize(
    "data",
    [
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(256)),
        b"\x7fELF\x02\x01\x01\0\n\n",
        '["Dune"]\n'.encode("utf-16"),
        bytes(5_000),
    ],
)
def test_a_binary_file_is_neither_records_nor_a_dump(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "binary"
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"is neither book records nor a MediaWiki XML dump"):
        _titles(path)


def test_a_text_that_holds_no_record_gives_bad_lines_only(tmp_path: Path) -> None:
    path = tmp_path / "prose.txt"
    path.write_text("It was the best of times.\nIt was the worst of times.\n")
    bad: list[BadRecord] = []
    assert list(iter_records(path, on_bad=bad.append)) == []
    assert [item.reason for item in bad] == ["not JSON", "not JSON"]


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress])
@pytest.mark.parametrize("share", [0.2, 0.6, 0.99])
def test_a_cut_compressed_file_says_so(tmp_path: Path, compress: Compress, share: float) -> None:
    path = tmp_path / "cut"
    data = compress(os.urandom(20_000).hex().encode() + b"\n" + _LINES)
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(InputError, match=r"cut ends inside its compressed data: the file is cut"):
        list(iter_records(path, on_bad=_ignore))


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress])
def test_a_damaged_compressed_file_says_so(tmp_path: Path, compress: Compress) -> None:
    path = tmp_path / "damaged"
    # More than one bzip2 block, of which the last is damaged: the sum is checked at a block's end.
    data = bytearray(compress(_LINES + os.urandom(500_000).hex().encode() + b"\n"))
    data[int(len(data) * 0.97)] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"damaged is damaged.*Fetch it again"):
        list(iter_records(path, on_bad=_ignore))


def test_a_bad_record_is_logged_when_nobody_else_listens(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "books"
    path.write_bytes(_LINES + b"oops\n")
    with caplog.at_level(logging.WARNING):
        assert _titles(path) == ["Dune", "Emma"]
    assert f"{path}, record 3: not JSON" in caplog.text


@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX's here")
def test_a_file_without_permission_says_so(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_bytes(_LINES)
    path.chmod(0)
    code = (
        "import os, sys\n"
        "from bookgraph.ingest import iter_records\n"
        "os.getuid() or os.setuid(65534)\n"  # root reads everything, so it must not be root
        f"list(iter_records({str(path)!r}))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert "InputError" in done.stderr
    assert "secret was denied. Check its mode." in done.stderr


@pytest.mark.parametrize("compress", _COMPRESS)
@pytest.mark.parametrize("data", [_LINES, _DUMP + b" " * 3_000_000], ids=["records", "dump"])
def test_a_pipe_is_read_once(tmp_path: Path, compress: Compress, data: bytes) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    packed = compress(data)
    with subprocess.Popen([sys.executable, "-c", _FEED, pipe], stdin=subprocess.PIPE) as feeder:
        assert feeder.stdin is not None
        feeder.stdin.write(packed)
        feeder.stdin.close()
        titles = _titles(pipe)
    assert titles == (["Dune", "Emma"] if data is _LINES else ["Dune"])


_FEED = "import sys; data = sys.stdin.buffer.read(); open(sys.argv[1], 'wb').write(data)"


@pytest.mark.parametrize("compress", _COMPRESS[1:])
def test_a_compressed_file_that_is_cut_says_so(tmp_path: Path, compress: Compress) -> None:
    path = tmp_path / "cut"
    packed = compress(os.urandom(100_000).hex().encode() + b"\n" + _LINES)
    for length in (len(packed) // 2, len(packed) - 6):
        path.write_bytes(packed[:length])
        with pytest.raises(InputError, match=r"ends inside its compressed data: the file is cut"):
            list(iter_records(path, on_bad=_ignore))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"PK\x03\x04rest", "is a zip archive. Unpack it first"),
        (b"7z\xbc\xaf\x27\x1crest", "is a 7z archive"),
        (b"x" * 257 + b"ustar", "is a tar archive"),
        (b"PAR1rest", "is a Parquet file"),
        (b"<!DOCTYPE html><html>busy", "is a web page, perhaps the error page"),
        (b"\n<HTML><body>", "is a web page"),
    ],
)
def test_what_cannot_be_read_says_what_to_do(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)
    with pytest.raises(InputError, match=message):
        list(iter_records(path))


_TITLES = ("Dune", "Emma")
_RECORD = {"title": "Dune", "author": ["A", "B"], "year": 1965, "links": ["Novel"]}


@pytest.mark.parametrize(
    "text",
    [
        json.dumps([_RECORD, {**_RECORD, "title": "Emma"}]),
        json.dumps([_RECORD, {**_RECORD, "title": "Emma"}], indent=2),
        json.dumps(_RECORD, indent=4) + "\n" + json.dumps({**_RECORD, "title": "Emma"}, indent=1),
        json.dumps(_RECORD) + "\n" + json.dumps({**_RECORD, "title": "Emma"}) + "\n",
        "\ufeff[\n"
        + json.dumps(_RECORD)
        + ",\n"
        + json.dumps({**_RECORD, "title": "Emma"})
        + "\n]",
        json.dumps([json.loads(line) for line in _LINES.splitlines()]),
    ],
)
def test_records_may_be_objects_or_one_array(tmp_path: Path, text: str) -> None:
    path = tmp_path / "books.json"
    path.write_text(text, "utf-8")
    records = list(iter_records(path))
    assert [record.title for record in records] == ["Dune", "Emma"]
    assert records[0].wikilinks == ("Novel",)
    if "author" in text:
        assert records[0].infobox == {"author": "A\nB", "pub_date": "1965"}


def test_what_preview_prints_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "books.json"
    links = [{"name": "novel", "title": "Novel", "kind": "article", "count": 2}]
    path.write_text(json.dumps({**_RECORD, "year": None, "links": links}), "utf-8")
    (record,) = iter_records(path)
    assert record.wikilinks == ("Novel", "Novel")
    assert record.infobox == {"author": "A\nB"}


def test_bad_values_of_a_document_are_counted_and_a_cut_is_named(tmp_path: Path) -> None:
    path = tmp_path / "books.json"
    bad: list[BadRecord] = []
    path.write_text(json.dumps([_RECORD, {"name": "x"}, 5, {**_RECORD, "title": "Emma"}]), "utf-8")
    titles = [record.title for record in iter_records(path, on_bad=bad.append)]
    assert titles == ["Dune", "Emma"]
    reason = "neither an array of six values nor an object with a title"
    assert [(one.position, one.reason) for one in bad] == [(2, reason), (3, reason)]
    bad.clear()
    path.write_text(json.dumps([_RECORD, _RECORD])[:-20], "utf-8")
    assert [record.title for record in iter_records(path, on_bad=bad.append)] == ["Dune"]
    assert [(one.position, one.reason) for one in bad] == [(2, "not JSON")]


def test_a_large_document_is_read_piece_by_piece(tmp_path: Path) -> None:
    path = tmp_path / "books.json"
    books = [{"title": f"Book {n}", "links": ["x" * 200] * 10} for n in range(2_000)]
    path.write_text(json.dumps(books, indent=1), "utf-8")
    assert _titles(path) == [f"Book {n}" for n in range(2_000)]
