"""The compiled decoder alone: what the standard library gives, or a refusal, and never a crash."""

from __future__ import annotations

import bz2
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bookgraph.ingest.bzip2 import blocks as bzip2
from bookgraph.ingest.bzip2.blocks import find_marks, iter_blocks
from bookgraph.ingest.bzip2.decoder import BlockDecoder, borrowed_decoder, to_words
from bookgraph.ingest.bzip2.transform import STRIDE

# Loading and, on the first run, compiling takes seconds.
pytestmark = pytest.mark.slow

_MARK = 0x314159265359


def _decode(stream: bytes) -> bytes | None:
    """All blocks of a stream by the compiled code alone, or None where it refuses one."""
    words, texts = to_words(stream), []
    with borrowed_decoder() as decoder:
        for mark in find_marks(stream, _MARK):
            decoded = decoder.decode(words, mark)
            if decoded is None:
                return None
            texts.append(decoded[0])
    return b"".join(texts)


@pytest.fixture
def _only_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, start: int, end: int) -> Iterator[bytes]:
        raise AssertionError(f"{path} is left to the standard library from byte {start} to {end}")

    monkeypatch.setattr(bzip2, "_iter_checked", refuse)


@pytest.mark.usefixtures("_only_compiled")
@pytest.mark.parametrize("num_streams", [1, 3])
def test_sound_files_are_never_left_to_the_standard_library(
    tmp_path: Path, num_streams: int
) -> None:
    text = b" ".join(b"%d" % (number * number) for number in range(60_000))
    path = tmp_path / "sound.bz2"
    path.write_bytes(bz2.compress(text, 1) * num_streams)
    size = path.stat().st_size
    middle = size // 2
    blocks = [*iter_blocks(path, 0, middle, is_compiled=True)]
    blocks += iter_blocks(path, middle, size, is_compiled=True)
    assert b"".join(blocks) == text * num_streams
    assert len(blocks) > num_streams


@pytest.mark.parametrize(
    "text",
    [
        b"x",
        b"abab" * 1_000,
        bytes(range(256)) * 50,
        b"aaaa" + b"b" * 3 + b"c" * 259 + b"d" * 260 + b"e" * 2_000,
        # One symbol only, and runs that a block folds to a fiftieth.
        b"\0" * 10_000_000,
        random.Random(1).randbytes(300_000),
        ("Träume und Ängste, 戦争と平和. " * 9_000).encode(),
    ],
    ids=["one byte", "two", "all bytes", "runs", "zeros", "noise", "text"],
)
def test_texts_of_all_kinds(text: bytes) -> None:
    for level in (1, 9):
        assert _decode(bz2.compress(text, level)) == text


@settings(deadline=None)
@given(text=st.binary(min_size=1, max_size=3_000), repeats=st.integers(1, 200))
def test_any_bytes(text: bytes, repeats: int) -> None:
    assert _decode(bz2.compress(text * repeats, 1)) == text * repeats


_STREAM = bz2.compress(
    " ".join(map(str, random.Random(2).choices(range(5_000), k=40_000))).encode(), 1
)


@settings(deadline=None, max_examples=300)
@given(
    where=st.integers(4, len(_STREAM) - 1),
    junk=st.binary(min_size=1, max_size=30),
    cut=st.integers(0, len(_STREAM)),
)
def test_damage_is_refused_or_harmless(where: int, junk: bytes, cut: int) -> None:
    damaged = _STREAM[:where] + junk + _STREAM[where + len(junk) :]
    whole = bz2.decompress(_STREAM)
    for stream in (damaged, damaged[: len(_STREAM) - cut]):
        text = _decode(stream)
        # A mark that is damaged takes its block away; no other block becomes another text.
        assert text is None or all(part in whole for part in _lines(text))


def _lines(text: bytes) -> list[bytes]:
    return [text[start : start + 10_000] for start in range(0, len(text), 10_000)][:-1]


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=2_000))
def test_junk_behind_a_mark_is_refused(junk: bytes) -> None:
    assert BlockDecoder().decode(to_words(_MARK.to_bytes(6, "big") + junk), 0) is None


def test_a_place_outside_the_data_is_refused() -> None:
    decoder, words = BlockDecoder(), to_words(_STREAM)
    for bit in (-1, -(2**40), len(_STREAM) * 8 + 64, 2**40):
        assert decoder.decode(words, bit) is None


def test_an_old_randomised_block_is_left_to_the_standard_library() -> None:
    stream = bytearray(_STREAM)
    # The bit after the mark (six bytes) and the checksum (four).
    stream[4 + 6 + 4] |= 0x80
    assert BlockDecoder().decode(to_words(bytes(stream)), 32) is None


@pytest.mark.parametrize("num_bytes", [1, 2, STRIDE - 1, STRIDE, STRIDE + 1, 16 * STRIDE, 50_000])
@pytest.mark.parametrize("period", [1, 2, 3, STRIDE, 100_000])
def test_walks_of_any_length_and_period(num_bytes: int, period: int) -> None:
    # A text that repeats itself is a walk that comes round before its end.
    part = random.Random(num_bytes).randbytes(min(period, num_bytes))
    text = (part * (num_bytes // len(part) + 1))[:num_bytes]
    assert _decode(bz2.compress(text, 1)) == text


def test_a_decoder_keeps_nothing_of_the_block_before() -> None:
    decoder, long = BlockDecoder(), bytes(range(256)) * 300
    for text in (long, b"short", long[:5_000]):
        decoded = decoder.decode(to_words(bz2.compress(text)), 32)
        assert decoded is not None
        assert decoded[0] == text
