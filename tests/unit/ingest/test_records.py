"""`iter_records`: any file is told apart by its content; what cannot be read is said clearly."""

from __future__ import annotations

import bz2
import gzip
import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

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


@pytest.mark.parametrize("compress", [_plain, gzip.compress, bz2.compress])
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
    path.write_bytes(gzip.compress(first) + gzip.compress(second))
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
    with pytest.raises(
        InputError, match=r"is neither NDJSON book records nor a MediaWiki XML dump"
    ):
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
