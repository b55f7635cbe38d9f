"""The public functions that take `pairs`: one row for each mention, in any order.

All other modules of this folder work on an `EdgeList`, which holds each edge once with its number
of mentions.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bookgraph.core.edges import Int64Array
from bookgraph.core.errors import UsageError
from bookgraph.core.fold_in import fold_in_directions
from bookgraph.core.progress import OnProgress, ignore_progress
from bookgraph.embed.config import TrainConfig
from bookgraph.embed.data.edges import (
    build_edge_list,
    build_pairs,
    check_not_empty,
    check_pairs,
    split_edge_list,
)
from bookgraph.embed.embeddings import Embeddings
from bookgraph.embed.evaluation.held_out import DEFAULT_BASELINES, rank_held_out
from bookgraph.embed.evaluation.report import RankingReport
from bookgraph.embed.train.checkpoint import Checkpoints
from bookgraph.embed.train.loop import OnEpoch, fit_edges


def fit(
    pairs: Int64Array,
    *,
    num_books: int,
    num_links: int,
    config: TrainConfig | None = None,
    on_progress: OnProgress = ignore_progress,
    on_epoch: OnEpoch | None = None,
    checkpoints: Checkpoints | None = None,
    external_pairs: Int64Array | None = None,
    num_external: int = 0,
) -> Embeddings:
    """Learn one vector for each book and each link from the mentions of links in books.

    Args:
        pairs: (num_pairs, 2) int64, rows of [book_row, link_row], book_row in [0, num_books) and
            link_row in [0, num_links). One row for each mention: repeats weigh more. The order
            does not matter. Not changed.
        num_books: rows of the book table, at least 1; books without a mention are allowed.
        num_links: rows of the link table, at least 1; links without a mention are allowed.
        config: how to train; the defaults when None.
        on_progress: called after every step, in the caller's thread.
        on_epoch: called after every epoch.
        checkpoints: where to keep the run between epochs. A run that finds a checkpoint with its
            own settings and data resumes from it, to the same result; a finished one removes it.
        external_pairs: (n, 2) int64, rows of [book_row, external_row], a second relation that is
            learned in the same space; repeats weigh more. External links count like links in
            training, in popularity and in the reported recall.
        num_external: rows of the table of external links.

    Returns:
        The embeddings. Rows of books and links without a mention are zero and marked as untrained.

    Raises:
        ShapeError: `pairs` or `external_pairs` does not match the description.
        TrainingError: there is no pair, or the loss is not finite; a smaller learning rate can
            help with the latter.
        UsageError: the device does not exist.
        TrainingInterrupted: Ctrl-C; its `embeddings` are usable.
    """
    external = None
    edges = build_edge_list(pairs, num_books=num_books, num_links=num_links)
    if external_pairs is not None and len(external_pairs):
        external = build_edge_list(
            external_pairs, num_books=num_books, num_links=num_external, name="external_pairs"
        )
    return fit_edges(
        edges,
        config or TrainConfig(),
        external=external,
        checkpoints=checkpoints,
        on_progress=on_progress,
        on_epoch=on_epoch,
    )


def evaluate_ranking(
    embeddings: Embeddings,
    train_pairs: Int64Array,
    test_pairs: Int64Array,
    *,
    k: int = 20,
    baselines: Sequence[str] = DEFAULT_BASELINES,
    seed: int = 0,
    device: str = "auto",
    on_progress: OnProgress = ignore_progress,
) -> RankingReport:
    """Rank all links for each book with a held-out edge; its training edges are left out.

    The score is the dot product. Equal scores are ordered by one random order of the links, common
    to all books and models, so that ties neither help nor harm on average.

    Args:
        embeddings: trained on `train_pairs` only.
        train_pairs: (num_pairs, 2) int64, rows of [book_row, link_row].
        test_pairs: (num_pairs, 2) int64; no pair is also in `train_pairs`, repeats count once.
        k: length of the lists, at least 1.
        baselines: names of what to measure besides the model.
        seed: of the order of ties and of the bootstrap.
        device: where to rank, see `TrainConfig`.
        on_progress: called after each chunk of books.

    Raises:
        ShapeError: the arrays do not fit the embeddings.
        TrainingError: there is no training or test pair.
        UsageError: a test pair is also a training pair, `k` is below 1, or a baseline is unknown.
    """
    num_books, num_links = len(embeddings.book), len(embeddings.link)
    train, test = (
        build_edge_list(some, num_books=num_books, num_links=num_links, name=name)
        for some, name in ((train_pairs, "train_pairs"), (test_pairs, "test_pairs"))
    )
    check_not_empty(train)
    return rank_held_out(
        embeddings,
        train,
        test,
        k=k,
        baselines=baselines,
        seed=seed,
        device=device,
        on_progress=on_progress,
    )


def split_edges(
    pairs: Int64Array,
    *,
    num_books: int,
    num_links: int,
    test_share: float = 0.2,
    seed: int = 0,
) -> tuple[Int64Array, Int64Array]:
    """Hold out a share of each book's edges; every book keeps at least one.

    All repeats of a pair go to the same side. A book's number of held-out edges is the expected
    one, rounded up or down at random, so that the share holds over all books.

    Args:
        pairs: (num_pairs, 2) int64, see `fit`.
        num_books: rows of the book table.
        num_links: rows of the link table.
        test_share: share of each book's edges to hold out, in [0, 1).
        seed: one seed gives one split, whatever the order of the pairs.

    Returns:
        Pairs to train on and pairs to test on, both (n, 2) int64, sorted, with repeats; together
        they are the given pairs.

    Raises:
        ShapeError: `pairs` does not match the description.
        TrainingError: there is no pair.
        UsageError: `test_share` is out of its range.
    """
    edges = build_edge_list(pairs, num_books=num_books, num_links=num_links)
    check_not_empty(edges)
    train, test = split_edge_list(edges, test_share=test_share, seed=seed)
    return build_pairs(train), build_pairs(test)


def fingerprint_pairs(pairs: Int64Array, *, num_books: int, num_links: int) -> str:
    """The sha256 of the data: equal for the same pairs in any order.

    Args:
        pairs: (num_pairs, 2) int64, see `fit`.
        num_books: rows of the book table.
        num_links: rows of the link table.

    Returns:
        64 hexadecimal digits.

    Raises:
        ShapeError: `pairs` does not match the description.
    """
    return build_edge_list(pairs, num_books=num_books, num_links=num_links).fingerprint()


def fold_in(embeddings: Embeddings, pairs: Int64Array, *, num_books: int) -> NDArray[np.float32]:
    """Give new books a vector from their links alone, in the space of a trained model.

    Args:
        embeddings: a trained model; not changed.
        pairs: (num_pairs, 2) int64, rows of [new_book_row, link_row], new_book_row in
            [0, num_books), link_row a row of `embeddings.link`; repeats weigh more.
        num_books: how many new books, at least 1.

    Returns:
        (num_books, dim) float32 unit vectors; zero for a book without a trained link.

    Raises:
        ShapeError: `pairs` does not match the description.
        UsageError: an older version saved the model, without the number of mentions of each link.
    """
    check_pairs(pairs, num_books=num_books, num_links=len(embeddings.link))
    if embeddings.link_degrees is None:
        raise UsageError(
            "An older version saved this model, without the number of mentions of each link, so "
            "it cannot place new books. Train it again with: bookgraph train"
        )
    directions = fold_in_directions(
        embeddings.link,
        embeddings.link_degrees,
        book_rows=pairs[:, 0],
        link_rows=pairs[:, 1],
        num_books=num_books,
    )
    return directions.astype(np.float32)
