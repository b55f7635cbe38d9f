"""Exports the map to one file that needs no server: an HTML page, an SVG or a PNG."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import get_args

from bookgraph.api.pictures.draw import draw_png, draw_svg, plan_picture
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
    """Write `map.html`, `map.svg` or `map.png` to a folder, which is created if it does not exist.

    Args:
        store: a graph with a map.
        folder: an existing file of that name is replaced once the new one is complete.
        file_format: `html` holds the maps of books and of topics, in each layout that the graph
            has; the pictures show the books.
        on_progress: called once, when the export is done.

    Returns:
        The file's path.

    Raises:
        DataMissingError: the graph has no map.
        UsageError: the format is unknown, its library is missing, or the folder is not writable.
    """
    if file_format not in get_args(MapFormat):
        known = ", ".join(get_args(MapFormat))
        raise UsageError(f"Unknown format: {file_format!r}. Use one of {known}.")
    books = read_map(store, BOOK, BOOK.names("map"))
    if not books.num_points:
        raise DataMissingError(
            f"The graph at {store.address} has no map to export. Run `bookgraph map` first."
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
        raise UsageError(
            f"Cannot write {path.name} to {folder}. Check that it is a folder, that you may write "
            "to it, and that its disk has free space."
        ) from error
    on_progress(Progress("Exporting", 1, 1, "maps"))
    logger.info("exported the map of %d books to %s", books.num_points, path)
    return path


def _all_maps(store: Store, books: MapColumns) -> dict[str, MapColumns]:
    """Read all maps, by the names that the page uses: `book tsne` and so on."""
    maps: dict[str, MapColumns] = {"book tsne": books}
    for layout in dict.fromkeys(("tsne", *books.layouts)):
        for kind in (BOOK, LINK):
            name = f"{kind.word} {layout}"
            if name not in maps:
                maps[name] = read_map(store, kind, kind.names("map"), layout=layout)
    return {name: one for name, one in maps.items() if one.num_points}
