"""The vectors of all books or of all links in memory, and the nearest of them, exactly.

A matrix product in float32 scores all rows. Only rows whose float32 score is within its rounding
error of the best ones are scored again in float64, so that a row has the same score in every list
and on every page. Equal scores are ordered by key.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import gt
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Rows = NDArray[np.intp]

Measure = Literal["cosine", "dot"]

NUM_DIVERSE = 200
"""Rows of a diverse list."""

# Scores that are held at once; 64 MB of float32.
_MOST_SCORES = 16_000_000
_UNIT_ROUNDOFF = 2.0**-24
# OpenBLAS uses all cores for a product, and threads that ask for one at the same time spin while
# they wait: 16 clients cost 50 ms of processor time for each product of 0.2 ms. So a few rankings
# do without it, and many at once wait for their turn.
_MOST_BY_ROW = 4
_ONE_PRODUCT = threading.Lock()


class Place(NamedTuple):
    """A place in a ranking.

    Attributes:
        score: of the row there.
        key: of the row there; the row itself may be gone.
    """

    score: float
    key: str


class Ranked(NamedTuple):
    """Some rows of a table in their order.

    Attributes:
        rows: (num,) row numbers.
        scores: (num,) their scores.
    """

    rows: Rows
    scores: Doubles


@dataclass(frozen=True, slots=True)
class Wanted:
    """One ranking.

    Attributes:
        direction: (dim,) what rows are compared with; not all zeros.
        num: maximum number of rows.
        hidden: rows that are left out.
        after: only rows behind this place.
        before: only rows in front of this place.
        is_backward: whether to return the last of these rows, the last one first.
        least: minimum score.
    """

    direction: Doubles
    num: int
    hidden: Rows | Sequence[int] = ()
    after: Place | None = None
    before: Place | None = None
    is_backward: bool = False
    least: float = -np.inf


class VectorTable:
    """Vectors by key; never changes.

    Attributes:
        keys: sorted.
        vectors: (len(keys), dim) float32, in that order; no row is all zeros.
    """

    def __init__(self, keys: Sequence[str], vectors: Floats) -> None:
        """Sort the rows by key, if they are not sorted."""
        if any(map(gt, keys, keys[1:])):
            order = sorted(range(len(keys)), key=keys.__getitem__)
            keys, vectors = [keys[i] for i in order], vectors[order]
        self.keys: Sequence[str] = keys
        self.vectors: Floats = np.ascontiguousarray(vectors)
        squares = np.einsum("ij,ij->i", self.vectors, self.vectors, dtype=np.float64)
        self._lengths: Doubles = np.sqrt(squares)
        self._inverse: Floats = (1 / self._lengths).astype(np.float32)
        self._longest = float(self._lengths.max(initial=0.0))

    def __len__(self) -> int:
        return len(self.keys)

    def row_of(self, key: str) -> int | None:
        """The row of a key, or None."""
        row = bisect_left(self.keys, key)
        return row if row < len(self.keys) and self.keys[row] == key else None

    def rows_of(self, keys: Iterable[str]) -> Rows:
        """The rows of those keys that the table has."""
        found = (self.row_of(key) for key in keys)
        return np.array([row for row in found if row is not None], dtype=np.intp)

    def vector(self, row: int) -> Doubles:
        """One vector, (dim,)."""
        found: Doubles = self.vectors[row].astype(np.float64)
        return found

    def unit(self, row: int) -> Doubles:
        """One vector, scaled to length 1."""
        found: Doubles = self.vectors[row] / self._lengths[row]
        return found

    def score(self, row: int, direction: Doubles, measure: Measure) -> float:
        """The score of one row, equal to the one in every ranking by this direction."""
        return float(self._exact(np.array([row]), direction, measure)[0])

    def rank(self, wanted: Sequence[Wanted], measure: Measure) -> list[Ranked]:
        """The best rows of each ranking, by score and, where scores are equal, by key."""
        found: list[Ranked] = []
        for part in _parts(wanted, max(1, _MOST_SCORES // max(1, len(self)))):
            found += [
                self._best(one, rough, measure)
                for one, rough in zip(part, self._rough(part, measure), strict=True)
            ]
        return found

    def rank_diverse(self, wanted: Wanted, diversity: float, measure: Measure) -> Ranked:
        """The best rows in an order that avoids rows like those before them.

        Of the `NUM_DIVERSE` best rows, the next one is always that with the largest
        `(1 - diversity) * score - diversity * (its highest cosine with a row before it)` (maximal
        marginal relevance, Carbonell and Goldstein 1998). The list ends with them.

        Args:
            wanted: the part of this list; its places are found by their keys.
            diversity: in [0, 1].
            measure: of the score.
        """
        pool = replace(wanted, num=NUM_DIVERSE, after=None, before=None, is_backward=False)
        (best,) = self.rank([pool], measure)
        order = self._diverse(best, diversity)
        keys = [self.keys[int(best.rows[i])] for i in order]
        begin, end = 0, len(order)
        if wanted.after is not None:
            begin = keys.index(wanted.after.key) + 1 if wanted.after.key in keys else end
        if wanted.before is not None:
            end = keys.index(wanted.before.key) if wanted.before.key in keys else begin
        chosen = order[begin:end]
        chosen = (chosen[::-1] if wanted.is_backward else chosen)[: wanted.num]
        return Ranked(best.rows[chosen], best.scores[chosen])

    def count(self, wanted: Sequence[Wanted], measure: Measure) -> list[int]:
        """How many rows each whole list has, whatever its page."""
        found: list[int] = []
        for part in _parts(wanted, max(1, _MOST_SCORES // max(1, len(self)))):
            if all(one.least == -np.inf for one in part):
                found += [len(self) - len(np.unique(np.asarray(one.hidden))) for one in part]
                continue
            for one, rough in zip(part, self._rough(part, measure), strict=True):
                error = self._error(one.direction, measure)
                rough[np.asarray(one.hidden, dtype=np.intp)] = np.nan
                sure = int(np.count_nonzero(rough > one.least + error))
                close = np.flatnonzero(np.abs(rough - one.least) <= error)
                exact = self._exact(close, one.direction, measure)
                found.append(sure + int(np.count_nonzero(exact >= one.least)))
        return found

    def changed(self, vectors: Mapping[str, Doubles | None]) -> VectorTable:
        """A copy with some vectors set, or removed where they are None."""
        gone = self.rows_of(vectors)
        keys, rows = list(self.keys), np.delete(self.vectors, gone, axis=0)
        for row in sorted(gone, reverse=True):
            del keys[row]
        added = [(key, vectors[key]) for key in sorted(vectors) if vectors[key] is not None]
        if added:
            at = [bisect_left(keys, key) for key, _ in added]
            new = np.array([vector for _, vector in added], dtype=np.float32)
            rows = np.insert(rows, at, new, axis=0) if keys else new
            for place, (key, _) in zip(reversed(at), reversed(added), strict=True):
                keys.insert(place, key)
        return VectorTable(keys, rows)

    def _rough(self, part: Sequence[Wanted], measure: Measure) -> Floats:
        """The float32 scores of all rows, (len(part), len(self))."""
        directions: NDArray[Any] = np.stack([_scaled(one.direction, measure) for one in part])
        directions = directions.astype(np.float32)
        scores: Floats
        if len(part) <= _MOST_BY_ROW:
            scores = np.stack([np.einsum("ij,j->i", self.vectors, one) for one in directions])
        else:
            with _ONE_PRODUCT:
                scores = directions @ self.vectors.T
        if measure == "cosine":
            scores *= self._inverse
        return scores

    def _diverse(self, best: Ranked, diversity: float) -> NDArray[np.intp]:
        units = self.vectors[best.rows].astype(np.float64) / self._lengths[best.rows][:, None]
        cosines = units @ units.T
        nearest = np.full(len(best.rows), -np.inf)
        order: list[int] = []
        is_left = np.ones(len(best.rows), dtype=bool)
        for _ in range(len(best.rows)):
            alike = nearest if order else np.zeros(len(best.rows))
            gain = np.where(is_left, (1 - diversity) * best.scores - diversity * alike, -np.inf)
            # Of equal gains, the first is that of the better score.
            chosen = int(gain.argmax())
            order.append(chosen)
            is_left[chosen] = False
            nearest = np.maximum(nearest, cosines[chosen])
        return np.array(order, dtype=np.intp)

    def _best(self, wanted: Wanted, rough: Floats, measure: Measure) -> Ranked:
        """The best rows, given the float32 score of each."""
        sign = -1.0 if wanted.is_backward else 1.0
        error = self._error(wanted.direction, measure)
        # What is left out is infinitely far behind.
        ahead = -rough if wanted.is_backward else rough.copy()
        ahead[np.asarray(wanted.hidden, dtype=np.intp)] = -np.inf
        if wanted.after is not None:
            ahead[rough > wanted.after.score + error] = -np.inf
        if wanted.before is not None:
            ahead[rough < wanted.before.score - error] = -np.inf
        if wanted.least > -np.inf:
            ahead[rough < wanted.least - error] = -np.inf
        num_left = int(np.count_nonzero(ahead > -np.inf))
        num = wanted.num
        while True:
            is_all = num >= num_left
            bar = -np.inf
            if not is_all:
                bar = float(np.partition(ahead, len(ahead) - num)[len(ahead) - num])
            rows = np.flatnonzero(ahead > -np.inf if is_all else ahead >= bar - 2 * error)
            scores = self._exact(rows, wanted.direction, measure)
            order = np.lexsort((sign * rows, -sign * scores))
            rows, scores = rows[order], scores[order]
            # Rows below this may have others between them that were not scored again.
            is_sure = sign * scores >= bar - error
            chosen = is_sure & self._is_between(rows, scores, wanted)
            if is_all or int(np.count_nonzero(chosen)) >= wanted.num:
                return Ranked(rows[chosen][: wanted.num], scores[chosen][: wanted.num])
            num = 2 * num + 1

    def _is_between(self, rows: Rows, scores: Doubles, wanted: Wanted) -> NDArray[np.bool_]:
        inside = scores >= wanted.least
        for place, sign in ((wanted.after, -1), (wanted.before, 1)):
            if place is None:
                continue
            # The place of the key among the sorted ones, also when the key itself is gone.
            at = bisect_left(self.keys, place.key)
            is_there = at < len(self.keys) and self.keys[at] == place.key
            # After the place: a lower score, or the same score and a larger key.
            border = at if is_there or sign > 0 else at - 1
            inside &= (sign * scores > sign * place.score) | (
                (scores == place.score) & (sign * rows < sign * border)
            )
        return inside

    def _exact(self, rows: Rows, direction: Doubles, measure: Measure) -> Doubles:
        # A sum for each row by itself: a matrix product could round it in another order.
        scores: Doubles = (self.vectors[rows].astype(np.float64) * direction).sum(axis=1)
        if measure == "cosine":
            scores /= self._lengths[rows] * np.sqrt((direction * direction).sum())
            np.clip(scores, -1.0, 1.0, out=scores)
        return scores

    def _error(self, direction: Doubles, measure: Measure) -> float:
        """The most by which a float32 score can be wrong (Higham 2002, section 3.1)."""
        scale = 1.0
        if measure == "dot":
            scale = self._longest * float(np.sqrt((direction * direction).sum()))
        return (len(direction) + 8) * _UNIT_ROUNDOFF * scale


def _scaled(direction: Doubles, measure: Measure) -> Doubles:
    if measure == "dot":
        return direction
    scaled: Doubles = direction / np.sqrt((direction * direction).sum())
    return scaled


def _parts(wanted: Sequence[Wanted], size: int) -> Iterator[Sequence[Wanted]]:
    for start in range(0, len(wanted), size):
        yield wanted[start : start + size]
