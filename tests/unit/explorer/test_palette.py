"""The map's colours stay apart for every kind of colour vision (Machado et al. 2009)."""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

SOURCE = (Path(__file__).parents[3] / "api/explorer/map/palette.js").read_text("utf-8")

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


def theme(name: str) -> dict[str, list[str]]:
    block = re.search(rf"const {name} = {{(.*?)^}};", SOURCE, re.DOTALL | re.MULTILINE)
    assert block is not None
    found = {}
    for key in ("ground", "other", "classes", "ramp"):
        value = re.search(rf"{key}: (\[.*?\]|\"#\w+\")", block[1], re.DOTALL)
        assert value is not None
        found[key] = re.findall(r"#[0-9a-f]{6}", value[1])
    return found


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


@pytest.mark.parametrize("name", ["LIGHT", "DARK"])
@pytest.mark.parametrize("vision", VISION)
def test_every_two_colours_can_be_told_apart(name: str, vision: str) -> None:
    colours = theme(name)
    assert len(colours["classes"]) == 12
    everything = [*colours["classes"], *colours["other"], *colours["ground"]]
    least = MIN_DISTANCE_ALL_CONES if vision == "all cones" else MIN_DISTANCE
    for first, second in combinations(everything, 2):
        distance = np.linalg.norm(lab(first, VISION[vision]) - lab(second, VISION[vision]))
        assert distance >= least, f"{first} and {second} with {vision}: {distance:.1f}"


@pytest.mark.parametrize("name", ["LIGHT", "DARK"])
@pytest.mark.parametrize("vision", VISION)
def test_the_ramp_rises_in_lightness(name: str, vision: str) -> None:
    lightness = [lab(colour, VISION[vision])[0] for colour in theme(name)["ramp"]]
    assert len(lightness) == 8
    assert min(np.diff(lightness)) > 2, lightness


@pytest.mark.parametrize("name", ["LIGHT", "DARK"])
def test_the_grounds_are_the_pages_own(name: str) -> None:
    styles = (Path(__file__).parents[3] / "api/explorer/css/base.css").read_text("utf-8")
    assert f"--ground: {theme(name)['ground'][0]};" in styles
