"""An evaluation as a bar chart in SVG: rankings with their intervals, nearest books with chance.

A few bars do not justify a plotting library. The colours keep their contrast in print and for
colour-blind readers (Okabe and Ito, 2008).
"""

from __future__ import annotations

from html import escape

from bookgraph.embed.evaluation.report import Estimate, EvaluationReport

_WIDTH = 720
_LEFT, _RIGHT = 150, 90
_BAR, _GAP = 14, 22
_COLOURS = ("#0072b2", "#e69f00", "#999999", "#009e73")
_TEXT = "#222222"


def evaluation_picture(report: EvaluationReport) -> str:
    """Draw the report.

    Returns:
        A complete SVG document, 720 pixels wide, on white.
    """
    ranking = report.ranking
    models = {"model": ranking.model, **ranking.baselines}
    parts: list[str] = []
    y = _title(parts, 28, "Ranking of held-out links")
    y = _legend(parts, y, [name.replace("_", " ") for name in models])
    for heading, name in (
        (f"recall@{ranking.k}", "recall"),
        (f"NDCG@{ranking.k}", "ndcg"),
        ("MRR", "mrr"),
        (f"hit rate@{ranking.k}", "hit_rate"),
    ):
        y = _estimates(parts, y, heading, [getattr(one, name) for one in models.values()])
    y = _note(
        parts,
        y,
        f"{ranking.num_test_edges:,} held-out edges of {ranking.num_test_books:,} books; "
        "whiskers show 95 % intervals over books.",
    )
    if report.neighbours:
        k = next(iter(report.neighbours.values())).k
        y = _title(parts, y + 30, f"What the {k} nearest books have in common")
        y = _legend(parts, y, ["share", "chance"])
        for name, found in report.neighbours.items():
            rows = [Estimate(v, v, v) for v in (found.share, found.chance)]
            y = _estimates(parts, y, f"same {name}", rows)
    height = y + 16
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" '
        f'viewBox="0 0 {_WIDTH} {height}" font-family="sans-serif" font-size="13" fill="{_TEXT}" '
        'role="img"><title>How good the embeddings are</title>'
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>{"".join(parts)}</svg>\n'
    )


def _title(parts: list[str], y: int, text: str) -> int:
    parts.append(f'<text x="16" y="{y}" font-size="16" font-weight="bold">{escape(text)}</text>')
    return y + 12


def _note(parts: list[str], y: int, text: str) -> int:
    parts.append(f'<text x="16" y="{y + 14}" font-size="12">{escape(text)}</text>')
    return y + 20


def _legend(parts: list[str], y: int, names: list[str]) -> int:
    x = _LEFT
    for name, colour in zip(names, _COLOURS, strict=False):
        parts.append(f'<rect x="{x}" y="{y}" width="12" height="12" fill="{colour}"/>')
        parts.append(f'<text x="{x + 18}" y="{y + 11}">{escape(name)}</text>')
        x += 40 + 8 * len(name)
    return y + 26


def _estimates(parts: list[str], y: int, heading: str, estimates: list[Estimate]) -> int:
    """Bars from 0 to 1, one for each model, with the number and, where known, the interval."""
    middle = y + _BAR * len(estimates) / 2 + 4
    parts.append(f'<text x="{_LEFT - 10}" y="{middle:.0f}" text-anchor="end">{heading}</text>')
    scale = _WIDTH - _LEFT - _RIGHT
    for place, (one, colour) in enumerate(zip(estimates, _COLOURS, strict=False)):
        top = y + place * _BAR
        length, low, high = (scale * value for value in (one.mean, one.low, one.high))
        parts.append(
            f'<rect x="{_LEFT}" y="{top}" width="{length:.1f}" height="{_BAR - 2}" '
            f'fill="{colour}"/>'
        )
        if high > low:
            line = top + (_BAR - 2) / 2
            parts.append(
                f'<path d="M{_LEFT + low:.1f} {line}H{_LEFT + high:.1f}" stroke="{_TEXT}"/>'
            )
        parts.append(
            f'<text x="{_LEFT + max(length, high) + 6:.1f}" y="{top + _BAR - 4}" '
            f'font-size="11">{one.mean:.3f}</text>'
        )
    return y + len(estimates) * _BAR + _GAP
