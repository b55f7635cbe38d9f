"""Decodes bzip2 blocks, up to four at once, faster than the standard library.

What a decoder waits for is memory: undoing the Burrows-Wheeler transform is a walk over random
places in 3.6 MB, one after the other. Four blocks walked in turn wait together, as long as they
fit into the processor's cache. Every block's checksum is compared; one that is refused is left to
`ingest.bzip2`, which asks the standard library. No I/O.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from ingest.bzip2_kernels import (
    CRC_TABLES,
    MAX_BLOCK,
    REFUSED,
    Bytes,
    Ints,
    Words,
    checksum_of,
    read_block,
    unfold_runs,
    walk_four,
)

NUM_CHAINS = 4
"""Most blocks that are walked at once; eight are slower than one on any machine that was tried."""

_TRY_EVERY = 24


@dataclass(slots=True)
class Pace:
    """Finds out how many blocks to walk at once.

    It depends on how much of the shared cache is free, which the neighbours on the machine change
    by the minute: 10 ns a byte alone and 3.3 by four where there is room, 17 and 28 where there is
    not.

    Attributes:
        num_chains: how many to walk next.
        costs: seconds a byte when so many were walked last; 0 before.
        num_batches: how many were walked so far.
    """

    num_chains: int = NUM_CHAINS
    costs: dict[int, float] = field(default_factory=lambda: {NUM_CHAINS: 0.0, 2: 0.0, 1: 0.0})
    num_batches: int = 0

    def note(self, cost: float) -> None:
        """Remember what a batch of `num_chains` took, and choose the next number."""
        self.costs[self.num_chains] = cost
        self.num_batches += 1
        choices = list(self.costs)
        if self.num_batches % _TRY_EVERY < len(choices):
            self.num_chains = choices[self.num_batches % _TRY_EVERY]
        else:
            self.num_chains = min(choices, key=lambda num: self.costs[num])


@dataclass(slots=True)
class BlockBatch:
    """Room for `NUM_CHAINS` blocks between the two halves of their decoding; made once, reused.

    Attributes:
        links: (NUM_CHAINS, 900,000) uint32; low byte the symbol, the rest where the next one is.
        walked: (NUM_CHAINS, 900,000) uint8, symbols in order, runs still folded.
        unfolded: (1,800,000) uint8, one text; a block of nothing but long runs needs more.
        lengths: (NUM_CHAINS,) int64, symbols of each block.
        origins: (NUM_CHAINS,) int64, where each walk begins.
        checksums: of each block, as it states them.
        num_blocks: how many of the rows are filled.
        pace: says how many of them to walk at once.
    """

    links: Words = field(default_factory=lambda: np.zeros((NUM_CHAINS, MAX_BLOCK), np.uint32))
    walked: Bytes = field(default_factory=lambda: np.zeros((NUM_CHAINS, MAX_BLOCK), np.uint8))
    unfolded: Bytes = field(default_factory=lambda: np.zeros(2 * MAX_BLOCK, np.uint8))
    lengths: Ints = field(default_factory=lambda: np.zeros(NUM_CHAINS, np.int64))
    origins: Ints = field(default_factory=lambda: np.zeros(NUM_CHAINS, np.int64))
    checksums: list[int] = field(default_factory=lambda: [0] * NUM_CHAINS)
    num_blocks: int = 0
    pace: Pace = field(default_factory=Pace)

    @property
    def is_full(self) -> bool:
        """Whether `texts` must be called before another block is added."""
        return self.num_blocks >= self.pace.num_chains

    def add(self, words: Words, begin: int) -> int | None:
        """Read the block whose mark begins at a bit.

        Args:
            words: of `to_words`.
            begin: in bits.

        Returns:
            The bit after the block, or None where it is not sound; nothing is added then.
        """
        row = self.num_blocks
        length, origin, checksum, end = read_block(words, begin, self.links[row])
        if length == REFUSED:
            return None
        self.lengths[row], self.origins[row], self.checksums[row] = length, origin, checksum
        self.num_blocks += 1
        return int(end)

    def texts(self) -> list[bytes | None]:
        """The text of each block that was added, None where its checksum disagrees; empties it."""
        num_blocks, self.num_blocks = self.num_blocks, 0
        if num_blocks:
            # A chain without a block of its own repeats the last one, which then lies in the cache.
            rows = np.minimum(np.arange(NUM_CHAINS), num_blocks - 1)
            start_s = time.perf_counter()
            walk_four(self.links, rows, self.lengths, self.origins, self.walked)
            elapsed_s = time.perf_counter() - start_s
            if num_blocks == self.pace.num_chains:
                self.pace.note(elapsed_s / self.lengths[:num_blocks].sum())
        return [self._text(row) for row in range(num_blocks)]

    def _text(self, row: int) -> bytes | None:
        walked = self.walked[row, : self.lengths[row]]
        text = self.unfolded
        length = unfold_runs(walked, text)
        if length > text.size:
            text = np.empty(length, np.uint8)
            unfold_runs(walked, text)
        text = text[:length]
        return text.tobytes() if checksum_of(text, CRC_TABLES) == self.checksums[row] else None


_spare_batches: list[BlockBatch] = []


@contextmanager
def borrowed_batch() -> Iterator[BlockBatch]:
    """A batch of this process, empty: 18 MB that need not be made for each range that is read."""
    batch = _spare_batches.pop() if _spare_batches else BlockBatch()
    batch.num_blocks = 0
    try:
        yield batch
    finally:
        _spare_batches.append(batch)
