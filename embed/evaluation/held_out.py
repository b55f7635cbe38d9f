"""How well vectors rank held-out edges, beside baselines on the same edges. Trains nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from bookgraph.core.errors import ShapeError, TrainingError, UsageError
from bookgraph.core.progress import OnProgress, Progress, ignore_progress
from bookgraph.embed.data.adjacency import Adjacency, build_adjacency
from bookgraph.embed.data.edges import EdgeList, Int64Array, build_edge_list
from bookgraph.embed.device import resolve_device, to_device
from bookgraph.embed.embeddings import Embeddings
from bookgraph.embed.evaluation.baselines import BASELINES
from bookgraph.embed.evaluation.metrics import BookMetrics, measure_books
from bookgraph.embed.evaluation.ranking import ScoreBooks, iter_ranked

_NUM_RESAMPLES = 1000
_CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over books with its 95 % confidence interval (bootstrap over books).

    Attributes:
        mean: over all books with a held-out edge, in [0, 1].
        low: lower end of the interval.
        high: upper end of the interval.
    """

    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class RankingScores:
    """How well one model ranks the held-out links of each book, at k.

    Attributes:
        recall: share of a book's held-out links among its first k.
        ndcg: normalised discounted gain of the first k.
        mrr: 1 / rank of the best held-out link among all links.
        hit_rate: share of books with a held-out link among their first k.
    """

    recall: Estimate
    ndcg: Estimate
    mrr: Estimate
    hit_rate: Estimate

    def to_json(self, k: int) -> dict[str, float | list[float]]:
        """The means under the names that scripts rely on, the intervals as `<name>_ci95`."""
        named = {
            f"recall_at_{k}": self.recall,
            f"ndcg_at_{k}": self.ndcg,
            "mrr": self.mrr,
            f"hit_rate_at_{k}": self.hit_rate,
        }
        result: dict[str, float | list[float]] = {n: e.mean for n, e in named.items()}
        result.update({f"{n}_ci95": [e.low, e.high] for n, e in named.items()})
        return result


@dataclass(frozen=True, slots=True)
class RankingReport:
    """The model and the baselines on the same held-out edges.

    Attributes:
        model: the embeddings' scores.
        baselines: `popularity` and `shared_neighbours`, or what was asked for.
        k: length of the lists.
        num_test_edges: distinct held-out edges.
        num_test_books: books with at least one of them.
    """

    model: RankingScores
    baselines: dict[str, RankingScores]
    k: int
    num_test_edges: int
    num_test_books: int

    def to_json(self) -> dict[str, object]:
        """Plain values for JSON: the model's figures at the top, the baselines below."""
        return {
            **self.model.to_json(self.k),
            "num_test_edges": self.num_test_edges,
            "num_test_books": self.num_test_books,
            "baselines": {name: s.to_json(self.k) for name, s in self.baselines.items()},
        }


def evaluate_ranking(  # the public entry; the last four have defaults
    embeddings: Embeddings,
    train_pairs: Int64Array,
    test_pairs: Int64Array,
    *,
    k: int = 20,
    baselines: Sequence[str] = ("popularity", "shared_neighbours"),
    seed: int = 0,
    device: str = "auto",
    on_progress: OnProgress = ignore_progress,
) -> RankingReport:
    """Rank all links for each book with a held-out edge, its training edges masked.

    The score is the dot product. Equal scores are ordered by one random order of the links, the
    same for all books and models, so that ties neither help nor harm on average.

    Args:
        embeddings: trained on `train_pairs` only.
        train_pairs: (num_pairs, 2) int64, rows of [book_row, link_row].
        test_pairs: (num_pairs, 2) int64, no edge of which is in `train_pairs`; repeats count once.
        k: length of the lists, at least 1.
        baselines: names of what to measure beside the model.
        seed: of the order of ties and of the bootstrap.
        device: where to rank, see `TrainConfig.device`.
        on_progress: told after every piece of books.

    Raises:
        ShapeError: the arrays do not fit the embeddings.
        TrainingError: there is no test edge.
        UsageError: a test edge is also a training edge, `k` is below 1, a baseline is unknown.
    """
    _check_question(k, baselines)
    train, test = _check_split(embeddings, train_pairs, test_pairs)
    place = resolve_device(device)
    known, held_out = (
        build_adjacency(train, device=place),
        build_adjacency(test, device=place),
    )
    scorers = {"model": _score_by_tables(embeddings, place)}
    scorers.update({name: BASELINES[name](known) for name in baselines})
    results = {
        name: _score_model(
            score,
            known,
            held_out,
            k=k,
            seed=seed,
            on_progress=_in_stage(name, on_progress),
        )
        for name, score in scorers.items()
    }
    return RankingReport(
        model=results.pop("model"),
        baselines=results,
        k=k,
        num_test_edges=len(test.edges),
        num_test_books=int((held_out.of_books.degrees > 0).sum()),
    )


def _check_question(k: int, baselines: Sequence[str]) -> None:
    if k < 1:
        message = f"Rankings of length k={k} were asked for; k has to be 1 or more."
        raise UsageError(message)
    unknown = [name for name in baselines if name not in BASELINES]
    if unknown:
        message = f"There is no baseline {unknown[0]!r}; choose from: {', '.join(BASELINES)}."
        raise UsageError(message)


def _check_split(
    embeddings: Embeddings, train_pairs: Int64Array, test_pairs: Int64Array
) -> tuple[EdgeList, EdgeList]:
    num_books, num_links = len(embeddings.book), len(embeddings.link)
    train = build_edge_list(train_pairs, num_books=num_books, num_links=num_links)
    if len(test_pairs) == 0:
        message = (
            "There is no held-out edge to evaluate on: every book has one link only, or the share "
            "to hold out is 0. Use a larger share, or a graph with more links a book."
        )
        raise TrainingError(message)
    test = build_edge_list(test_pairs, num_books=num_books, num_links=num_links)
    train_keys, test_keys = (e.edges[:, 0] * num_links + e.edges[:, 1] for e in (train, test))
    num_both = int(np.isin(test_keys, train_keys, assume_unique=True).sum())
    if num_both:
        message = (
            f"{num_both} of {len(test.edges)} test edges are training edges too, so that they "
            "would be masked. Split with embed.split_edges, which keeps the sides apart."
        )
        raise UsageError(message)
    return train, test


def _score_by_tables(embeddings: Embeddings, device: torch.device) -> ScoreBooks:
    if not (np.isfinite(embeddings.book).all() and np.isfinite(embeddings.link).all()):
        message = "The embeddings to evaluate have numbers that are not finite; train again."
        raise ShapeError(message)
    book, link = to_device(embeddings.book, device), to_device(embeddings.link, device)
    return lambda rows: book[rows] @ link.T


def _score_model(  # one cohesive query
    score: ScoreBooks,
    known: Adjacency,
    held_out: Adjacency,
    *,
    k: int,
    seed: int,
    on_progress: Callable[[int, int], None],
) -> RankingScores:
    true = held_out.of_books
    books = true.degrees.nonzero()[:, 0]
    pieces: list[BookMetrics] = []
    num_done = 0
    for ranked in iter_ranked(score, books, known=known.of_books, true=true, k=k, seed=seed):
        pieces.append(measure_books(ranked, true))
        num_done += len(ranked.book_rows)
        on_progress(num_done, len(books))
    resamples = _Resamples(len(books), seed=seed)
    return RankingScores(
        recall=resamples.estimate([piece.recall for piece in pieces]),
        ndcg=resamples.estimate([piece.ndcg for piece in pieces]),
        mrr=resamples.estimate([piece.reciprocal_rank for piece in pieces]),
        hit_rate=resamples.estimate([piece.hit for piece in pieces]),
    )


class _Resamples:
    """The same draws of books for every metric and model, so that their intervals compare."""

    def __init__(self, num_books: int, *, seed: int) -> None:
        random = np.random.default_rng(seed)
        # How often each book is drawn, for one resample at a time: 1,000 x 30,000 would be 240 MB.
        self._seeds = random.integers(2**63, size=_NUM_RESAMPLES)
        self._num_books = num_books

    def estimate(self, pieces: list[Tensor]) -> Estimate:
        """Mean and percentile interval of one value a book."""
        values = torch.cat(pieces).cpu().numpy()
        means = np.empty(_NUM_RESAMPLES)
        for place, seed in enumerate(self._seeds):
            drawn = np.random.default_rng(seed).integers(self._num_books, size=self._num_books)
            means[place] = values[drawn].mean()
        low, high = np.quantile(means, [(1 - _CONFIDENCE) / 2, (1 + _CONFIDENCE) / 2])
        return Estimate(float(values.mean()), float(low), float(high))


def _in_stage(name: str, on_progress: OnProgress) -> Callable[[int, int], None]:
    def report(done: int, total: int) -> None:
        on_progress(Progress(f"Ranking ({name})", done, total, "books"))

    return report
