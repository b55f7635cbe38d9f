"""What an evaluation found, as plain values. Needs no torch."""

from __future__ import annotations

from dataclasses import dataclass


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
        ndcg: normalised discounted cumulative gain of the first k.
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
        baselines: by name, such as `popularity` and `shared_neighbours`.
        k: length of the lists.
        num_test_edges: held-out edges.
        num_test_books: books with at least one held-out edge.
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


@dataclass(frozen=True, slots=True)
class NeighbourReport:
    """How often a nearest book has a label in common with a book.

    Attributes:
        share: share of the k nearest books with a label in common, mean over the books.
        chance: the same share over all other books, which is the expected one of random books.
        k: nearest books of each book; fewer where there are fewer books.
        num_books: books with a label and a vector; all others are left out.
    """

    share: float
    chance: float
    k: int
    num_books: int


@dataclass(frozen=True, slots=True)
class EvaluationReport:
    """How good the settings and the current model are.

    Attributes:
        ranking: of held-out edges, by a model trained without them, and by the baselines.
        neighbours: for `author`, `genre` and `series`, how often the nearest books of the current
            model have one in common; left out where fewer than two books have the label.
        version: the model version that `neighbours` is about, or None where the graph has none.
    """

    ranking: RankingReport
    neighbours: dict[str, NeighbourReport]
    version: str | None
