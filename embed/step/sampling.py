"""Mini-batches of sampled edges with shared sampled negatives, drawn on the device.

Every draw comes from one generator; nothing here waits for the device inside an epoch, loops over
examples, or keeps a set of pairs.
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
        is_positive: (batch_size, num_negatives) bool, true where a row makes no negative: it is a
            neighbour of the batch's row in truth, or (in the batch's own) it is the positive.
    """

    rows: Tensor
    is_positive: Tensor


@dataclass(frozen=True, slots=True)
class Batch:
    """One step's pairs and negatives.

    Attributes:
        book_rows: (batch_size,) int64.
        link_rows: (batch_size,) int64; pair i is (book_rows[i], link_rows[i]).
        negative_links: links that the batch's books are compared with.
        negative_books: books that the batch's links are compared with, or None.
    """

    book_rows: Tensor
    link_rows: Tensor
    negative_links: Negatives
    negative_books: Negatives | None

    def __len__(self) -> int:
        return len(self.book_rows)


def num_steps(num_pairs: int, batch_size: int) -> int:
    """Steps in one epoch; the last one may be smaller."""
    return -(-num_pairs // batch_size)


def iter_epoch(
    graph: Adjacency,
    generator: torch.Generator,
    *,
    batch_size: int,
    num_negatives: int,
    is_from_batch: bool = False,
    has_negative_books: bool = False,
) -> Iterator[Batch]:
    """Go once over all pairs in a new random order; an edge counted n times comes n times.

    Args:
        graph: the edges to draw.
        generator: on the graph's device; its state moves on.
        batch_size: pairs a step.
        num_negatives: rows a step on each side, at most; fewer where the source has fewer.
        is_from_batch: whether the negatives are the batch's own rows instead of drawn ones.
        has_negative_books: whether links get negatives too.

    Yields:
        `num_steps` batches.
    """
    books, links = _shuffle(graph, generator)
    # The one wait for the device in an epoch: sizes that the steps would else each ask for.
    if is_from_batch:
        yield from _iter_own(books, links, batch_size, num_negatives, has_books=has_negative_books)
        return
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
    device = graph.edges.device
    positions = torch.arange(len(graph.edges), device=device).repeat_interleave(graph.counts)
    order = torch.randperm(len(positions), generator=generator, device=device)
    pairs = graph.edges[positions[order]]
    return pairs[:, 0].contiguous(), pairs[:, 1].contiguous()


def _iter_own(
    books: Tensor, links: Tensor, batch_size: int, num_negatives: int, *, has_books: bool
) -> Iterator[Batch]:
    """Batches whose negatives are their own rows.

    Only the positive itself is masked. Masking every true pair costs a search for each of the
    batch_size x num_negatives pairs, doubles the time of a step, and changed recall@20 by less
    than its noise on the graphs it was tried on.
    """
    for book_rows, link_rows in zip(
        torch.split(books, batch_size), torch.split(links, batch_size), strict=True
    ):
        drawn_links, drawn_books = link_rows[:num_negatives], book_rows[:num_negatives]
        yield Batch(
            book_rows=book_rows,
            link_rows=link_rows,
            negative_links=Negatives(drawn_links, link_rows[:, None] == drawn_links),
            negative_books=Negatives(drawn_books, book_rows[:, None] == drawn_books)
            if has_books
            else None,
        )


def draw_rows(num_rows: int, num_drawn: int, generator: torch.Generator) -> Tensor:
    """Draw distinct rows, each with the same probability.

    The rows are cut into `num_drawn` stretches of equal length (to within one), one row is drawn
    from each, and a common random shift makes every row equally likely. Unlike a permutation it
    costs nothing for the rows that are not drawn, unlike rejection it has a fixed size.

    Args:
        num_rows: rows to choose from.
        num_drawn: how many; with `num_rows` or more, all rows come, in order.
        generator: its device is the result's.

    Returns:
        (min(num_drawn, num_rows),) int64, distinct, ascending, in [0, num_rows).
    """
    device = generator.device
    if num_drawn >= num_rows:
        return torch.arange(num_rows, device=device)
    edges = torch.arange(num_drawn + 1, device=device) * num_rows // num_drawn
    lengths = edges[1:] - edges[:-1]
    share = torch.rand(num_drawn, generator=generator, device=device, dtype=torch.float64)
    shift = torch.randint(num_rows, (1,), generator=generator, device=device)
    return ((edges[:-1] + (share * lengths).long() + shift) % num_rows).sort().values


def mark_positives(neighbours: Neighbours, rows: Tensor, drawn: Tensor, *, size: int) -> Tensor:
    """Find the drawn rows that are neighbours of the batch's rows.

    The cost is that of listing the batch's neighbours, not that of a search for each of the
    batch_size x num_drawn pairs.

    Args:
        neighbours: of the batch's side.
        rows: (batch_size,) int64, rows of the batch's side; repeats allowed.
        drawn: (num_drawn,) int64, distinct rows of the other side, ascending.
        size: neighbours of all `rows` together, counted with repeats.

    Returns:
        (batch_size, num_drawn) bool.
    """
    device = rows.device
    num_drawn = len(drawn)
    starts = neighbours.offsets[rows]
    degrees = neighbours.offsets[rows + 1] - starts
    places = torch.arange(len(rows), device=device)
    place = places.repeat_interleave(degrees, output_size=size)
    first = degrees.cumsum(0) - degrees
    within = torch.arange(size, device=device) - first[place]
    neighbour = neighbours.columns[starts[place] + within]
    found = torch.searchsorted(drawn, neighbour).clamp(max=num_drawn - 1)
    # Neighbours that were not drawn share one spare column, which is cut off at the end.
    columns = torch.where(drawn[found] == neighbour, found, num_drawn)
    marks = torch.zeros((len(rows), num_drawn + 1), dtype=torch.bool, device=device)
    marks.view(-1).index_fill_(0, place * (num_drawn + 1) + columns, value=True)
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
