"""Draws the map of books with a legend: SVG from the standard library, PNG with Pillow.

Both formats draw the same `Picture`, so they look alike.
"""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from xml.sax.saxutils import escape

from bookgraph.core.errors import UsageError
from bookgraph.graph.export.texts import xml_text
from bookgraph.graph.query.overview import MapColumns

WIDTH, HEIGHT = 1600, 1040
"""Pixels of a PNG, units of an SVG."""
PALETTE_FILE = Path(__file__).parents[1] / "explorer" / "map" / "palette.json"
"""The colours that the explorer uses too."""

_MARGIN, _LEGEND_WIDTH = 40, 300
_LINE_HEIGHT, _TEXT_SIZE, _TITLE_SIZE = 28, 18, 26
# The PNG is drawn this many times larger and scaled down, which smooths the edges.
_SMOOTHING = 2
_MAX_LABEL = 24  # characters that fit into the legend
_METHODS = {"tsne": "t-SNE", "umap": "UMAP"}


@dataclass(frozen=True, slots=True)
class Colors:
    """The colours of the explorer's light theme, as `#rrggbb`.

    Attributes:
        ground: behind the points.
        ink: of the title and the labels.
        ink_soft: of counts and the caption.
        other: of points without a class of their own.
        classes: of the classes, the most frequent first.
    """

    ground: str
    ink: str
    ink_soft: str
    other: str
    classes: tuple[str, ...]


@lru_cache(maxsize=1)
def read_colors() -> Colors:
    """Read the light theme's colours from the explorer's palette."""
    light = json.loads(PALETTE_FILE.read_text("utf-8"))["light"]
    return Colors(
        light["ground"], light["ink"], light["inkSoft"], light["other"], tuple(light["classes"])
    )


@dataclass(frozen=True, slots=True)
class PointClass:
    """Points of one colour.

    Attributes:
        label: in the legend.
        color: `#rrggbb`.
        places: (x, y) in units of the picture, from its top left corner.
    """

    label: str
    color: str
    places: Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Picture:
    """A map, ready to draw.

    Attributes:
        title: above the legend.
        caption: below it.
        colors: of the ground and the texts.
        radius: of a point.
        classes: in the legend's order; the last one is drawn first, below the others.
    """

    title: str
    caption: str
    colors: Colors
    radius: float
    classes: Sequence[PointClass]


def plan_picture(points: MapColumns, *, color: str = "genre") -> Picture:
    """Decide where each point is and what colour it has.

    Args:
        points: with the columns `x`, `y` and the one that colours them.
        color: `genre`, `country`, `language` or `author`.
    """
    colors = read_colors()
    values = points.columns[color]
    counts = Counter(value for value in values if value)
    # Equally frequent values by name, as in the explorer.
    common = sorted(counts.items(), key=lambda one: (-one[1], one[0]))[: len(colors.classes)]
    color_of = dict(zip((value for value, _ in common), colors.classes, strict=False))
    places: dict[str, list[tuple[float, float]]] = {value: [] for value, _ in common}
    others: list[tuple[float, float]] = []
    for value, place in zip(values, _fit(points), strict=True):
        places.get(value, others).append(place)
    classes = [PointClass(_label(value), color_of[value], places[value]) for value, _ in common]
    if others:
        classes.append(PointClass("other", colors.other, others))
    kept = "" if points.kept_share is None else f", {points.kept_share:.0%} of neighbours kept"
    return Picture(
        title=f"{points.num_points:,} books by {color}",
        caption=f"{_METHODS[points.layout]}{kept}",
        colors=colors,
        radius=max(1.5, min(5.0, 150 / max(1, points.num_points) ** 0.5)),
        classes=classes,
    )


def _label(value: str) -> str:
    """A value on one line of the legend, in characters that an SVG can hold."""
    text = " ".join(xml_text(value).split())
    return text if len(text) <= _MAX_LABEL else f"{text[: _MAX_LABEL - 1].rstrip()}…"


def _fit(points: MapColumns) -> list[tuple[float, float]]:
    """Place the points left of the legend, with one scale for both axes."""
    xs, ys = points.columns["x"], points.columns["y"]
    left, right, bottom, top = min(xs), max(xs), min(ys), max(ys)
    width, height = WIDTH - _LEGEND_WIDTH - 2 * _MARGIN, HEIGHT - 2 * _MARGIN
    scale = min(width / max(right - left, 1e-9), height / max(top - bottom, 1e-9))
    x_start = _MARGIN + (width - scale * (right - left)) / 2
    y_start = _MARGIN + (height - scale * (top - bottom)) / 2
    # On the map, y points up; on a picture, down.
    return [
        (x_start + scale * (x - left), y_start + scale * (top - y))
        for x, y in zip(xs, ys, strict=True)
    ]


def draw_svg(picture: Picture) -> str:
    """Draw an SVG that needs no other fonts or files."""
    colors = picture.colors
    left, top = WIDTH - _LEGEND_WIDTH, _MARGIN + _TITLE_SIZE
    font = "Inter, Segoe UI, Helvetica, Arial, sans-serif"
    box = f"0 0 {WIDTH} {HEIGHT}"
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}" font-family="{font}">',
        f"<title>{escape(picture.title)}</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="{colors.ground}"/>',
    ]
    for one in reversed(picture.classes):
        dots = "".join(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{picture.radius:.1f}"/>' for x, y in one.places
        )
        lines.append(f'<g fill="{one.color}">{dots}</g>')
    lines.append(
        f'<text x="{left}" y="{top}" fill="{colors.ink}" font-size="{_TITLE_SIZE}" '
        f'font-weight="600">{escape(picture.title)}</text>'
    )
    for i, one in enumerate(picture.classes):
        y = top + _LINE_HEIGHT * (i + 1.5)
        lines.append(
            f'<circle cx="{left + 7}" cy="{y - 6:.1f}" r="7" fill="{one.color}"/>'
            f'<text x="{left + 24}" y="{y:.1f}" fill="{colors.ink}" font-size="{_TEXT_SIZE}">'
            f"{escape(one.label)}</text>"
            f'<text x="{WIDTH - _MARGIN}" y="{y:.1f}" fill="{colors.ink_soft}" text-anchor="end" '
            f'font-size="{_TEXT_SIZE}">{len(one.places):,}</text>'
        )
    y = top + _LINE_HEIGHT * (len(picture.classes) + 2)
    lines.append(
        f'<text x="{left}" y="{y}" fill="{colors.ink_soft}" font-size="{_TEXT_SIZE}">'
        f"{escape(picture.caption)}</text>"
    )
    return "\n".join([*lines, "</svg>", ""])


def draw_png(picture: Picture) -> bytes:
    """Draw a PNG.

    Raises:
        UsageError: Pillow is not installed.
    """
    try:
        from PIL import Image, ImageDraw, ImageFont  # noqa: PLC0415  # optional
    except ImportError as error:
        raise UsageError(
            "The format 'png' needs Pillow, which is not installed. Install it with "
            "`pip install 'bookgraph[exports]'`, or use the format 'svg'."
        ) from error
    zoom, colors = _SMOOTHING, picture.colors
    image = Image.new("RGB", (WIDTH * zoom, HEIGHT * zoom), colors.ground)
    pen = ImageDraw.Draw(image)

    def dot(x: float, y: float, radius: float, color: str) -> None:
        pen.circle((x * zoom, y * zoom), radius * zoom, fill=color)

    def write(x: float, y: float, text: str, *, size: int, ink: str, anchor: str = "ls") -> None:
        font = ImageFont.load_default(size * zoom)
        pen.text((x * zoom, y * zoom), text, fill=ink, font=font, anchor=anchor)

    for one in reversed(picture.classes):
        for x, y in one.places:
            dot(x, y, picture.radius, one.color)
    left, top = WIDTH - _LEGEND_WIDTH, _MARGIN + _TITLE_SIZE
    write(left, top, picture.title, size=_TITLE_SIZE, ink=colors.ink)
    for i, one in enumerate(picture.classes):
        y = top + _LINE_HEIGHT * (i + 1.5)
        dot(left + 7, y - 6, 7, one.color)
        write(left + 24, y, one.label, size=_TEXT_SIZE, ink=colors.ink)
        count = f"{len(one.places):,}"
        write(WIDTH - _MARGIN, y, count, size=_TEXT_SIZE, ink=colors.ink_soft, anchor="rs")
    y = top + _LINE_HEIGHT * (len(picture.classes) + 2)
    write(left, y, picture.caption, size=_TEXT_SIZE, ink=colors.ink_soft)
    buffer = io.BytesIO()
    image.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
