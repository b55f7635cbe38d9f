"""The oracle of the soak accepts what may be, and nothing else."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bookgraph.testing.oracle import History, Model, Oracle

TITLES = ["A", "B", "C", "D"]
VECTORS = np.array([[1, 0], [1, 1], [0, 1], [-1, 0]], dtype=np.float32)


def test_before_a_change_is_acknowledged_both_values_are_possible() -> None:
    history = History("old")
    history.begin("new")
    change = history._changes[-1]
    change.sent_s = 5.0
    assert history.possible(1, 2) == ["old"]
    assert history.possible(4, 6) == ["old", "new"]
    assert history.possible(7, 8) == ["old", "new"]
    change.done_s = 9.0
    assert history.possible(8, 10) == ["old", "new"]
    assert history.possible(9, 10) == ["new"]
    assert history.possible(9, 10, delay_s=3) == ["old", "new"]


@pytest.fixture
def oracle() -> Oracle:
    oracle = Oracle({title: History(frozenset({title.lower()})) for title in TITLES})
    oracle.books["Gone"] = History(None)
    oracle.models["m"] = Model.of(TITLES, VECTORS)
    oracle.current = History("m")
    return oracle


SIMILAR: dict[str, Any] = {
    "similarBooks": {
        "modelVersion": "m",
        "edges": [
            {"score": float(np.sqrt(0.5)), "node": {"title": "B"}},
            {"score": 0.0, "node": {"title": "C"}},
        ],
    }
}


def test_right_answers_have_no_problems(oracle: Oracle) -> None:
    assert oracle.check_similar("A", SIMILAR, 1, 2, num=2) == []
    links = {"totalCount": 1, "nodes": [{"name": "b"}]}
    assert oracle.check_book("B", {"book": {"numLinks": 1, "links": links}}, 1, 2) == []
    assert oracle.check_book("Gone", {"book": None}, 1, 2) == []
    answer = {"compare": {"modelVersion": "m", "score": -1.0}}
    assert oracle.check_compared(("A", "D"), answer, 1, 2) == []


def _edge(place: int, **changes: Any) -> Callable[[Any], None]:
    def spoil(answer: Any) -> None:
        answer["similarBooks"]["edges"][place].update(changes)

    return spoil


@pytest.mark.parametrize(
    "spoil",
    [
        _edge(0, score=0.70),
        _edge(1, node={"title": "D"}, score=-1.0),
        _edge(1, node={"title": "Gone"}),
        _edge(1, node={"title": "Unknown"}),
        lambda answer: answer["similarBooks"]["edges"].reverse(),
        lambda answer: answer["similarBooks"]["edges"].pop(),
        lambda answer: answer["similarBooks"].update(modelVersion="of before"),
    ],
)
def test_each_wrong_list_is_noticed(oracle: Oracle, spoil: Callable[[Any], None]) -> None:
    answer = copy.deepcopy(SIMILAR)
    spoil(answer)
    assert oracle.check_similar("A", answer, 1, 2, num=2)


def test_wrong_links_counts_and_books_are_noticed(oracle: Oracle) -> None:
    links = {"totalCount": 1, "nodes": [{"name": "c"}]}
    assert oracle.check_book("B", {"book": {"numLinks": 1, "links": links}}, 1, 2)
    links = {"totalCount": 2, "nodes": [{"name": "b"}]}
    assert oracle.check_book("B", {"book": {"numLinks": 1, "links": links}}, 1, 2)
    assert oracle.check_book("B", {"book": None}, 1, 2)
    answer = {"compare": {"modelVersion": "m", "score": -0.99}}
    assert oracle.check_compared(("A", "D"), answer, 1, 2)
