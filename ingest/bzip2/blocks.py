"""Parallel bzip2: decompresses any byte range of a file by itself, block by block. Reads only.

A bzip2 file is a run of blocks of at most 900 kB, which begin at any bit with a 48-bit mark and
carry their own checksum. A reader that finds the marks can therefore start anywhere, in one stream
or in many, with or without an index. Each block is put between the header and the end of a stream
and given to the standard library, as `bzip2recover` does (Seward, bzip2 1.0 manual, section 4.2).

For a large file the compiled `ingest.bzip2.decoder` takes less than half the time. Blocks that it
refuses are read here, and so is everything where numba is missing.
"""

from __future__ import annotations

import bz2
import logging
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import BinaryIO

from bookgraph.core.errors import InputError

logger = logging.getLogger(__name__)

_BLOCK_MARK = 0x314159265359
_END_MARK = 0x177245385090
_MARK_BITS = 48
_SUM_BITS = 32
_HEADER = int.from_bytes(b"BZh9", "big")
_HEADER_BITS = 32
_HEADER_BYTES = 4

_MAX_BLOCK_BYTES = 1_100_000
"""Compressed; 900 kB that cannot be compressed, and bzip2's own overhead."""

_STREAM_END_BYTES = 32
"""The end mark, the sum and the next stream's header take 14 bytes and some bits."""

_LOOK_AHEAD_BYTES = 300_000
"""A usual block has 150 to 300 kB, so reading this much finds the end of a range's last one."""


def find_marks(data: bytes, mark: int, *, start: int = 0, end: int | None = None) -> list[int]:
    """Find a 48-bit mark at any bit.

    Args:
        data: where to search.
        mark: 48 bits.
        start: first byte to search from.
        end: the byte after the last one to search; by default all.

    Returns:
        Bit offsets from the beginning of `data`, ascending. By chance, one in 2**48 is false.
    """
    found = []
    end = len(data) if end is None else min(end, len(data))
    for shift in range(8):
        # The mark over seven bytes, of which the first and the last may be shared with others.
        spread = (mark << (8 - shift)).to_bytes(7, "big")
        first, needle = (1, spread[1:6]) if shift else (0, spread[:6])
        head_mask, tail_mask = 0xFF >> shift, (0xFF << (8 - shift)) & 0xFF
        at = data.find(needle, start + first, end)
        while at >= 0:
            begin = at - first
            is_mark = shift == 0 or (
                begin + 7 <= end
                and data[begin] & head_mask == spread[0]
                and data[begin + 6] & tail_mask == spread[6]
            )
            if is_mark and begin >= start:
                found.append(begin * 8 + shift)
            at = data.find(needle, at + 1, end)
    return sorted(found)


def iter_blocks(path: Path, start: int, end: int, *, is_compiled: bool = False) -> Iterator[bytes]:
    """Decompress the blocks that begin in a range of bytes, in order.

    Ranges that together cover a file give all of it, each block once.

    Args:
        path: a bzip2 file, of one stream or of many.
        start: first byte of the range.
        end: the byte after its last one.
        is_compiled: use compiled code where numba is installed. It takes a second to load, some
            more to compile on its first use, and then reads twice as fast.

    Raises:
        InputError: the file is cut or damaged inside the range.
        OSError: it cannot be read.
    """
    if is_compiled:
        start = yield from _iter_compiled(path, start, end)
    if start < end:
        yield from _iter_checked(path, start, end)


def _iter_compiled(path: Path, start: int, end: int) -> Generator[bytes, None, int]:
    """Decompress the blocks that begin in a range, up to the first that is not plainly sound.

    Returns:
        The byte from which the range is still to be read; its start where numba is missing.
    """
    try:
        # Imported late: it loads a compiler.
        from bookgraph.ingest.bzip2.decoder import borrowed_decoder, to_words  # noqa: PLC0415
    except ImportError as error:
        logger.info("Reading bzip2 with the standard library: %s", error)
        return start
    with path.open("rb") as file:
        file.seek(start)
        data = file.read(end - start + _MAX_BLOCK_BYTES)
    at, is_block = _find_first_block(data, is_file_start=start == 0)
    words = to_words(data)
    with borrowed_decoder() as decoder:
        while is_block and at < (end - start) * 8:
            decoded = decoder.decode(words, at)
            following = None if decoded is None else _look_after(data, decoded[1])
            if decoded is None or following is None:
                break
            yield decoded[0]
            at, is_block = following
    return min(start + at // 8, end)


def _find_first_block(data: bytes, *, is_file_start: bool) -> tuple[int, bool]:
    """The bit where the first block of a range begins, and whether there is one."""
    if is_file_start:
        first = _HEADER_BYTES * 8
        return (first, True) if _is_mark(data, first, _BLOCK_MARK) else (0, False)
    for look in (_LOOK_AHEAD_BYTES, len(data)):
        marks = find_marks(data, _BLOCK_MARK, end=look)
        if marks:
            return marks[0], True
    return 0, False


def _look_after(data: bytes, at: int) -> tuple[int, bool] | None:
    """Look at the bits after a block.

    Returns:
        The bit where the next block begins, and True. After the end of the last stream: the bit
        where neither a block nor a stream begins, and False. None where no block can end like this.
    """
    if _is_mark(data, at, _BLOCK_MARK):
        return at, True
    while _is_mark(data, at, _END_MARK) and at + _MARK_BITS + _SUM_BITS <= len(data) * 8:
        byte = (at + _MARK_BITS + _SUM_BITS + 7) // 8
        at = byte * 8
        if data[byte : byte + 3] != b"BZh":
            return at, False
        at += _HEADER_BITS
        if _is_mark(data, at, _BLOCK_MARK):
            return at, True
    return None


def _is_mark(data: bytes, at: int, mark: int) -> bool:
    """Whether a mark begins at a bit."""
    seven = int.from_bytes(data[at // 8 : at // 8 + 7].ljust(7, b"\0"), "big")
    return (seven >> (8 - at % 8)) & ((1 << _MARK_BITS) - 1) == mark


def _iter_checked(path: Path, start: int, end: int) -> Iterator[bytes]:
    """Decompress the blocks that begin in a range, or raise `InputError`."""
    with path.open("rb") as file:
        file.seek(start)
        data = file.read(end - start)
        # A mark that crosses the end belongs to this range: its first bit decides.
        data += file.read(7)
        marks = [mark for mark in find_marks(data, _BLOCK_MARK) if mark < (end - start) * 8]
        if start == 0 and not _is_sound_start(data):
            # Losing any later mark makes the block before it unreadable; none is before this one.
            raise InputError(_broken_message(path, 0, is_cut=False))
        if not marks:
            return
        data, ends = _extend_to_next_mark(file, data, after=marks[-1] + 1, first_new=end - start)
        marks.extend(ends)
        is_at_end = not ends
    limit = (end - start) * 8
    row = 0
    while row < len(marks) and marks[row] < limit:
        is_last = row + 1 == len(marks)
        if is_last and not is_at_end:
            break
        block, row = _read_block(data, marks, row)
        if block is None:
            position = start + marks[row] // 8
            raise InputError(_broken_message(path, position, is_cut=is_at_end and is_last))
        yield block


def _is_sound_start(data: bytes) -> bool:
    """Whether a file begins with a stream's header and then a block, or an empty stream's end."""
    first = data[_HEADER_BYTES : _HEADER_BYTES + 6]
    # A range may be too short to show the whole mark.
    return data[:3] == b"BZh" and any(
        mark.to_bytes(6, "big").startswith(first) for mark in (_BLOCK_MARK, _END_MARK)
    )


def _extend_to_next_mark(
    file: BinaryIO, data: bytes, *, after: int, first_new: int
) -> tuple[bytes, list[int]]:
    """Read on until a block begins after the range, or the file ends."""
    searched = max(first_new - 7, after // 8)
    while True:
        more = file.read(_LOOK_AHEAD_BYTES)
        data += more
        found = [
            mark
            for mark in find_marks(data, _BLOCK_MARK, start=searched)
            if mark >= max(after, first_new * 8)
        ]
        if found or not more:
            return data, found
        searched = len(data) - 7
        if len(data) - after // 8 > 3 * _MAX_BLOCK_BYTES:
            # No block is so long. What follows is not bzip2, and the last block ends by itself.
            return data, []


def _read_block(data: bytes, marks: list[int], row: int) -> tuple[bytes | None, int]:
    """Decompress the block that begins at a mark.

    Returns:
        Its text and the row of the next block, or None and the row when it cannot be read.
    """
    begin = marks[row]
    # By chance a block may hold the bits of a mark: then it ends further on.
    for following in range(row + 1, min(row + 4, len(marks) + 1)):
        limit = marks[following] if following < len(marks) else len(data) * 8
        is_file_end = following >= len(marks)
        for block_end in _possible_ends(data, begin, limit, is_file_end=is_file_end):
            text = _decompress(data, begin, block_end)
            if text is not None:
                return text, following
    return None, row


def _possible_ends(data: bytes, begin: int, limit: int, *, is_file_end: bool) -> Iterator[int]:
    """Where a block may end, likeliest first: at the next block, or where its stream ends."""
    header = limit // 8 - 4
    is_stream_start = limit % 8 == 0 and data[header : header + 3] == b"BZh"
    if not (is_stream_start or is_file_end):
        yield limit
    near = max(begin // 8, limit // 8 - _STREAM_END_BYTES)
    # The whole block is searched only where the end of its stream is not right before the next.
    for first in (near, begin // 8):
        for end in find_marks(data, _END_MARK, start=first, end=limit // 8 + 1):
            if begin < end < limit:
                yield end


def _decompress(data: bytes, begin: int, end: int) -> bytes | None:
    """Decompress the block in the bits from `begin` to `end`; None when its checksum disagrees."""
    num_bits = end - begin
    if num_bits < _MARK_BITS + _SUM_BITS:
        return None
    bits = int.from_bytes(data[begin // 8 : (end + 7) // 8], "big") >> (-end % 8)
    bits &= (1 << num_bits) - 1
    checksum = (bits >> (num_bits - _MARK_BITS - _SUM_BITS)) & (2**_SUM_BITS - 1)
    # The sum of a stream of one block is that block's.
    trailer = _END_MARK << _SUM_BITS | checksum
    total_bits = _HEADER_BITS + num_bits + _MARK_BITS + _SUM_BITS
    stream = (_HEADER << num_bits | bits) << (_MARK_BITS + _SUM_BITS) | trailer
    packed = (stream << (-total_bits % 8)).to_bytes((total_bits + 7) // 8, "big")
    try:
        return bz2.decompress(packed)
    except (OSError, ValueError, EOFError):
        return None


def _broken_message(path: Path, position: int, *, is_cut: bool) -> str:
    if is_cut:
        return (
            f"{path} ends inside its compressed data (after byte {position:,}): the file is cut. "
            "Fetch it again."
        )
    return f"{path} is damaged: the bzip2 block at byte {position:,} is broken. Fetch it again."
