"""The steps of decoding a bzip2 block, compiled by numba. Arrays in, arrays out.

Every index is checked; whatever is not plainly sound is refused without a word. What the steps are
joined to is `bookgraph.ingest.bzip2.decoder`.

The format: Seward, bzip2 1.0; Tsai, "BZIP2 format specification" (2016). The walk: Burrows and
Wheeler, "A block-sorting lossless data compression algorithm" (1994), section 4.2.
"""

from __future__ import annotations

import numpy as np
from numba import int64, njit, uint8, uint32, uint64
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Words = NDArray[np.uint32]
Ints = NDArray[np.int64]

PADDING = 64
"""Words of zeros behind the data, so that reading ahead needs no check of each step."""

MAX_BLOCK = 900_000
_MAX_CODE_BITS = 20
_TABLE_BITS = 10
_GROUP_SYMBOLS = 50
_MIN_TABLES, _MAX_TABLES = 2, 6
_MAX_SYMBOLS = 258
_WORD_BITS = 32
_NUM_FRONT = 8
"""Bytes that fit into one word."""
_MIN_RUN_ROOM = 4
"""Places that are written for any run, so that short ones need no loop."""
_MARKED = uint32(1 << 31)
_PLACE = uint32((1 << 20) - 1)
"""A link is a symbol (8 bits), a place above it, and in the highest bit whether it is marked."""

STRIDE = 1024
"""Places between two marks; a stretch is as long on average."""
NUM_STRETCHES = MAX_BLOCK // STRIDE + 2
NUM_LANES = 16
"""Stretches that are walked at once: 3.4 ns a byte by 4 lanes, 2.3 by 8, 2.0 by 16 and by 24."""
ROOM = MAX_BLOCK + _MIN_RUN_ROOM
REFUSED = -1


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


def to_words(data: bytes) -> Words:
    """(num_words,) uint32: the bits of some bytes in their order, with `PADDING` behind them."""
    padded = data + bytes(-len(data) % 4 + 4 * PADDING)
    return np.frombuffer(padded, ">u4").astype(np.uint32)


@njit(cache=True, nogil=True)
def _peek(words: Words, bit: int, num: int) -> int:
    """Up to 32 bits from a bit on."""
    at = uint64(bit >> 5)
    two = (uint64(words[at]) << uint64(32)) | uint64(words[at + uint64(1)])
    return int64((two << uint64(bit & 31)) >> uint64(64 - num))


@njit(cache=True, nogil=True)
def read_block(words: Words, begin: int, column: Bytes, links: Words) -> tuple[int, int, int, int]:
    """Read a block's last column and link it; (length, origin, checksum, end), or refused."""
    refused = (REFUSED, 0, 0, 0)
    # The longest head: symbols in use, 18,002 selectors of at most 6 bits, six tables of lengths.
    if begin < 0 or (begin >> 5) + PADDING > words.size:
        return refused
    checksum = _peek(words, begin + 48, 32)
    is_randomised = _peek(words, begin + 80, 1)
    origin = _peek(words, begin + 81, 24)
    used = np.empty(256, np.uint8)
    num_used, bit = _read_used(words, begin + 105, used)
    num_tables = _peek(words, bit, 3)
    num_selectors = _peek(words, bit + 3, 15)
    is_odd = is_randomised or not num_used or not num_selectors
    if is_odd or not _MIN_TABLES <= num_tables <= _MAX_TABLES:
        return refused
    selectors = np.empty(num_selectors, np.uint8)
    bit = _read_selectors(words, bit + 18, num_tables, selectors)
    if bit == REFUSED:
        return refused
    tables = np.zeros((_MAX_TABLES, 1 << _TABLE_BITS), np.uint16)
    limits = np.zeros((_MAX_TABLES, _MAX_CODE_BITS + 1), np.int64)
    bases = np.zeros((_MAX_TABLES, _MAX_CODE_BITS + 1), np.int64)
    symbols = np.zeros((_MAX_TABLES, _MAX_SYMBOLS), np.uint16)
    for row in range(num_tables):
        bit = _read_table(
            words, bit, num_used + 2, tables[row], limits[row], bases[row], symbols[row]
        )
        if bit == REFUSED:
            return refused
    counts = np.zeros(256, np.int64)
    codes = (tables, limits, bases, symbols)
    length, end = _read_symbols(words, bit, selectors, codes, used[:num_used], column, counts)
    if length == REFUSED or origin >= length:
        return refused
    _link(column[:length], counts, links)
    return length, origin, checksum, end


@njit(cache=True, nogil=True)
def _read_used(words: Words, bit: int, used: Bytes) -> tuple[int, int]:
    """Which bytes occur: a map of sixteens, then a map for each sixteen in use."""
    sixteens = _peek(words, bit, 16)
    bit += 16
    num = 0
    for high in range(16):
        if sixteens & (0x8000 >> high):
            ones = _peek(words, bit, 16)
            bit += 16
            for low in range(16):
                if ones & (0x8000 >> low):
                    used[num] = high * 16 + low
                    num += 1
    return num, bit


@njit(cache=True, nogil=True)
def _read_selectors(words: Words, bit: int, num_tables: int, selectors: Bytes) -> int:
    """Which table each group of fifty symbols uses, moved to front and in unary."""
    recent = np.arange(_MAX_TABLES).astype(np.uint8)
    last = (words.size - PADDING) * 32
    for row in range(selectors.size):
        place = 0
        while _peek(words, bit, 1):
            place += 1
            bit += 1
            if place >= num_tables:
                return REFUSED
        bit += 1
        if bit > last:
            return REFUSED
        selector = recent[place]
        while place > 0:
            recent[place] = recent[place - 1]
            place -= 1
        recent[0] = selector
        selectors[row] = selector
    return bit


@njit(cache=True, nogil=True)
def _read_table(
    words: Words, bit: int, num_symbols: int, table: Ints, limits: Ints, bases: Ints, symbols: Ints
) -> int:
    """Read the lengths of a table's codes; short codes are looked up, long ones found by limit."""
    lengths = np.empty(num_symbols, np.int64)
    last = (words.size - PADDING) * 32
    length = _peek(words, bit, 5)
    bit += 5
    for symbol in range(num_symbols):
        while True:
            if not 1 <= length <= _MAX_CODE_BITS or bit > last:
                return REFUSED
            if not _peek(words, bit, 1):
                bit += 1
                break
            length += -1 if _peek(words, bit + 1, 1) else 1
            bit += 2
        lengths[symbol] = length
    code = row = 0
    for length in range(1, _MAX_CODE_BITS + 1):
        bases[length] = row - code
        for symbol in range(num_symbols):
            if lengths[symbol] == length:
                symbols[row] = symbol
                if length <= _TABLE_BITS:
                    first = code << (_TABLE_BITS - length)
                    behind = first + (1 << (_TABLE_BITS - length))
                    if behind > table.size:
                        return REFUSED
                    table[first:behind] = (symbol << 5) | length
                code += 1
                row += 1
        limits[length] = code << (_MAX_CODE_BITS - length)
        code <<= 1
    return bit


@njit(cache=True, nogil=True)
def _read_symbols(  # noqa: C901  # one loop over symbols, which calls would slow down
    words: Words,
    bit: int,
    selectors: Bytes,
    codes: tuple[Ints, Ints, Ints, Ints],
    used: Bytes,
    column: Bytes,
    counts: Ints,
) -> tuple[int, int]:
    """Undo Huffman's codes, the run lengths and the move to front; (symbols, end) or refused."""
    tables, limits, bases, symbols = codes
    front, middle, others = _foremost(used)
    end_symbol = used.size + 1
    capacity = column.size - _MIN_RUN_ROOM
    length = 0
    weight = 1
    at = uint64(bit >> 5)
    # The next bits of the data, from the highest one on, and how many of them there are.
    window = ((uint64(words[at]) << uint64(32)) | uint64(words[at + uint64(1)])) << uint64(bit & 31)
    num_bits = 64 - (bit & 31)
    at += uint64(2)
    for selector in selectors:
        if at + uint64(PADDING // 2) > uint64(words.size):
            return REFUSED, 0
        table = tables[selector]
        for _ in range(_GROUP_SYMBOLS):
            if num_bits < _WORD_BITS:
                window |= uint64(words[at]) << uint64(_WORD_BITS - num_bits)
                at += uint64(1)
                num_bits += _WORD_BITS
            entry = int64(table[window >> uint64(64 - _TABLE_BITS)])
            if not entry:
                entry = _long_code(window, limits[selector], bases[selector], symbols[selector])
            code_bits, symbol = entry & 31, entry >> 5
            if not code_bits or symbol > end_symbol:
                return REFUSED, 0
            window <<= uint64(code_bits)
            num_bits -= code_bits
            if symbol == end_symbol:
                return length, int64(at) * 32 - num_bits
            # The digits of a run's length (bijective, base two, lowest first) are written one by
            # one, as runs of the foremost byte: then a digit and a byte differ in no branch, of
            # which every third would be guessed wrong.
            is_digit = symbol <= 1
            place = 0 if is_digit else symbol - 1
            run = weight << symbol if is_digit else 1
            weight = weight << 1 if is_digit else 1
            if run > capacity - length:
                return REFUSED, 0
            byte, front, middle = _move_to_front(front, middle, others, place)
            counts[byte] += run
            for row in range(length, length + _MIN_RUN_ROOM):
                column[row] = uint8(byte)
            for row in range(length + _MIN_RUN_ROOM, length + run):
                column[row] = uint8(byte)
            length += run
    return REFUSED, 0


@njit(cache=True, nogil=True)
def _foremost(used: Bytes) -> tuple[int, int, Bytes]:
    """The bytes in the order in which they were met last: twice eight in a word, and the others.

    A word moves a byte to its front without a loop or a branch that nobody can predict.
    """
    others = np.zeros(256 + 2 * _NUM_FRONT, np.uint8)
    others[: used.size] = used
    front = middle = uint64(0)
    for place in range(_NUM_FRONT):
        front |= uint64(others[place]) << uint64(8 * place)
        middle |= uint64(others[_NUM_FRONT + place]) << uint64(8 * place)
    return front, middle, others[2 * _NUM_FRONT :]


@njit(cache=True, nogil=True)
def _long_code(window: int, limits: Ints, bases: Ints, symbols: Ints) -> int:
    """Look up a code too long for the table; 0 where there is none."""
    code = int64(window >> uint64(64 - _MAX_CODE_BITS))
    num_bits = _TABLE_BITS + 1
    while num_bits <= _MAX_CODE_BITS and code >= limits[num_bits]:
        num_bits += 1
    if num_bits > _MAX_CODE_BITS:
        return 0
    row = (code >> (_MAX_CODE_BITS - num_bits)) + bases[num_bits]
    return int64((symbols[row] << 5) | num_bits) if 0 <= row < _MAX_SYMBOLS else 0


@njit(cache=True, nogil=True)
def _move_to_front(front: int, middle: int, others: Bytes, place: int) -> tuple[int, int, int]:
    """Move the byte at a place to the front; (the byte, then the two words)."""
    if place < 2 * _NUM_FRONT:
        # Whether the byte is in the second word is no branch but a mask of ones.
        is_middle = uint64(0) - (uint64(place) >> uint64(3))
        byte, front = _replace(front, (place | is_middle) & uint64(7), 0)
        taken, moved = _replace(middle, place & uint64(7), byte)
        byte = (taken & is_middle) | (byte & ~is_middle)
        return byte, front | byte, (moved & is_middle) | (middle & ~is_middle)
    last = front >> uint64(56)
    place -= 2 * _NUM_FRONT
    byte = uint64(others[place])
    while place > 0:
        others[place] = others[place - 1]
        place -= 1
    others[0] = uint8(middle >> uint64(56))
    return byte, (front << uint64(8)) | byte, (middle << uint64(8)) | last


@njit(cache=True, nogil=True)
def _replace(word: int, place: int, byte: int) -> tuple[int, int]:
    """Take the byte at a place out of a word and put another to its front; (the byte, the word)."""
    shift = uint64(8 * place)
    before = (uint64(1) << shift) - uint64(1)
    behind = ~((before << uint64(8)) | uint64(0xFF))
    taken = (word >> shift) & uint64(0xFF)
    return taken, (word & behind) | ((word & before) << uint64(8)) | uint64(byte)


@njit(cache=True, nogil=True)
def _link(column: Bytes, counts: Ints, links: Words) -> None:
    """Say at each place which symbol the text has there and, above it, which place is next."""
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
