"""The map as a picture: read back by Pillow and by an XML parser, with the colours of the page."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, cast
from xml.etree import ElementTree as ET

import pytest
from PIL import Image

from bookgraph.api.pictures.draw import HEIGHT, WIDTH, plan_picture, read_colors
from bookgraph.api.pictures.export import export_map
from bookgraph.core.choices import MapFormat
from bookgraph.core.errors import DataMissingError, UsageError
from bookgraph.graph.query.overview import MapColumns
from bookgraph.graph.schema import BOOK
from bookgraph.graph.store import Store

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def mapped(store: Store) -> Store:
    """Thirty books of two genres and none, on a lattice."""
    genres = ["Novel", "Tom & <Jerry>", None]
    rows = [
        {
            "title": f"Book {i}",
            "genre": genres[min(2, i // 12)],
            "x": float(i % 6),
            "y": float(i // 6),
            "num_links": i,
        }
        for i in range(30)
    ]
    store.run("UNWIND $rows AS row CREATE (n:Book) SET n = row", rows=rows)
    store.run("CREATE (:Book {title: 'Unplaced', num_links: 0})")
    return store


def test_svg_has_a_dot_for_each_book_and_a_legend(mapped: Store, tmp_path: Path) -> None:
    path = export_map(mapped, tmp_path / "new", "svg")
    assert path == tmp_path / "new" / "map.svg"
    root = ET.fromstring(path.read_text("utf-8"))
    groups = {one.get("fill"): len(one) for one in root.findall(f"{SVG}g")}
    colors = read_colors()
    assert groups == {colors.classes[0]: 12, colors.classes[1]: 12, colors.other: 6}
    texts = [one.text for one in root.iter(f"{SVG}text")]
    assert texts[:7] == ["30 books by genre", "Novel", "12", "Tom & <Jerry>", "12", "other", "6"]
    for dot in root.iter(f"{SVG}circle"):
        assert 0 <= float(dot.get("cx", "-1")) <= WIDTH
        assert 0 <= float(dot.get("cy", "-1")) <= HEIGHT


def test_png_has_each_books_colour_at_its_place(mapped: Store, tmp_path: Path) -> None:
    path = export_map(mapped, tmp_path, "png")
    colors = read_colors()
    with Image.open(path) as image:
        assert image.size == (WIDTH, HEIGHT)
        picture = plan_picture(columns(mapped))
        for one in picture.classes:
            for x, y in one.places:
                found = image.getpixel((round(x), round(y)))
                assert (
                    "#{:02x}{:02x}{:02x}".format(*cast("tuple[int, int, int]", found)) == one.color
                )
        assert image.getpixel((2, 2)) == tuple(bytes.fromhex(colors.ground[1:]))
        legend = image.crop((WIDTH - 300, 0, WIDTH, HEIGHT))
        assert len(legend.getcolors(100_000) or []) > 50


def columns(store: Store) -> MapColumns:
    from bookgraph.graph.query.overview import read_map

    return read_map(store, BOOK, ("genre", "x", "y"))


def test_up_on_the_map_is_up_on_the_picture() -> None:
    points = columns_of(x=[0.0, 1.0], y=[0.0, 5.0], genre=["low", "high"])
    places = {one.label: one.places[0] for one in plan_picture(points).classes}
    assert places["high"][1] < places["low"][1]
    assert places["high"][0] > places["low"][0]


def columns_of(**values: list[Any]) -> MapColumns:
    return MapColumns(values, len(values["x"]), 0, "tsne", ["tsne"], 0, None)


def test_many_genres_become_other_and_ties_go_by_name() -> None:
    genres = [f"g{i:02}" for i in range(20)]
    points = columns_of(x=[0.0] * 20, y=[0.0] * 20, genre=genres[::-1])
    labels = [one.label for one in plan_picture(points).classes]
    assert labels == [*genres[:12], "other"]


@pytest.mark.parametrize("name", ["html", "png", "svg"])
def test_without_a_map_the_command_is_named(store: Store, tmp_path: Path, name: str) -> None:
    with pytest.raises(DataMissingError, match="bookgraph map"):
        export_map(store, tmp_path / "none", cast("MapFormat", name))
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("name", ["html", "png", "svg"])
def test_an_export_twice_is_the_same_and_leaves_nothing_else(
    mapped: Store, tmp_path: Path, name: str
) -> None:
    first = export_map(mapped, tmp_path, cast("MapFormat", name)).read_bytes()
    assert export_map(mapped, tmp_path, cast("MapFormat", name)).read_bytes() == first
    assert [path.name for path in tmp_path.iterdir()] == [f"map.{name}"]


def test_what_cannot_be_done_is_refused(
    mapped: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match=r"Unknown format: 'gif'\. Use one of html"):
        export_map(mapped, tmp_path, cast("MapFormat", "gif"))
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match=r"Cannot write map\.svg"):
        export_map(mapped, tmp_path / "file", "svg")
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(UsageError, match=r"bookgraph\[exports\]"):
        export_map(mapped, tmp_path, "png")
