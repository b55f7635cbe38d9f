"""The compiled decoder alone: what the standard library gives, or a refusal, and never a crash."""

from __future__ import annotations

import bz2
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import bzip2
from ingest.bzip2 import find_marks, iter_blocks
from ingest.bzip2_batch import NUM_CHAINS, BlockBatch, Pace, borrowed_batch
from ingest.bzip2_kernels import to_words

_MARK = 0x314159265359


def _decode(stream: bytes) -> bytes | None:
    """All blocks of a stream by the compiled code alone, or None where it refuses one."""
    words, texts = to_words(stream), []
    with borrowed_batch() as batch:
        for mark in find_marks(stream, _MARK):
            if batch.add(words, mark) is None:
                return None
            if batch.is_full:
                texts.extend(batch.texts())
        texts.extend(batch.texts())
    return None if None in texts else b"".join(text for text in texts if text is not None)


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
    assert len(blocks) > NUM_CHAINS


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
    batch = BlockBatch()
    assert batch.add(to_words(_MARK.to_bytes(6, "big") + junk), 0) is None
    assert batch.texts() == []


def test_a_place_outside_the_data_is_refused() -> None:
    batch = BlockBatch()
    words = to_words(_STREAM)
    for bit in (-1, -(2**40), len(_STREAM) * 8 + 64, 2**40):
        assert batch.add(words, bit) is None


def test_an_old_randomised_block_is_left_to_the_standard_library() -> None:
    stream = bytearray(_STREAM)
    # The bit after the mark (six bytes) and the checksum (four).
    stream[4 + 6 + 4] |= 0x80
    assert BlockBatch().add(to_words(bytes(stream)), 32) is None


@pytest.mark.parametrize("best", [1, 2, 4])
def test_the_number_that_is_walked_at_once_is_the_one_that_costs_least(best: int) -> None:
    pace = Pace()
    chosen = []
    for _ in range(480):
        chosen.append(pace.num_chains)
        pace.note(1.0 if pace.num_chains == best else 2.0)
    assert {1, 2, 4} == set(chosen)
    assert chosen.count(best) > 0.8 * len(chosen)
    # What is best may change; the others are tried again.
    other = 3 - best if best < 4 else 1
    for _ in range(48):
        pace.note(1.0 if pace.num_chains == other else 2.0)
    later = []
    for _ in range(96):
        later.append(pace.num_chains)
        pace.note(1.0 if pace.num_chains == other else 2.0)
    assert later.count(other) > 0.7 * len(later)


@pytest.mark.parametrize("num_chains", [1, 2, 4])
def test_any_number_walked_at_once_gives_the_same_texts(num_chains: int) -> None:
    words, marks = to_words(_STREAM), find_marks(_STREAM, _MARK)
    batch = BlockBatch(pace=Pace(num_chains=num_chains))
    text = b""
    for mark in marks:
        batch.add(words, mark)
        if batch.is_full:
            text += b"".join(one for one in batch.texts() if one is not None)
            batch.pace.num_chains = num_chains
    text += b"".join(one for one in batch.texts() if one is not None)
    assert len(marks) > 1
    assert text == bz2.decompress(_STREAM)
