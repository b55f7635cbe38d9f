"""The map's colours stay apart for every kind of colour vision (Machado et al. 2009)."""

from __future__ import annotations

import json
import re
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bookgraph.api.pictures.draw import PALETTE_FILE, read_colors

PALETTE: dict[str, dict[str, Any]] = json.loads(PALETTE_FILE.read_text("utf-8"))
BASE_STYLES = Path(__file__).parents[3] / "api" / "explorer" / "css" / "base.css"

# Linear RGB as people without one kind of cones see it, at full severity.
VISION = {
    "all cones": np.eye(3),
    "no red cones": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "no green cones": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "no blue cones": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}
MIN_DISTANCE = 11
MIN_DISTANCE_ALL_CONES = 18


def lab(colour: str, vision: np.ndarray) -> np.ndarray:
    """CIE L*a*b* (1976, D65) of an sRGB colour after a loss of cones."""
    srgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(vision @ linear, 0, 1)
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    xyz = np.array(to_xyz) @ seen / np.array([0.9505, 1, 1.089])
    root = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * root[1] - 16, 500 * (root[0] - root[1]), 200 * (root[1] - root[2])])


def test_white_and_black_are_where_the_standard_has_them() -> None:
    assert lab("#ffffff", np.eye(3)) == pytest.approx([100, 0, 0], abs=0.05)
    assert lab("#000000", np.eye(3)) == pytest.approx([0, 0, 0], abs=0.05)
    assert lab("#ff0000", np.eye(3)) == pytest.approx([53.2, 80.1, 67.2], abs=0.3)


@pytest.mark.parametrize("theme", PALETTE)
@pytest.mark.parametrize("vision", VISION)
def test_every_two_colours_can_be_told_apart(theme: str, vision: str) -> None:
    colours = PALETTE[theme]
    everything = [*colours["classes"], colours["other"], colours["ground"]]
    least = MIN_DISTANCE_ALL_CONES if vision == "all cones" else MIN_DISTANCE
    for first, second in combinations(everything, 2):
        distance = np.linalg.norm(lab(first, VISION[vision]) - lab(second, VISION[vision]))
        assert distance >= least, f"{first} and {second} with {vision}: {distance:.1f}"


@pytest.mark.parametrize("theme", PALETTE)
@pytest.mark.parametrize("vision", VISION)
def test_the_ramp_rises_in_lightness(theme: str, vision: str) -> None:
    lightness = [lab(colour, VISION[vision])[0] for colour in PALETTE[theme]["ramp"]]
    assert min(np.diff(lightness)) > 2, lightness


def test_both_themes_have_equally_many_colours() -> None:
    sizes = [(len(colours["classes"]), len(colours["ramp"])) for colours in PALETTE.values()]
    assert sizes == [(12, 8), (12, 8)]


def test_the_style_sheet_has_the_palettes_ground_and_inks() -> None:
    styles = BASE_STYLES.read_text("utf-8")
    names = {"ground": "ground", "ink": "ink", "ink-soft": "inkSoft"}
    for property_name, key in names.items():
        found = re.findall(rf"--{property_name}: (#[0-9a-f]+);", styles)
        # The dark theme is there twice: chosen, and as the system's.
        dark = PALETTE["dark"][key]
        assert found == [PALETTE["light"][key], dark, dark]


def test_pictures_have_the_light_theme() -> None:
    colors = read_colors()
    assert colors.ground == PALETTE["light"]["ground"]
    assert [*colors.classes] == PALETTE["light"]["classes"]
