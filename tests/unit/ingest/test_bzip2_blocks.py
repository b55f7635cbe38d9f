"""bzip2 in parallel: any ranges of any file give together what the standard library gives."""

from __future__ import annotations

import bz2
import random
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bookgraph.core.errors import InputError
from bookgraph.ingest.bzip2 import blocks as bzip2
from bookgraph.ingest.bzip2.blocks import find_marks, iter_blocks

_MARK = 0x314159265359


# Loading and, on the first run, compiling takes seconds.
_COMPILED = pytest.param(True, id="compiled", marks=pytest.mark.slow)
both_ways = pytest.mark.parametrize("is_compiled", [pytest.param(False, id="library"), _COMPILED])


def _read(path: Path, borders: list[int], *, is_compiled: bool) -> bytes:
    edges = [0, *sorted(borders), path.stat().st_size]
    return b"".join(
        block
        for start, end in pairwise(edges)
        for block in iter_blocks(path, start, end, is_compiled=is_compiled)
    )


def _text(num_bytes: int, seed: int = 0) -> bytes:
    """Compressible and without repeats that would make one block of it all."""
    generator = random.Random(seed)
    words = [generator.randbytes(generator.randint(1, 6)).hex() for _ in range(2_000)]
    return " ".join(generator.choices(words, k=num_bytes // 8)).encode()


_TEXT = _text(700_000)
# Level 1 gives blocks of 100 kB, so that small files have many.
_STREAM = bz2.compress(_TEXT, 1)


@pytest.fixture
def single(tmp_path: Path) -> Path:
    path = tmp_path / "single.bz2"
    path.write_bytes(_STREAM)
    return path


@given(st.binary(max_size=40), st.integers(0, 7), st.binary(max_size=20))
def test_a_mark_is_found_at_any_bit(before: bytes, shift: int, after: bytes) -> None:
    head, tail = int.from_bytes(before + b"\0", "big") >> (8 - shift), after + b"\0"
    num_bits = len(before) * 8 + shift
    value = (head & ((1 << num_bits) - 1) if num_bits else 0) << 48 | _MARK
    value = (value << len(tail) * 8 | int.from_bytes(tail, "big")) << (-num_bits % 8)
    data = value.to_bytes((num_bits + 48 + 7) // 8 + len(tail), "big")
    assert num_bits in find_marks(data, _MARK)
    assert num_bits in find_marks(data, _MARK, start=num_bits // 8)
    assert num_bits not in find_marks(data, _MARK, start=num_bits // 8 + 1)
    assert num_bits not in find_marks(data, _MARK, end=num_bits // 8 + 5)


@given(st.binary(max_size=60))
def test_marks_are_those_that_a_look_at_every_bit_finds(data: bytes) -> None:
    mark = int.from_bytes(data[3:9].ljust(6, b"\1"), "big")
    value, size = int.from_bytes(data, "big"), len(data) * 8
    slow = [bit for bit in range(size - 47) if (value >> (size - 48 - bit)) & (2**48 - 1) == mark]
    assert find_marks(data, mark) == slow


@both_ways
def test_the_blocks_of_one_stream(single: Path, *, is_compiled: bool) -> None:
    blocks = list(iter_blocks(single, 0, len(_STREAM), is_compiled=is_compiled))
    assert len(blocks) == len(find_marks(_STREAM, _MARK)) == 7
    assert b"".join(blocks) == _TEXT


@both_ways
@settings(deadline=None, max_examples=30)
@given(borders=st.lists(st.integers(0, len(_STREAM)), max_size=12))
def test_any_ranges_of_one_stream_give_all_of_it_once(
    tmp_path_factory: pytest.TempPathFactory, borders: list[int], *, is_compiled: bool
) -> None:
    path = tmp_path_factory.getbasetemp() / "ranges.bz2"
    path.write_bytes(_STREAM)
    assert _read(path, borders, is_compiled=is_compiled) == _TEXT


@both_ways
def test_a_border_at_every_byte_around_a_block_start(single: Path, *, is_compiled: bool) -> None:
    marks = find_marks(_STREAM, _MARK)
    for border in range(marks[3] // 8 - 2, marks[3] // 8 + 10):
        assert _read(single, [border], is_compiled=is_compiled) == _TEXT


@both_ways
@pytest.mark.parametrize("level", [1, 5, 9])
def test_many_streams_with_empty_ones_between_and_junk_behind(
    tmp_path: Path, level: int, *, is_compiled: bool
) -> None:
    texts = [_text(250_000, seed) for seed in range(4)]
    empty = bz2.compress(b"")
    data = b"".join(bz2.compress(text, level) + empty * (row % 3) for row, text in enumerate(texts))
    path = tmp_path / "many.bz2"
    for end in (b"", empty, b"\0" * 5_000):
        path.write_bytes(data + end)
        expected = b"".join(texts)
        assert _read(path, [], is_compiled=is_compiled) == expected
        assert (
            _read(path, list(range(1_000, len(data), 9_973)), is_compiled=is_compiled) == expected
        )


@both_ways
def test_streams_of_one_short_block_each(tmp_path: Path, *, is_compiled: bool) -> None:
    texts = [f"<page>{number}</page>\n".encode() for number in range(300)]
    path = tmp_path / "short.bz2"
    path.write_bytes(b"".join(map(bz2.compress, texts)))
    size = path.stat().st_size
    assert _read(path, [], is_compiled=is_compiled) == b"".join(texts)
    assert _read(path, list(range(0, size, 61)), is_compiled=is_compiled) == b"".join(texts)


@both_ways
def test_an_empty_stream_has_no_blocks(tmp_path: Path, *, is_compiled: bool) -> None:
    path = tmp_path / "empty.bz2"
    path.write_bytes(bz2.compress(b""))
    assert _read(path, [], is_compiled=is_compiled) == b""


def test_what_only_looks_like_a_mark_ends_no_block(
    single: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find_more(data: bytes, mark: int, *, start: int = 0, end: int | None = None) -> list[int]:
        found = find_marks(data, mark, start=start, end=end)
        if mark == _MARK and start == 0:
            found = sorted([*found, *(bit + 4_321 for bit in found)])
        return found

    monkeypatch.setattr(bzip2, "find_marks", find_more)
    assert next(iter_blocks(single, 0, len(_STREAM))) == _TEXT[:99_981]


@pytest.mark.slow
def test_without_numba_the_standard_library_reads_the_same(
    single: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = list(iter_blocks(single, 0, len(_STREAM), is_compiled=True))
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "numba", None)
        for name in ("decoder", "symbols", "transform"):
            patch.delitem(sys.modules, f"bookgraph.ingest.bzip2.{name}")
        found = list(iter_blocks(single, 0, len(_STREAM), is_compiled=True))
    assert found == expected


@both_ways
def test_a_cut_file_says_so_and_gives_what_is_whole(single: Path, *, is_compiled: bool) -> None:
    marks = find_marks(_STREAM, _MARK)
    for cut in (len(_STREAM) - 5, len(_STREAM) // 2, marks[2] // 8 + 20):
        single.write_bytes(_STREAM[:cut])
        blocks: list[bytes] = []
        with pytest.raises(InputError, match=r"single.bz2 ends inside .*the file is cut"):
            blocks.extend(iter_blocks(single, 0, cut, is_compiled=is_compiled))
        whole: list[bytes] = []
        for border in range(0, cut, 10_000):
            try:
                whole.extend(
                    iter_blocks(single, border, min(border + 10_000, cut), is_compiled=is_compiled)
                )
            except InputError:
                assert border + 10_000 + 100_000 > cut
                break
        assert _TEXT.startswith(b"".join(whole))


@both_ways
def test_a_damaged_block_says_where(single: Path, *, is_compiled: bool) -> None:
    marks = find_marks(_STREAM, _MARK)
    data = bytearray(_STREAM)
    data[(marks[2] + marks[3]) // 16] ^= 0x10
    single.write_bytes(data)
    with pytest.raises(InputError, match=rf"is damaged: the bzip2 block at byte {marks[2] // 8:,}"):
        _read(single, [], is_compiled=is_compiled)
    # The blocks before it are still to be had.
    assert _TEXT.startswith(
        b"".join(iter_blocks(single, 0, marks[1] // 8 + 1, is_compiled=is_compiled))
    )


@both_ways
def test_a_damaged_mark_is_noticed(single: Path, *, is_compiled: bool) -> None:
    marks = find_marks(_STREAM, _MARK)
    data = bytearray(_STREAM)
    data[marks[3] // 8 + 2] ^= 0xFF
    single.write_bytes(data)
    with pytest.raises(InputError, match="is damaged"):
        _read(single, [], is_compiled=is_compiled)


@both_ways
@settings(deadline=None, max_examples=60)
@given(where=st.integers(0, len(_STREAM) - 1), junk=st.binary(min_size=1, max_size=8))
def test_any_damage_is_noticed_or_harmless(
    tmp_path_factory: pytest.TempPathFactory, where: int, junk: bytes, *, is_compiled: bool
) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged.bz2"
    path.write_bytes(_STREAM[:where] + junk + _STREAM[where + len(junk) :])
    try:
        text = _read(path, [len(_STREAM) // 3], is_compiled=is_compiled)
    except InputError:
        return
    # Only the stream's header, its own sum and its padding may differ; each block has its sum.
    assert text == _TEXT
