"""Arranges the vectors in the graph on a map and writes the map positions into the graph.

`embed.maps.layout` arranges them and `graph.write.map` has the statements. This module connects the
two and records how good the map is.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace

from bookgraph.core.errors import DataMissingError
from bookgraph.core.progress import OnProgress, Progress, ignore_progress
from bookgraph.embed.config import LayoutConfig
from bookgraph.embed.maps.layout import NUM_MEASURED_NEIGHBOURS, Layout, lay_out
from bookgraph.graph.read.model import MapVectors, read_map_vectors
from bookgraph.graph.schema import BOOK, LINK, NodeKind
from bookgraph.graph.store import Store
from bookgraph.graph.write.lease import leased
from bookgraph.graph.write.map import MapPositions, MapWriteReport, write_map

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class MapReport:
    """What a run of `map_graph` did.

    Attributes:
        version: the model version that was mapped.
        method: `tsne` or `umap`.
        seed: of the layout.
        num_books: books on the map.
        num_links: links on their map.
        kept_share_books: share of the 15 nearest of a book that are among the 15 nearest on the
            map, mean over the books; None for fewer than two.
        kept_share_links: likewise for links.
        is_continued: whether the existing map was the start, so that positions stay similar.
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


@leased("map")
def map_graph(
    store: Store,
    config: LayoutConfig,
    *,
    is_fresh: bool = False,
    on_progress: OnProgress = ignore_progress,
) -> MapReport:
    """Arrange books on one map and links on another, and write the positions into the graph.

    Args:
        store: a graph with a trained model.
        config: method and seed; the method names the properties that are written.
        is_fresh: build the map from scratch instead of updating the existing one.
        on_progress: called in each stage.

    Raises:
        DataMissingError: the graph has no model, or its model changed in the meantime.
        UsageError: the method is umap and umap-learn is not installed.
    """
    start_s = time.monotonic()
    books, book_layout = _arrange(store, BOOK, config, is_fresh, on_progress)
    links, link_layout = _arrange(store, LINK, config, is_fresh, on_progress)
    if books.version != links.version:
        raise DataMissingError(
            f"The model changed from {books.version} to {links.version} while the map was being "
            "made, so no positions were written. Run `bookgraph map` again."
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

    def report(progress: Progress) -> None:
        on_progress(replace(progress, stage=f"{progress.stage} of {noun}"))

    layout = lay_out(
        vectors.vectors,
        config,
        old_positions=None if is_fresh else vectors.old_positions,
        on_progress=report,
    )
    return vectors, layout


def _facts(config: LayoutConfig, books: Layout, links: Layout) -> dict[str, object]:
    """What the explorer shows about a map: method, seed and how far to trust it."""
    name = config.method
    return {
        f"{name}_seed": config.seed,
        f"{name}_perplexity": config.perplexity if name == "tsne" else None,
        f"{name}_num_neighbours": NUM_MEASURED_NEIGHBOURS,
        f"{name}_kept_share_books": books.kept_share,
        f"{name}_kept_share_links": links.kept_share,
    }
