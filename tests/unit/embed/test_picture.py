"""The picture of an evaluation is well-formed and holds the report's numbers."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from bookgraph.embed import Estimate, NeighbourReport, RankingReport, RankingScores
from bookgraph.embed.evaluation.picture import evaluation_picture
from bookgraph.embed.evaluation.report import EvaluationReport


def scores(mean: float) -> RankingScores:
    one = Estimate(mean, mean - 0.02, mean + 0.02)
    return RankingScores(one, one, one, one)


REPORT = EvaluationReport(
    RankingReport(scores(0.581), {"popularity": scores(0.207)}, 20, 2363, 1310),
    {"genre": NeighbourReport(0.794, 0.25, 5, 900)},
    "dot-50d-0",
)


def test_every_number_of_the_report_is_in_the_picture() -> None:
    texts = [e.text for e in ET.fromstring(evaluation_picture(REPORT)).iter() if e.text]
    for expected in ("0.581", "0.207", "0.794", "0.250", "recall@20", "same genre", "popularity"):
        assert expected in texts
    assert any("2,363 held-out edges of 1,310 books" in text for text in texts)


def test_bars_are_as_long_as_their_values_and_stay_inside() -> None:
    root = ET.fromstring(evaluation_picture(REPORT))
    bars = [float(e.attrib["width"]) for e in root.iter() if e.attrib.get("height") == "12"]
    lengths = [one for one in bars if one != 12]
    assert lengths[0] / lengths[1] == pytest.approx(0.581 / 0.207, rel=0.01)
    assert max(lengths) < 720 - 150
    assert int(root.attrib["height"]) > 300


def test_without_a_model_the_neighbours_are_left_out() -> None:
    picture = evaluation_picture(EvaluationReport(REPORT.ranking, {}, None))
    assert "in common" not in picture
