"""The second half of decoding a bzip2 block: from the transform's last column to the text.

1. `link` undoes the sort: it says for each place which byte the text has there and which place is
   next (Burrows and Wheeler, "A block-sorting lossless data compression algorithm", 1994, section
   4.2).
2. `walk` follows these links from the text's origin on.
3. `unfold_runs` writes runs of four to 259 bytes at full length.
4. `checksum_of` gives the sum that the block's own is compared with.

Compiled by numba; arrays in, arrays out.
"""

from __future__ import annotations

import numpy as np
from numba import int64, njit, uint8, uint32, uint64

from bookgraph.ingest.bzip2.symbols import MAX_BLOCK, Bytes, Ints, Words

_MARKED = uint32(1 << 31)
_PLACE = uint32((1 << 20) - 1)
"""A link is a byte (8 bits), a place above it, and in the highest bit whether it is marked."""

STRIDE = 1024
"""Places between two marks; a stretch is as long on average."""
NUM_STRETCHES = MAX_BLOCK // STRIDE + 2
NUM_LANES = 16
"""Stretches that are walked at once: 3.4 ns a byte with 4 lanes, 2.3 with 8, 2.0 with 16 and 24."""


def _make_crc_tables() -> Words:
    """(8, 256) uint32: bzip2's checksum for eight bytes a step (Kounavis and Berry, 2005)."""
    tables = np.zeros((8, 256), np.uint32)
    for value in range(256):
        crc = value << 24
        for _ in range(8):
            crc = (crc << 1) ^ (0x04C11DB7 if crc & 0x80000000 else 0)
            crc &= 0xFFFFFFFF
        tables[0, value] = crc
    for row in range(1, 8):
        before = tables[row - 1].astype(np.uint64)
        tables[row] = ((before << 8) & 0xFFFFFFFF) ^ tables[0, before >> 24]
    return tables


CRC_TABLES = _make_crc_tables()


@njit(cache=True, nogil=True)
def link(column: Bytes, counts: Ints, links: Words) -> None:
    """Write at each place the byte that the text has there and, above it, the next place."""
    places = np.empty(256, np.uint64)
    place = 0
    for byte in range(256):
        places[byte] = place
        place += counts[byte]
    for row in range(column.size):
        byte = column[row]
        place = places[byte]
        links[place] = uint32(row << 8) | uint32(byte)
        places[byte] = place + uint64(1)


@njit(cache=True, nogil=True)
def walk(links: Words, origin: int, lanes: Bytes, stretches: Ints, walked: Bytes) -> None:
    """Follow the links of a block from its origin on, in many stretches at once.

    One walk waits for memory at each step. Here every `STRIDE`th place begins a stretch, and each
    lane walks one after the other, up to the next place that is marked; so as many reads are under
    way as there are lanes. Then the stretches are laid one behind the other.

    Args:
        links: (length,) of `read_block`; marks are left in them.
        origin: where the walk begins.
        lanes: (NUM_LANES, at least length) what each lane has walked.
        stretches: (NUM_STRETCHES, 4) lane, begin and length in it, and which stretch follows.
        walked: (at least length,) where the text goes.
    """
    num_regular = (links.size + STRIDE - 1) // STRIDE
    # The origin is anywhere: it is marked as well, and begins the last stretch.
    num_stretches = num_regular + (1 if origin % STRIDE else 0)
    for row in range(num_regular):
        links[row * STRIDE] |= _MARKED
    links[origin] |= _MARKED
    _walk_stretches(links, origin, num_stretches, lanes, stretches)
    length = 0
    row = _stretch_at(origin, num_stretches)
    # A text that repeats itself comes round to its first stretch before it is complete.
    while length < links.size:
        lane, begin = stretches[row, 0], stretches[row, 1]
        num = min(stretches[row, 2], links.size - length)
        walked[length : length + num] = lanes[lane, begin : begin + num]
        length += num
        row = stretches[row, 3]


@njit(cache=True, nogil=True)
def _stretch_at(place: int, num_stretches: int) -> int:
    """The stretch that begins at a marked place."""
    return num_stretches - 1 if place % STRIDE else place // STRIDE


@njit(cache=True, nogil=True)
def _walk_stretches(
    links: Words, origin: int, num_stretches: int, lanes: Bytes, stretches: Ints
) -> None:
    """Walk all stretches, as many at once as there are lanes, and note what follows each."""
    num_lanes = min(NUM_LANES, num_stretches)
    walking = np.full(NUM_LANES, -1)
    places = np.zeros(NUM_LANES, np.uint64)
    ends = np.zeros(NUM_LANES, np.int64)
    num_begun = num_done = 0
    while num_done < num_stretches:
        # Few are left at the end; whoever walks none costs little.
        for lane in range(num_lanes):
            row, place, end = walking[lane], places[lane], ends[lane]
            link = links[place]
            if row < 0 or link & _MARKED:
                if row >= 0:
                    stretches[row, 2] = end - stretches[row, 1]
                    stretches[row, 3] = _stretch_at(int64(place), num_stretches)
                    num_done += 1
                    walking[lane] = -1
                if num_begun == num_stretches:
                    continue
                row = walking[lane] = num_begun
                num_begun += 1
                stretches[row, 0], stretches[row, 1] = lane, end
                is_odd = row == num_stretches - 1 and origin % STRIDE
                link = links[uint64(origin if is_odd else row * STRIDE)]
            lanes[lane, end] = uint8(link & uint32(0xFF))
            ends[lane] = end + 1
            places[lane] = uint64((link >> uint32(8)) & _PLACE)


@njit(cache=True, nogil=True)
def unfold_runs(walked: Bytes, text: Bytes) -> int:
    """Write four to 259 equal bytes, folded to four and a number, at full length.

    Returns:
        The length; where it is more than the size of `text`, not all of it was written.
    """
    length = row = 0
    num = walked.size
    while row < num:
        byte = walked[row]
        is_run = (
            row + 3 < num
            and byte == walked[row + 1]
            and byte == walked[row + 2]
            and byte == walked[row + 3]
        )
        if is_run:
            num_bytes = 4 + (int64(walked[row + 4]) if row + 4 < num else 0)
            text[length : min(length + num_bytes, text.size)] = byte
            length += num_bytes
            row += 5
        else:
            if length < text.size:
                text[length] = byte
            length += 1
            row += 1
    return length


@njit(cache=True, nogil=True)
def checksum_of(text: Bytes, tables: Words) -> int:
    """bzip2's CRC-32, the highest bit first."""
    crc = uint32(0xFFFFFFFF)
    row = 0
    while row + 8 <= text.size:
        crc ^= (uint32(text[row]) << uint32(24)) | (uint32(text[row + 1]) << uint32(16))
        crc ^= (uint32(text[row + 2]) << uint32(8)) | uint32(text[row + 3])
        crc = (
            tables[7, crc >> uint32(24)]
            ^ tables[6, (crc >> uint32(16)) & uint32(0xFF)]
            ^ tables[5, (crc >> uint32(8)) & uint32(0xFF)]
            ^ tables[4, crc & uint32(0xFF)]
            ^ tables[3, text[row + 4]]
            ^ tables[2, text[row + 5]]
            ^ tables[1, text[row + 6]]
            ^ tables[0, text[row + 7]]
        )
        row += 8
    while row < text.size:
        crc = uint32(crc << uint32(8)) ^ tables[0, (crc >> uint32(24)) ^ uint32(text[row])]
        row += 1
    return int64(crc ^ uint32(0xFFFFFFFF))
