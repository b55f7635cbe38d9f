"""The edges on a device, readable from both sides, and products with the degree-normalised matrix.

The matrix is A[b, l] = count / (book_degree[b] * link_degree[l]) ** exponent, where a degree is a
number of mentions. With the usual exponent of a half, its largest singular value is 1. It is never
built densely, and it has no gradient.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from bookgraph.core.edges import EdgeList, Int64Array
from bookgraph.embed.device import to_device

# Of the degrees, as built.
_EXPONENT = 0.5
# On CUDA one warp sums one row, edge after edge, so the longest row decides how long all take. An
# H100 sums 771,000 edges in rows of up to 6,672 in 1.4 ms, or in pieces of 64 in 0.2 ms.
_MAX_PIECE = 64
# Rows that are hardly longer are summed faster in one piece.
_MAX_PIECES_IN_ONE = 8


@dataclass(frozen=True, slots=True)
class Pieces:
    """Rows cut into pieces of bounded length, so that a device can sum a long row in parallel.

    Attributes:
        offsets: (num_pieces + 1,) int64, ascending; the pieces' `Neighbours.offsets`.
        firsts: (num_rows + 1,) int64, ascending; row r owns pieces `firsts[r]` to `firsts[r + 1]`.
        numbers: (num_pieces,) int64, 0, 1, 2, ...
    """

    offsets: Tensor
    firsts: Tensor
    numbers: Tensor


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The neighbours of each row of one side, as compressed sparse rows on the device.

    Attributes:
        offsets: (num_rows + 1,) int64, ascending; row r owns `columns[offsets[r]:offsets[r + 1]]`.
        columns: (num_edges,) int64, rows of the other side, ascending within a row.
        weights: (num_edges,) float32, the degree-normalised weight of each edge.
        num_columns: rows of the other side.
        pieces: of the rows, or None where each row is summed in one piece.
    """

    offsets: Tensor
    columns: Tensor
    weights: Tensor
    num_columns: int
    pieces: Pieces | None = None

    @property
    def degrees(self) -> Tensor:
        """(num_rows,) int64: neighbours of each row, each counted once."""
        return self.offsets[1:] - self.offsets[:-1]

    def average(self, table: Tensor) -> Tensor:
        """Multiply the normalised matrix with a table of the other side.

        Args:
            table: (num_columns, dim) float32 or bfloat16, which takes half the time.

        Returns:
            (num_rows, dim) of the table's type; a row without neighbours is zero.
        """
        # As a sum of bags this takes 6 ms for 965,000 edges of 64 numbers on one core, 3 ms in
        # bfloat16; torch's sparse CSR product takes five times as long, index_add_ 100 times.
        sums = functional.embedding_bag(
            self.columns,
            # LAPACK returns tables in column order, which makes the sum 15 times slower.
            table.contiguous(),
            self.offsets if self.pieces is None else self.pieces.offsets,
            mode="sum",
            per_sample_weights=self.weights.type(table.dtype),
            include_last_offset=True,
        )
        if self.pieces is None:
            return sums
        return functional.embedding_bag(
            self.pieces.numbers, sums, self.pieces.firsts, mode="sum", include_last_offset=True
        )

    def weighted(self, of_row: Tensor, of_column: Tensor) -> Neighbours:
        """The same neighbours, each weight multiplied by numbers of its row and of its column."""
        of_edge = of_row.repeat_interleave(self.degrees, output_size=len(self.columns))
        return replace(self, weights=self.weights * of_edge * of_column[self.columns])

    def list_edges(self, rows: Tensor, *, num_edges: int | None = None) -> tuple[Tensor, Tensor]:
        """All edges of some rows.

        Args:
            rows: (num_rows,) int64, repeats allowed.
            num_edges: how many edges the rows have in all, counted with repeats. Without it the
                host waits for the device.

        Returns:
            (num_edges,) int64 positions in `rows`, ascending, and (num_edges,) int64 columns.
        """
        starts = self.offsets[rows]
        degrees = self.offsets[rows + 1] - starts
        positions = torch.arange(len(rows), device=rows.device)
        positions = positions.repeat_interleave(degrees, output_size=num_edges)
        first = degrees.cumsum(0) - degrees
        within = torch.arange(len(positions), device=rows.device) - first[positions]
        return positions, self.columns[starts[positions] + within]


class EdgeLookup:
    """Answers which pairs of rows are edges; built once for many batches."""

    def __init__(self, neighbours: Neighbours) -> None:
        """Number the edges: row * num_columns + column."""
        rows = torch.arange(len(neighbours.degrees), device=neighbours.columns.device)
        # Ascending, because rows ascend and columns ascend within a row.
        rows = rows.repeat_interleave(neighbours.degrees, output_size=len(neighbours.columns))
        self._num_columns = neighbours.num_columns
        self._keys = rows * neighbours.num_columns + neighbours.columns

    def contains(self, rows: Tensor, columns: Tensor) -> Tensor:
        """Which pairs are edges. The host does not wait for the device.

        Args:
            rows: int64.
            columns: int64, of a shape that broadcasts with `rows`; negative ones are in no edge.

        Returns:
            bool, in the broadcast shape.
        """
        wanted = rows * self._num_columns + columns
        if len(self._keys) == 0:
            return torch.zeros_like(wanted, dtype=torch.bool)
        found = torch.searchsorted(self._keys, wanted).clamp(max=len(self._keys) - 1)
        return (self._keys[found] == wanted) & (columns >= 0)


@dataclass(frozen=True, slots=True)
class Adjacency:
    """A bipartite graph on one device.

    Attributes:
        book_rows: (num_edges,) int64, ascending; the link rows are `of_books.columns`.
        counts: (num_edges,) int64, mentions of each edge.
        num_mentions: mentions of all edges.
        of_books: the links of each book.
        of_links: the books of each link.
        book_shares: (num_books,) float32, each book's share of all mentions; at least a tiny
            number, so that its log is finite.
        link_shares: (num_links,) float32, likewise.
    """

    book_rows: Tensor
    counts: Tensor
    num_mentions: int
    of_books: Neighbours
    of_links: Neighbours
    book_shares: Tensor
    link_shares: Tensor

    @property
    def num_books(self) -> int:
        """Rows of the book table."""
        return self.of_links.num_columns

    @property
    def num_links(self) -> int:
        """Rows of the link table."""
        return self.of_books.num_columns

    @property
    def device(self) -> torch.device:
        """Where the graph is."""
        return self.counts.device

    def with_exponent(self, exponent: float) -> Adjacency:
        """The same edges, weighted with another exponent of the degrees in place of a half."""
        if exponent == _EXPONENT:
            return self
        of_book, of_link = (
            (shares * self.num_mentions) ** (_EXPONENT - exponent)
            for shares in (self.book_shares, self.link_shares)
        )
        return replace(
            self,
            of_books=self.of_books.weighted(of_book, of_link),
            of_links=self.of_links.weighted(of_link, of_book),
        )


def build_adjacency(edges: EdgeList, *, device: torch.device) -> Adjacency:
    """Copy the edges to the device, from both sides, with degree-normalised weights.

    Args:
        edges: not changed.
        device: where everything goes.
    """
    books, links = edges.book_rows, edges.link_rows
    counts = edges.counts.astype(np.float64)
    book_degrees = np.bincount(books, weights=counts, minlength=edges.num_books)
    link_degrees = np.bincount(links, weights=counts, minlength=edges.num_links)
    weights = (counts / np.sqrt(book_degrees[books] * link_degrees[links])).astype(np.float32)
    by_link = np.argsort(links, kind="stable")

    return Adjacency(
        book_rows=to_device(books, device),
        counts=to_device(edges.counts, device),
        num_mentions=edges.num_mentions,
        of_books=_build_neighbours(
            _offsets(books, edges.num_books), links, weights, edges.num_links, device
        ),
        of_links=_build_neighbours(
            _offsets(links, edges.num_links),
            books[by_link],
            weights[by_link],
            edges.num_books,
            device,
        ),
        book_shares=to_device(_shares(book_degrees.astype(np.float64)), device),
        link_shares=to_device(_shares(link_degrees.astype(np.float64)), device),
    )


def _build_neighbours(
    offsets: Int64Array,
    columns: Int64Array,
    weights: NDArray[np.float32],
    num_columns: int,
    device: torch.device,
) -> Neighbours:
    return Neighbours(
        offsets=to_device(offsets, device),
        columns=to_device(columns, device),
        weights=to_device(weights, device),
        num_columns=num_columns,
        # A core sums a whole row at the speed of its cache, however long the row is.
        pieces=cut_long_rows(offsets, device=device) if device.type == "cuda" else None,
    )


def cut_long_rows(
    offsets: Int64Array, *, device: torch.device, max_piece: int = _MAX_PIECE
) -> Pieces | None:
    """Cut rows into pieces of at most `max_piece` edges.

    Args:
        offsets: (num_rows + 1,) int64, see `Neighbours`.
        device: where the pieces go.
        max_piece: edges in one piece, at least 1.

    Returns:
        The pieces, or None where no row is longer than eight of them.
    """
    degrees = np.diff(offsets)
    num_pieces = np.maximum(-(-degrees // max_piece), 1)
    if num_pieces.max(initial=1) <= _MAX_PIECES_IN_ONE:
        return None
    firsts = np.concatenate(([0], np.cumsum(num_pieces)))
    numbers = np.arange(firsts[-1])
    within = numbers - np.repeat(firsts[:-1], num_pieces)
    starts = np.repeat(offsets[:-1], num_pieces) + within * max_piece
    return Pieces(
        offsets=to_device(np.append(starts, offsets[-1:]), device),
        firsts=to_device(firsts, device),
        numbers=to_device(numbers, device),
    )


def _shares(degrees: NDArray[np.float64]) -> NDArray[np.float32]:
    shares: NDArray[np.float64] = np.maximum(degrees / max(float(degrees.sum()), 1.0), 1e-12)
    return shares.astype(np.float32)


def _offsets(rows: Int64Array, num_rows: int) -> Int64Array:
    return np.concatenate(([0], np.cumsum(np.bincount(rows, minlength=num_rows)))).astype(np.int64)
