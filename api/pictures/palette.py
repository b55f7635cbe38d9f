"""The map's colours for pictures that Python draws, read from the page's own `map/palette.js`.

One owner: a colour that is moved there moves here too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

_SOURCE = Path(__file__).parents[1] / "explorer" / "map" / "palette.js"


@dataclass(frozen=True, slots=True)
class Palette:
    """The colours of the light theme, as `#rrggbb`.

    Attributes:
        ground: behind the points.
        other: of points without a class of their own.
        classes: of the classes, the most frequent first.
    """

    ground: str
    other: str
    classes: tuple[str, ...]


@lru_cache(maxsize=1)
def read_palette() -> Palette:
    """Read the light theme's colours.

    Raises:
        ValueError: the file has no such colours any more.
    """
    light = _SOURCE.read_text("utf-8").partition("const LIGHT = {")[2].partition("\n};")[0]
    found = {
        name: re.findall(r"#[0-9a-f]{6}", value)
        for name, value in re.findall(r"(\w+): (\[[^\]]*\]|\"[^\"]*\")", light)
    }
    if not all(found.get(name) for name in ("ground", "other", "classes")):
        message = f"{_SOURCE} has no light colours where they were looked for."
        raise ValueError(message)
    return Palette(found["ground"][0], found["other"][0], tuple(found["classes"]))
