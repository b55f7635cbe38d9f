"""Draws recall over training time as SVG: seconds on a log scale on x, recall on y."""

from __future__ import annotations

import math
from html import escape

_WIDTH, _HEIGHT = 760, 420
_LEFT, _RIGHT, _TOP, _BOTTOM = 60, 180, 40, 50
_COLOURS = ("#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9", "#777777")


def draw_curves(title: str, curves: dict[str, list[tuple[float, float]]]) -> str:
    """Draw the recall that each model reached over time.

    Args:
        title: above the picture.
        curves: name to (seconds, recall), seconds above 0. A line connects the best recall so far;
            the other settings are dots.

    Returns:
        A complete SVG document.
    """
    points = [point for some in curves.values() for point in some]
    if not points:
        points = [(1.0, 1.0)]
    low = math.floor(math.log10(min(seconds for seconds, _ in points)))
    high = math.ceil(math.log10(max(seconds for seconds, _ in points)) + 1e-9)
    top = max(recall for _, recall in points) * 1.1

    def place(seconds: float, recall: float) -> tuple[float, float]:
        x = _LEFT + (math.log10(seconds) - low) / max(high - low, 1) * (_WIDTH - _LEFT - _RIGHT)
        return x, _HEIGHT - _BOTTOM - recall / top * (_HEIGHT - _TOP - _BOTTOM)

    parts = [f'<text x="{_LEFT}" y="24" font-size="16" font-weight="bold">{escape(title)}</text>']
    _draw_axes(parts, low, high, top)
    for number, (name, some) in enumerate(curves.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        best: list[tuple[float, float]] = []
        for point in sorted(some):
            if not best or point[1] > best[-1][1]:
                best.append(point)
        line = " ".join("{:.1f},{:.1f}".format(*place(*point)) for point in best)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for point in some:
            x, y = place(*point)
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>')
        y_legend = _TOP + 20 * number + 8
        parts.append(f'<circle cx="{_WIDTH - _RIGHT + 20}" cy="{y_legend}" r="5" fill="{colour}"/>')
        parts.append(f'<text x="{_WIDTH - _RIGHT + 32}" y="{y_legend + 4}">{escape(name)}</text>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}" '
        f'viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif" font-size="12" role="img">'
        f"<title>{escape(title)}</title>"
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>{"".join(parts)}</svg>\n'
    )


def _draw_axes(parts: list[str], low: int, high: int, top: float) -> None:
    bottom, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
    for power in range(low, high + 1):
        x = _LEFT + (power - low) / max(high - low, 1) * (right - _LEFT)
        parts.append(f'<path d="M{x:.1f} {_TOP}V{bottom}" stroke="#dddddd"/>')
        label = f"{10.0**power:g} s"
        parts.append(f'<text x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{label}</text>')
    for step in range(5):
        recall = top * step / 4
        y = bottom - step / 4 * (bottom - _TOP)
        parts.append(f'<path d="M{_LEFT} {y:.1f}H{right}" stroke="#dddddd"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{recall:.2f}</text>')
    parts.append(
        f'<text x="{(_LEFT + right) / 2}" y="{_HEIGHT - 10}" text-anchor="middle">'
        "seconds of training (log scale)</text>"
    )
