"""Writes the map into one file that needs no server: an HTML page, an SVG or a PNG."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import get_args

from bookgraph.api.pictures.picture import draw_png, draw_svg, plan_picture
from bookgraph.api.pictures.standalone import build_page
from bookgraph.core.choices import MapFormat
from bookgraph.core.errors import DataMissingError, UsageError
from bookgraph.core.files import atomic_write
from bookgraph.core.progress import OnProgress, Progress, ignore_progress
from bookgraph.graph.query.overview import MapColumns, read_map
from bookgraph.graph.schema import BOOK, LINK
from bookgraph.graph.store import Store

logger = logging.getLogger(__name__)


def export_map(
    store: Store,
    folder: Path,
    file_format: MapFormat,
    *,
    on_progress: OnProgress = ignore_progress,
) -> Path:
    """Write `map.html`, `map.svg` or `map.png` into a folder, which is made where it is missing.

    Args:
        store: a graph with a map.
        folder: a file of that name in it is replaced when the new one is whole.
        file_format: `html` holds books and topics and both layouts where they are; the pictures
            show the books.
        on_progress: told when it is done.

    Raises:
        DataMissingError: there is no map.
        UsageError: the format is unknown, its library missing or the folder cannot be written.
    """
    if file_format not in get_args(MapFormat):
        known = ", ".join(get_args(MapFormat))
        raise UsageError(f"The format {file_format!r} is unknown; use one of {known}.")
    books = read_map(store, BOOK, BOOK.names("map"))
    if not books.num_points:
        raise DataMissingError(
            f"The graph at {store.address} has no map, so there is none to export. Run "
            "`bookgraph map`."
        )
    builders: dict[str, Callable[[], bytes]] = {
        "html": lambda: build_page(_all_maps(store, books)).encode(),
        "svg": lambda: draw_svg(plan_picture(books)).encode(),
        "png": lambda: draw_png(plan_picture(books)),
    }
    content = builders[file_format]()
    path = folder / f"map.{file_format}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with atomic_write(path, "wb") as file:
            file.write(content)
    except OSError as error:
        raise UsageError(f"The map cannot be written to {folder}: {error}.") from error
    on_progress(Progress("Exporting", 1, 1, "maps"))
    logger.info("exported the map of %d books to %s", books.num_points, path)
    return path


def _all_maps(store: Store, books: MapColumns) -> dict[str, MapColumns]:
    """The maps by the names that the page gives them, `book tsne` and so on."""
    maps: dict[str, MapColumns] = {"book tsne": books}
    for layout in dict.fromkeys(("tsne", *books.layouts)):
        for kind in (BOOK, LINK):
            name = f"{kind.word} {layout}"
            if name not in maps:
                maps[name] = read_map(store, kind, kind.names("map"), layout=layout)
    return {name: one for name, one in maps.items() if one.num_points}
