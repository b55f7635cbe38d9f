"""From the vectors in the graph to the places of books and links on a map, back in the graph.

The arranging is `embed.maps.layout`'s, the statements are `graph.write.map`'s; this module joins
them and records how good the map is.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass

from bookgraph.core.errors import DataMissingError
from bookgraph.core.progress import OnProgress, Progress, ignore_progress
from bookgraph.embed.config import LayoutConfig
from bookgraph.embed.maps.layout import NUM_MEASURED_NEIGHBOURS, Layout, lay_out
from bookgraph.graph.read.model import MapVectors, read_map_vectors
from bookgraph.graph.schema import BOOK, LINK, NodeKind
from bookgraph.graph.store import Store
from bookgraph.graph.write.map import MapPositions, MapWriteReport, write_map

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class MapReport:
    """What a run of `map_graph` did.

    Attributes:
        version: the model that was mapped.
        method: `tsne` or `umap`.
        seed: of the layout.
        num_books: books on the map.
        num_links: links on their map.
        kept_share_books: share of the 15 nearest of a book that are among the 15 nearest on the
            map, mean over the books; None for fewer than two.
        kept_share_links: the same of links.
        is_continued: whether the map of before was the start, so that places stay alike.
        elapsed_s: seconds in all.
        written: what the write-back did.
    """

    version: str
    method: str
    seed: int
    num_books: int
    num_links: int
    kept_share_books: float | None
    kept_share_links: float | None
    is_continued: bool
    elapsed_s: float
    written: MapWriteReport


def map_graph(
    store: Store,
    config: LayoutConfig,
    *,
    is_fresh: bool = False,
    on_progress: OnProgress = ignore_progress,
) -> MapReport:
    """Arrange books, and links on a map of their own, and write the places into the graph.

    Args:
        store: a graph with a trained model.
        config: method and seed; the method names the properties that are written.
        is_fresh: forget the map of before instead of starting from it.
        on_progress: told of each stage.

    Raises:
        DataMissingError: no model was trained, or another one came meanwhile.
        UsageError: UMAP is asked for and not installed.
    """
    start_s = time.monotonic()
    books, book_layout = _arrange(store, BOOK, config, is_fresh, on_progress)
    links, link_layout = _arrange(store, LINK, config, is_fresh, on_progress)
    if books.version != links.version:
        raise DataMissingError(
            f"The model changed from {books.version} to {links.version} while the map was made. "
            "Nothing was changed. Run `bookgraph map` again."
        )
    positions = MapPositions(
        name=config.method,
        version=books.version,
        book_titles=books.keys,
        book_positions=book_layout.positions,
        link_names=links.keys,
        link_positions=link_layout.positions,
        facts=_facts(config, book_layout, link_layout),
    )
    written = write_map(store, positions, on_progress=on_progress)
    report = MapReport(
        version=books.version,
        method=config.method,
        seed=config.seed,
        num_books=len(books.keys),
        num_links=len(links.keys),
        kept_share_books=book_layout.kept_share,
        kept_share_links=link_layout.kept_share,
        is_continued=book_layout.is_continued,
        elapsed_s=time.monotonic() - start_s,
        written=written,
    )
    logger.info("mapped %s", report)
    return report


def _arrange(
    store: Store,
    kind: NodeKind,
    config: LayoutConfig,
    is_fresh: bool,
    on_progress: OnProgress,
) -> tuple[MapVectors, Layout]:
    vectors = read_map_vectors(store, kind, name=config.method)
    noun = f"{kind.word}s"

    def say(progress: Progress) -> None:
        on_progress(
            Progress(
                f"{progress.stage} of {noun}",
                progress.done,
                progress.total,
                progress.unit,
                progress.note,
            )
        )

    layout = lay_out(
        vectors.vectors,
        config,
        old_positions=None if is_fresh else vectors.old_positions,
        on_progress=say,
    )
    return vectors, layout


def _facts(config: LayoutConfig, books: Layout, links: Layout) -> dict[str, object]:
    """What the page shows of a map: method, seed and how far it can be trusted."""
    name = config.method
    return {
        f"{name}_seed": config.seed,
        f"{name}_perplexity": config.perplexity if name == "tsne" else None,
        f"{name}_num_neighbours": NUM_MEASURED_NEIGHBOURS,
        f"{name}_kept_share_books": books.kept_share,
        f"{name}_kept_share_links": links.kept_share,
    }
