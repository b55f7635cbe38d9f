"""How well vectors rank held-out edges, with baselines on the same edges. Trains nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bookgraph.core.edges import EdgeList
from bookgraph.core.errors import ShapeError, TrainingError, UsageError
from bookgraph.core.progress import OnProgress, Progress, ignore_progress
from bookgraph.embed.data.adjacency import Adjacency, build_adjacency
from bookgraph.embed.device import resolve_device, to_device, to_numpy
from bookgraph.embed.embeddings import Embeddings
from bookgraph.embed.evaluation.baselines import BASELINES
from bookgraph.embed.evaluation.ranking import ScoreBooks, iter_ranked, measure_books
from bookgraph.embed.evaluation.report import Estimate, RankingReport, RankingScores

DEFAULT_BASELINES = tuple(BASELINES)

_NUM_RESAMPLES = 1000
_CONFIDENCE = 0.95


def rank_held_out(
    embeddings: Embeddings,
    train: EdgeList,
    test: EdgeList,
    *,
    k: int = 20,
    baselines: Sequence[str] = DEFAULT_BASELINES,
    seed: int = 0,
    device: str = "auto",
    on_progress: OnProgress = ignore_progress,
) -> RankingReport:
    """Rank all links for each book with a held-out edge, see `embed.evaluate_ranking`.

    Args:
        embeddings: trained on `train` only.
        train: the edges that are never ranked.
        test: the held-out edges; counts do not matter.
        k: length of the lists, at least 1.
        baselines: names of what to measure besides the model.
        seed: of the order of ties and of the bootstrap.
        device: where to rank, see `TrainConfig`.
        on_progress: called after each chunk of books.

    Raises:
        ShapeError: the embeddings are not finite.
        TrainingError: there is no test edge.
        UsageError: a test edge is also a training edge, `k` is below 1, or a baseline is unknown.
    """
    _check_arguments(k, baselines)
    _check_split(train, test)
    place = resolve_device(device)
    known, held_out = (build_adjacency(edges, device=place) for edges in (train, test))
    scorers = {"model": _score_by_tables(embeddings, place)}
    scorers.update({name: BASELINES[name](known) for name in baselines})
    metrics = {
        name: _measure(score, known, held_out, k, seed, _in_stage(name, on_progress))
        for name, score in scorers.items()
    }
    scores = dict(zip(metrics, _estimate_scores([*metrics.values()], seed), strict=True))
    return RankingReport(
        model=scores.pop("model"),
        baselines=scores,
        k=k,
        num_test_edges=len(test),
        num_test_books=int((held_out.of_books.degrees > 0).sum()),
    )


def _check_arguments(k: int, baselines: Sequence[str]) -> None:
    if k < 1:
        raise UsageError(f"k is {k}. Use lists of 1 or more links.")
    unknown = [name for name in baselines if name not in BASELINES]
    if unknown:
        raise UsageError(f"Unknown baseline: {unknown[0]!r}. Use one of: {', '.join(BASELINES)}.")


def _check_split(train: EdgeList, test: EdgeList) -> None:
    if len(test) == 0:
        raise TrainingError(
            "There are no held-out edges to evaluate on: every book has only one link, or the "
            "share to hold out is 0. Hold out a larger share, or load books with more links."
        )
    train_keys, test_keys = (e.book_rows * e.num_links + e.link_rows for e in (train, test))
    num_both = int(np.isin(test_keys, train_keys, assume_unique=True).sum())
    if num_both:
        raise UsageError(
            f"{num_both} of {len(test)} test edges are also training edges, which are not ranked. "
            "Split the pairs with embed.split_edges."
        )


def _score_by_tables(embeddings: Embeddings, device: torch.device) -> ScoreBooks:
    if not (np.isfinite(embeddings.book).all() and np.isfinite(embeddings.link).all()):
        raise ShapeError("The embeddings contain numbers that are not finite. Train again.")
    book, link = to_device(embeddings.book, device), to_device(embeddings.link, device)
    return lambda rows: book[rows] @ link.T


def _measure(
    score: ScoreBooks,
    known: Adjacency,
    held_out: Adjacency,
    k: int,
    seed: int,
    on_progress: Callable[[int, int], None],
) -> NDArray[np.float64]:
    """(4, num_books) float64: recall, NDCG, reciprocal rank and hit of each book."""
    of_books = held_out.of_books
    books = of_books.degrees.nonzero()[:, 0]
    chunks: list[Tensor] = []
    num_done = 0
    for ranked in iter_ranked(
        score, books, known=known.of_books, held_out=of_books, k=k, seed=seed
    ):
        found = measure_books(ranked, of_books)
        chunks.append(torch.stack((found.recall, found.ndcg, found.reciprocal_rank, found.hit)))
        num_done += len(ranked.book_rows)
        on_progress(num_done, len(books))
    return to_numpy(torch.cat(chunks, dim=1))


def _estimate_scores(metrics: Sequence[NDArray[np.float64]], seed: int) -> list[RankingScores]:
    """Means and percentile intervals (bootstrap over books; Efron and Tibshirani, 1993, ch. 13).

    All metrics of all models share the draws of books, so their intervals are comparable.

    Args:
        metrics: (4, num_books) for each model.
        seed: of the draws.
    """
    values = np.concatenate(metrics)
    num_books = values.shape[1]
    means = np.empty((_NUM_RESAMPLES, len(values)))
    # One resample at a time from its own seed: 1,000 x 30,000 draws would take 240 MB.
    seeds = np.random.default_rng(seed).integers(2**63, size=_NUM_RESAMPLES)
    for resample, resample_seed in enumerate(seeds):
        drawn = np.random.default_rng(resample_seed).integers(num_books, size=num_books)
        means[resample] = values.take(drawn, axis=1).mean(axis=1)
    low, high = np.quantile(means, [(1 - _CONFIDENCE) / 2, (1 + _CONFIDENCE) / 2], axis=0)
    estimates = [
        Estimate(float(mean), float(one), float(other))
        for mean, one, other in zip(values.mean(axis=1), low, high, strict=True)
    ]
    return [RankingScores(*estimates[at : at + 4]) for at in range(0, len(estimates), 4)]


def _in_stage(name: str, on_progress: OnProgress) -> Callable[[int, int], None]:
    stage = Progress(f"Ranking ({name})", 0, unit="books")
    return lambda done, total: on_progress(replace(stage, done=done, total=total))
