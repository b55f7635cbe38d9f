"""The first half of decoding a bzip2 block: from its bits to the transform's last column.

A block is, from the first bit on (Seward, bzip2 1.0; Tsai, "BZIP2 format specification", 2016):

1. a head: mark, checksum, origin of the transform, which bytes occur (`_read_head`, `_read_used`);
2. two to six tables of Huffman codes (`_read_tables`), and for each group of fifty symbols a
   selector, which says whose codes the group uses (`_read_selectors`);
3. the symbols (`_read_symbols`). A symbol is a place in the list of bytes, most recently met first
   (move to front), a digit of the length of a run of the foremost byte, or the block's end.

Compiled by numba; arrays in, arrays out. Every index is checked. A block that is not plainly sound
is refused, and the caller lets the standard library decode or reject it. The second half is
`bookgraph.ingest.bzip2.transform`.
"""

from __future__ import annotations

import numpy as np
from numba import int64, njit, uint8, uint64
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Words = NDArray[np.uint32]
Ints = NDArray[np.int64]

PADDING = 64
"""Words of zeros after the data, so that reading ahead needs no check at each step."""

MAX_BLOCK = 900_000
REFUSED = -1

_HEAD_BITS = 105
"""Mark (48), checksum (32), whether randomised (1), origin (24)."""
_MAX_CODE_BITS = 20
_TABLE_BITS = 10
"""Codes of up to so many bits are looked up in one step; few are longer."""
_GROUP_SYMBOLS = 50
_MIN_TABLES, _MAX_TABLES = 2, 6
_MAX_SYMBOLS = 258
_WORD_BITS = 32
_NUM_FRONT = 8
"""Bytes in one 64-bit word."""
_MIN_RUN_ROOM = 4
"""Places that are written for any run, so that short ones need no loop."""
ROOM = MAX_BLOCK + _MIN_RUN_ROOM


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
def read_block(words: Words, begin: int, column: Bytes, counts: Ints) -> tuple[int, int, int, int]:
    """Read a block up to the transform's last column.

    Args:
        words: of `to_words`.
        begin: the bit where the block's mark begins.
        column: (ROOM,) where the last column goes.
        counts: (256,) where the number of each byte in it goes.

    Returns:
        Length of the column, origin of the text in it, checksum of the text, the bit after the
        block; or `REFUSED` and zeros.
    """
    refused = (REFUSED, 0, 0, 0)
    # The longest head: symbols in use, 18,002 selectors of at most 6 bits, six tables of lengths.
    if begin < 0 or (begin >> 5) + PADDING > words.size:
        return refused
    checksum = _peek(words, begin + 48, 32)
    is_randomised = _peek(words, begin + 80, 1)
    origin = _peek(words, begin + 81, 24)
    used = np.empty(256, np.uint8)
    num_used, bit = _read_used(words, begin + _HEAD_BITS, used)
    num_tables = _peek(words, bit, 3)
    num_selectors = _peek(words, bit + 3, 15)
    is_odd = is_randomised or not num_used or not num_selectors
    if is_odd or not _MIN_TABLES <= num_tables <= _MAX_TABLES:
        return refused
    selectors = np.empty(num_selectors, np.uint8)
    bit = _read_selectors(words, bit + 18, num_tables, selectors)
    if bit == REFUSED:
        return refused
    codes = _empty_codes()
    bit = _read_tables(words, bit, num_tables, num_used + 2, codes)
    if bit == REFUSED:
        return refused
    counts[:] = 0
    length, end = _read_symbols(words, bit, selectors, codes, used[:num_used], column, counts)
    if length == REFUSED or origin >= length:
        return refused
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
def _empty_codes() -> tuple[Ints, Ints, Ints, Ints]:
    """Room for the codes of all tables; the first axis of each array is the table.

    Codes are canonical: those of one length are consecutive numbers, in the order of their symbols.

    Returns:
        short: (6, 1,024) `symbol << 5 | bits` for each possible next ten bits; 0 for none.
        limits: (6, 21) for each length the first code, at 20 bits, that is longer.
        bases: (6, 21) for each length what to add to a code to find its row in `symbols`.
        symbols: (6, 258) in the order of their codes.
    """
    return (
        np.zeros((_MAX_TABLES, 1 << _TABLE_BITS), np.uint16),
        np.zeros((_MAX_TABLES, _MAX_CODE_BITS + 1), np.int64),
        np.zeros((_MAX_TABLES, _MAX_CODE_BITS + 1), np.int64),
        np.zeros((_MAX_TABLES, _MAX_SYMBOLS), np.uint16),
    )


@njit(cache=True, nogil=True)
def _read_tables(
    words: Words, bit: int, num_tables: int, num_symbols: int, codes: tuple[Ints, Ints, Ints, Ints]
) -> int:
    """Read all tables of codes; the bit after them, or `REFUSED`."""
    short, limits, bases, symbols = codes
    lengths = np.empty(num_symbols, np.int64)
    for row in range(num_tables):
        bit = _read_lengths(words, bit, lengths)
        if bit == REFUSED:
            return REFUSED
        if not _assign_codes(lengths, short[row], limits[row], bases[row], symbols[row]):
            return REFUSED
    return bit


@njit(cache=True, nogil=True)
def _read_lengths(words: Words, bit: int, lengths: Ints) -> int:
    """Read how many bits each symbol's code has, as steps up and down from the one before."""
    last = (words.size - PADDING) * 32
    length = _peek(words, bit, 5)
    bit += 5
    for symbol in range(lengths.size):
        while True:
            if not 1 <= length <= _MAX_CODE_BITS or bit > last:
                return REFUSED
            if not _peek(words, bit, 1):
                bit += 1
                break
            length += -1 if _peek(words, bit + 1, 1) else 1
            bit += 2
        lengths[symbol] = length
    return bit


@njit(cache=True, nogil=True)
def _assign_codes(lengths: Ints, short: Ints, limits: Ints, bases: Ints, symbols: Ints) -> bool:
    """Give the symbols their canonical codes; False where there are more than fit."""
    code = row = 0
    for length in range(1, _MAX_CODE_BITS + 1):
        bases[length] = row - code
        for symbol in range(lengths.size):
            if lengths[symbol] != length:
                continue
            symbols[row] = symbol
            if length <= _TABLE_BITS:
                first = code << (_TABLE_BITS - length)
                behind = first + (1 << (_TABLE_BITS - length))
                if behind > short.size:
                    return False
                short[first:behind] = (symbol << 5) | length
            code += 1
            row += 1
        limits[length] = code << (_MAX_CODE_BITS - length)
        code <<= 1
    return True


@njit(cache=True, nogil=True)
def _read_symbols(
    words: Words,
    bit: int,
    selectors: Bytes,
    codes: tuple[Ints, Ints, Ints, Ints],
    used: Bytes,
    column: Bytes,
    counts: Ints,
) -> tuple[int, int]:
    """Read symbol after symbol and write what each stands for.

    Returns:
        Length of the column and the bit after the block; or `REFUSED` and 0.
    """
    short, limits, bases, symbols = codes
    front, middle, others = _foremost(used)
    end_symbol = used.size + 1
    capacity = column.size - _MIN_RUN_ROOM
    length = 0
    weight = 1
    window, num_bits, at = _open_window(words, bit)
    for selector in selectors:
        if at + uint64(PADDING // 2) > uint64(words.size):
            return REFUSED, 0
        table = short[selector]
        for _ in range(_GROUP_SYMBOLS):
            window, num_bits, at = _refill(words, window, num_bits, at)
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
            place, run, weight = _meaning_of(symbol, weight)
            if run > capacity - length:
                return REFUSED, 0
            byte, front, middle = _move_to_front(front, middle, others, place)
            counts[byte] += run
            _write_run(column, length, run, byte)
            length += run
    return REFUSED, 0


@njit(cache=True, nogil=True)
def _open_window(words: Words, bit: int) -> tuple[int, int, int]:
    """The next bits of the data in one word, highest first; how many; the next word to read."""
    at = uint64(bit >> 5)
    window = ((uint64(words[at]) << uint64(32)) | uint64(words[at + uint64(1)])) << uint64(bit & 31)
    return window, int64(64 - (bit & 31)), at + uint64(2)


@njit(cache=True, nogil=True, inline="always")
def _refill(words: Words, window: int, num_bits: int, at: int) -> tuple[int, int, int]:
    """Keep at least 32 bits in the window: more than the longest code has."""
    if num_bits < _WORD_BITS:
        window |= uint64(words[at]) << uint64(_WORD_BITS - num_bits)
        at += uint64(1)
        num_bits += _WORD_BITS
    return window, num_bits, at


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


@njit(cache=True, nogil=True, inline="always")
def _meaning_of(symbol: int, weight: int) -> tuple[int, int, int]:
    """What a symbol says: a place in the list of bytes, how often to write it, the next weight.

    Symbols 0 and 1 are the digits 1 and 2 of a run's length (bijective, base two, lowest first).
    Each digit is written at once, as a run of the foremost byte: so a digit and a byte take the
    same steps, without a branch, of which the processor would guess every third wrong.
    """
    is_digit = symbol <= 1
    place = 0 if is_digit else symbol - 1
    run = weight << symbol if is_digit else 1
    return place, run, weight << 1 if is_digit else 1


@njit(cache=True, nogil=True, inline="always")
def _write_run(column: Bytes, length: int, run: int, byte: int) -> None:
    """Write a run of a byte; a few places after a short one are written too, and then again."""
    for row in range(length, length + _MIN_RUN_ROOM):
        column[row] = uint8(byte)
    for row in range(length + _MIN_RUN_ROOM, length + run):
        column[row] = uint8(byte)


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
def _move_to_front(front: int, middle: int, others: Bytes, place: int) -> tuple[int, int, int]:
    """Move the byte at a place to the front; (the byte, then the two words)."""
    if place < 2 * _NUM_FRONT:
        # A mask of ones, not a branch, decides whether the byte is in the second word.
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
