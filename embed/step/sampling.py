"""Batches of mentions in random order with shared negatives, drawn on the device.

All randomness comes from one generator. Within an epoch nothing here makes the host wait for the
device, loops over single mentions, or keeps a set of pairs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from bookgraph.embed.data.adjacency import Adjacency, Neighbours


@dataclass(frozen=True, slots=True)
class Negatives:
    """Rows of one side that the whole batch is compared with.

    Attributes:
        rows: (num_negatives,) int64; distinct and ascending where they were drawn, with repeats
            where they are the batch's own.
        is_positive: (batch_size, num_negatives) bool, true where the pair is an edge, which does
            not count as a negative. None for the batch's own rows, of which only the positive
            itself does not count.
    """

    rows: Tensor
    is_positive: Tensor | None


@dataclass(frozen=True, slots=True)
class Batch:
    """One step's positives and negatives.

    Attributes:
        book_rows: (batch_size,) int64.
        link_rows: (batch_size,) int64; positive i is (book_rows[i], link_rows[i]).
        negative_links: links that the batch's books are compared with.
        negative_books: books that the batch's links are compared with, or None.
    """

    book_rows: Tensor
    link_rows: Tensor
    negative_links: Negatives
    negative_books: Negatives | None

    def __len__(self) -> int:
        return len(self.book_rows)


def num_steps(num_mentions: int, batch_size: int) -> int:
    """Steps in one epoch; the last batch may be smaller."""
    return -(-num_mentions // batch_size)


def iter_epoch(
    graph: Adjacency,
    generator: torch.Generator,
    *,
    batch_size: int,
    num_negatives: int,
    is_from_batch: bool = False,
    has_negative_books: bool = False,
) -> Iterator[Batch]:
    """Go once over all mentions in a new random order.

    Args:
        graph: the edges; one with n mentions occurs n times.
        generator: on the graph's device; its state advances.
        batch_size: positives in one step.
        num_negatives: negatives in one step on each side, at most; fewer where the source has
            fewer rows.
        is_from_batch: whether the negatives are the batch's own rows instead of drawn ones.
        has_negative_books: whether links are compared with negative books too.

    Yields:
        `num_steps` batches.
    """
    books, links = _shuffle(graph, generator)
    if is_from_batch:
        yield from _iter_own(books, links, batch_size, num_negatives, has_books=has_negative_books)
        return
    # The only wait for the device in an epoch: all steps' sizes at once.
    book_sizes = _batch_sizes(graph.of_books, books, batch_size)
    link_sizes = _batch_sizes(graph.of_links, links, batch_size) if has_negative_books else []
    for step in range(num_steps(len(books), batch_size)):
        book_rows = books[step * batch_size : (step + 1) * batch_size]
        link_rows = links[step * batch_size : (step + 1) * batch_size]
        yield Batch(
            book_rows=book_rows,
            link_rows=link_rows,
            negative_links=_draw_negatives(
                graph.of_books, book_rows, generator, num_negatives, book_sizes[step]
            ),
            negative_books=_draw_negatives(
                graph.of_links, link_rows, generator, num_negatives, link_sizes[step]
            )
            if has_negative_books
            else None,
        )


def iter_pairs(
    graph: Adjacency, generator: torch.Generator, *, batch_size: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """`iter_epoch` without negatives: (batch_size,) int64 book rows and link rows."""
    books, links = _shuffle(graph, generator)
    yield from zip(torch.split(books, batch_size), torch.split(links, batch_size), strict=True)


def _shuffle(graph: Adjacency, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    edges = torch.arange(len(graph.counts), device=graph.device).repeat_interleave(
        graph.counts, output_size=graph.num_mentions
    )
    order = torch.randperm(len(edges), generator=generator, device=graph.device)
    shuffled = edges[order]
    return graph.book_rows[shuffled], graph.of_books.columns[shuffled]


def _iter_own(
    books: Tensor, links: Tensor, batch_size: int, num_negatives: int, *, has_books: bool
) -> Iterator[Batch]:
    """Batches whose negatives are their own rows.

    Only the positive itself is masked. Masking every edge needs a search for each of the
    batch_size x num_negatives pairs, doubles the time of a step, and changed recall@20 by less
    than its noise on the graphs measured.
    """
    for book_rows, link_rows in zip(
        torch.split(books, batch_size), torch.split(links, batch_size), strict=True
    ):
        drawn_links, drawn_books = link_rows[:num_negatives], book_rows[:num_negatives]
        yield Batch(
            book_rows=book_rows,
            link_rows=link_rows,
            negative_links=Negatives(drawn_links, None),
            negative_books=Negatives(drawn_books, None) if has_books else None,
        )


def draw_rows(num_rows: int, num_drawn: int, generator: torch.Generator) -> Tensor:
    """Draw distinct rows, each with the same probability.

    This is systematic sampling: the rows are cut into `num_drawn` ranges of equal length (to
    within one), one row is drawn from each, and a common random shift makes every row equally
    likely. Unlike a permutation, it costs nothing for the rows that are not drawn. Unlike
    rejection, it has a fixed size.

    Args:
        num_rows: rows to choose from.
        num_drawn: how many; with `num_rows` or more, the result is all rows.
        generator: its device is the result's.

    Returns:
        (min(num_drawn, num_rows),) int64, distinct, ascending, in [0, num_rows).
    """
    device = generator.device
    if num_drawn >= num_rows:
        return torch.arange(num_rows, device=device)
    bounds = torch.arange(num_drawn + 1, device=device) * num_rows // num_drawn
    lengths = bounds[1:] - bounds[:-1]
    share = torch.rand(num_drawn, generator=generator, device=device, dtype=torch.float64)
    shift = torch.randint(num_rows, (1,), generator=generator, device=device)
    return ((bounds[:-1] + (share * lengths).long() + shift) % num_rows).sort().values


def mark_positives(neighbours: Neighbours, rows: Tensor, drawn: Tensor, *, size: int) -> Tensor:
    """Find the drawn rows that are neighbours of the batch's rows.

    The cost is that of listing the batch's edges, not that of a search for each of the
    batch_size x num_drawn pairs.

    Args:
        neighbours: of the batch's side.
        rows: (batch_size,) int64, rows of the batch's side; repeats allowed.
        drawn: (num_drawn,) int64, distinct rows of the other side, ascending.
        size: edges of all `rows` together, counted with repeats.

    Returns:
        (batch_size, num_drawn) bool.
    """
    num_drawn = len(drawn)
    position, neighbour = neighbours.list_edges(rows, num_edges=size)
    found = torch.searchsorted(drawn, neighbour).clamp(max=num_drawn - 1)
    # Neighbours that were not drawn share one spare column, which is cut off at the end.
    columns = torch.where(drawn[found] == neighbour, found, num_drawn)
    marks = torch.zeros((len(rows), num_drawn + 1), dtype=torch.bool, device=rows.device)
    marks.view(-1).index_fill_(0, position * (num_drawn + 1) + columns, value=True)
    return marks[:, :num_drawn]


def _draw_negatives(
    neighbours: Neighbours,
    rows: Tensor,
    generator: torch.Generator,
    num_negatives: int,
    size: int,
) -> Negatives:
    drawn = draw_rows(neighbours.num_columns, num_negatives, generator)
    return Negatives(drawn, mark_positives(neighbours, rows, drawn, size=size))


def _batch_sizes(neighbours: Neighbours, rows: Tensor, batch_size: int) -> list[int]:
    sums = neighbours.degrees[rows].cumsum(0)
    last = sums[-1:] if len(rows) % batch_size else sums[:0]
    ends = torch.cat((sums[batch_size - 1 :: batch_size], last)).tolist()
    return [int(end - start) for start, end in zip([0, *ends], ends, strict=False)]
