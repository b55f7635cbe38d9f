"""Decodes bzip2 blocks one after the other, in less than half the standard library's time.

It compares each block's checksum. A block that it refuses is decoded by the standard library, see
`ingest.bzip2.blocks`; so is every block where numba is missing. No I/O.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from bookgraph.ingest.bzip2.symbols import (
    MAX_BLOCK,
    REFUSED,
    ROOM,
    Bytes,
    Ints,
    Words,
    read_block,
    to_words,
)
from bookgraph.ingest.bzip2.transform import (
    CRC_TABLES,
    NUM_LANES,
    NUM_STRETCHES,
    checksum_of,
    link,
    unfold_runs,
    walk,
)

__all__ = ["BlockDecoder", "borrowed_decoder", "to_words"]


@dataclass(slots=True)
class BlockDecoder:
    """Room to decode a block in; made once, reused.

    Attributes:
        column: (ROOM,) uint8, the transform's last column, see `symbols.read_block`.
        counts: (256,) int64, how often each byte is in it.
        links: (900,000,) uint32, see `transform.link`.
        lanes: (NUM_LANES, 900,000) uint8, what each lane of the walk has met; little is touched.
        stretches: (NUM_STRETCHES, 4) int64, see `transform.walk`.
        walked: (900,000) uint8, the text, runs still folded.
        unfolded: (1,800,000) uint8, the text; a block of nothing but long runs needs more.
    """

    column: Bytes = field(default_factory=lambda: np.zeros(ROOM, np.uint8))
    counts: Ints = field(default_factory=lambda: np.zeros(256, np.int64))
    links: Words = field(default_factory=lambda: np.zeros(MAX_BLOCK, np.uint32))
    lanes: Bytes = field(default_factory=lambda: np.zeros((NUM_LANES, MAX_BLOCK), np.uint8))
    stretches: Ints = field(default_factory=lambda: np.zeros((NUM_STRETCHES, 4), np.int64))
    walked: Bytes = field(default_factory=lambda: np.zeros(MAX_BLOCK, np.uint8))
    unfolded: Bytes = field(default_factory=lambda: np.zeros(2 * MAX_BLOCK, np.uint8))

    def decode(self, words: Words, begin: int) -> tuple[bytes, int] | None:
        """Decode the block whose mark begins at a bit.

        Args:
            words: of `to_words`.
            begin: in bits.

        Returns:
            Its text and the bit after the block, or None where it is not plainly sound.
        """
        length, origin, checksum, end = read_block(words, begin, self.column, self.counts)
        if length == REFUSED:
            return None
        link(self.column[:length], self.counts, self.links)
        walk(self.links[:length], origin, self.lanes, self.stretches, self.walked)
        text = self._unfold(self.walked[:length])
        return (text.tobytes(), int(end)) if checksum_of(text, CRC_TABLES) == checksum else None

    def _unfold(self, walked: Bytes) -> Bytes:
        text = self.unfolded
        length = unfold_runs(walked, text)
        if length > text.size:
            text = np.empty(length, np.uint8)
            unfold_runs(walked, text)
        return text[:length]


_spare_decoders: list[BlockDecoder] = []


@contextmanager
def borrowed_decoder() -> Iterator[BlockDecoder]:
    """A decoder of this process, whose room need not be made for each range that is read."""
    decoder = _spare_decoders.pop() if _spare_decoders else BlockDecoder()
    try:
        yield decoder
    finally:
        _spare_decoders.append(decoder)
