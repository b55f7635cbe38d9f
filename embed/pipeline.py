"""Training and evaluation on the graph in Neo4j: reads edges, trains, writes vectors back.

Only this module and `maps.pipeline` know the graph; all others of this folder work on arrays.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bookgraph.core.errors import DataMissingError
from bookgraph.core.progress import OnProgress, ignore_progress
from bookgraph.embed.config import TrainConfig
from bookgraph.embed.data.edges import split_edge_list
from bookgraph.embed.embeddings import (
    Embeddings,
    TrainingInterrupted,
    load_embeddings,
    save_embeddings,
)
from bookgraph.embed.evaluation.held_out import rank_held_out
from bookgraph.embed.evaluation.neighbours import evaluate_neighbours
from bookgraph.embed.evaluation.report import EvaluationReport, NeighbourReport
from bookgraph.embed.train.checkpoint import Checkpoints
from bookgraph.embed.train.loop import OnEpoch, fit_edges
from bookgraph.graph.read.edges import (
    Citations,
    GraphEdges,
    read_citations,
    read_edges,
)
from bookgraph.graph.read.labels import read_book_labels
from bookgraph.graph.read.model import read_current_model
from bookgraph.graph.schema import BOOK
from bookgraph.graph.store import Store
from bookgraph.graph.vectors.models import read_table
from bookgraph.graph.write.lease import leased
from bookgraph.graph.write.vectors import EmbeddingRows, WriteReport, write_embeddings

logger = logging.getLogger(__name__)

_NUM_NEIGHBOURS = 5


@dataclass(frozen=True, slots=True)
class TrainReport:
    """What training on the graph did.

    Attributes:
        version: the current model version.
        num_books: books in the graph.
        num_links: links in the graph.
        num_pairs: mentions of links in books.
        final_loss: of the last epoch, or None without an epoch.
        recall_at_20: the last one measured on held-out edges in training.
        chosen: name to value of the settings that the held-out edges chose.
        is_reused: whether the vectors come from an earlier, finished run with the same settings
            on the same graph.
        is_complete: false when the training was interrupted.
        model_file: where the vectors are saved.
        written: what the write-back did.
    """

    version: str
    num_books: int
    num_links: int
    num_pairs: int
    final_loss: float | None
    recall_at_20: float | None
    chosen: dict[str, float]
    is_reused: bool
    is_complete: bool
    model_file: Path
    written: WriteReport


@leased("train")
def train_graph(
    store: Store,
    config: TrainConfig,
    *,
    models_dir: Path,
    is_forced: bool = False,
    checkpoint_every: int | None = None,
    has_citations: bool = False,
    on_progress: OnProgress = ignore_progress,
    on_epoch: OnEpoch | None = None,
) -> TrainReport:
    """Train on the graph and make the result its current model.

    The vectors are saved before they are written to the graph: after a failed write-back, the next
    call only has to write them. The result of an interrupted training is written back too.

    Args:
        store: a loaded graph.
        config: how to train.
        models_dir: folder of the saved models; made if it does not exist.
        is_forced: train even if a finished model with the same settings and graph is saved.
        checkpoint_every: epochs between checkpoints in `models_dir`; None writes none. The same
            call resumes from the last one, to the same result.
        has_citations: whether to learn from external links too, in the same space; only vectors
            of books and links are written to the graph.
        on_progress: called during training and writing.
        on_epoch: called after each epoch.

    Raises:
        DataMissingError: the graph is empty.
        TrainingError: the loss is not finite.
        StoreUnreachableError: the server stopped; the previous model is whole.
    """
    graph = read_edges(store)
    citations = read_citations(store, graph.book_titles) if has_citations else None
    version = model_version(config, graph, citations=citations)
    model_file = models_dir / f"{version}.npz"
    embeddings = None if is_forced else _load_finished(model_file)
    is_reused = embeddings is not None
    if embeddings is None:
        embeddings = _fit(
            graph,
            config,
            citations=citations,
            checkpoints=_checkpoints(model_file, checkpoint_every),
            on_progress=on_progress,
            on_epoch=on_epoch,
        )
        models_dir.mkdir(parents=True, exist_ok=True)
        save_embeddings(embeddings, model_file)
    written = write_embeddings(
        store, _embedding_rows(version, graph, embeddings), on_progress=on_progress
    )
    return _report(graph, embeddings, is_reused=is_reused, model_file=model_file, written=written)


def _checkpoints(model_file: Path, every: int | None) -> Checkpoints | None:
    return None if every is None else Checkpoints(model_file.with_suffix(".checkpoint.npz"), every)


def _report(
    graph: GraphEdges,
    embeddings: Embeddings,
    *,
    is_reused: bool,
    model_file: Path,
    written: WriteReport,
) -> TrainReport:
    history = embeddings.history
    return TrainReport(
        version=model_file.stem,
        num_books=len(graph.book_titles),
        num_links=len(graph.link_names),
        num_pairs=graph.edges.num_mentions,
        final_loss=history[-1].loss if history else None,
        recall_at_20=embeddings.recall_at_20,
        chosen=embeddings.chosen,
        is_reused=is_reused,
        is_complete=embeddings.is_complete,
        model_file=model_file,
        written=written,
    )


def _fit(
    graph: GraphEdges,
    config: TrainConfig,
    *,
    citations: Citations | None,
    checkpoints: Checkpoints | None,
    on_progress: OnProgress,
    on_epoch: OnEpoch | None,
) -> Embeddings:
    try:
        return fit_edges(
            graph.edges,
            config,
            external=None if citations is None else citations.edges,
            checkpoints=checkpoints,
            on_progress=on_progress,
            on_epoch=on_epoch,
        )
    except TrainingInterrupted as interruption:
        return interruption.embeddings


def evaluate_graph(
    store: Store,
    config: TrainConfig,
    *,
    test_share: float = 0.1,
    on_progress: OnProgress = ignore_progress,
) -> EvaluationReport:
    """Measure the settings on held-out edges, and the current model by its nearest books.

    Args:
        store: a loaded graph; not changed.
        config: how to train the model that is ranked.
        test_share: share of each book's edges that is held out, in (0, 0.5].
        on_progress: called during training and ranking.

    Raises:
        DataMissingError: the graph is empty.
        TrainingError: no edge can be held out.
    """
    graph = read_edges(store)
    train, test = split_edge_list(graph.edges, test_share=test_share, seed=config.seed)
    embeddings = fit_edges(train, config, on_progress=on_progress)
    ranking = rank_held_out(embeddings, train, test, seed=config.seed, on_progress=on_progress)
    version, neighbours = _evaluate_current_model(store)
    return EvaluationReport(ranking, neighbours, version)


def compare_neighbours(
    store: Store, versions: Sequence[str]
) -> dict[str, dict[str, NeighbourReport]]:
    """What the nearest books of some models have in common, over the books that all of them have.

    Args:
        store: the graph.
        versions: models that the graph holds.

    Returns:
        Version to label to report.

    Raises:
        DataMissingError: the graph does not hold one of them, or they have no book in common.
    """
    tables = [read_table(store, BOOK, version) for version in versions]
    titles = sorted(set.intersection(*({*table.keys} for table in tables)))
    if not titles:
        raise DataMissingError("The models have no book in common.")
    return {
        version: _evaluate_neighbours(store, titles, table.vectors[table.rows_of(titles)])
        for version, table in zip(versions, tables, strict=True)
    }


def _evaluate_current_model(store: Store) -> tuple[str | None, dict[str, NeighbourReport]]:
    try:
        model = read_current_model(store)
    except DataMissingError:
        return None, {}
    return model.version, _evaluate_neighbours(store, model.titles, model.vectors)


def _evaluate_neighbours(
    store: Store, titles: Sequence[str], vectors: NDArray[np.float32]
) -> dict[str, NeighbourReport]:
    labels = read_book_labels(store, titles)
    return {
        name: evaluate_neighbours(vectors, of_books, k=_NUM_NEIGHBOURS)
        for name, of_books in labels.items()
        if sum(map(bool, of_books)) > 1
    }


def model_version(
    config: TrainConfig, graph: GraphEdges, *, citations: Citations | None = None
) -> str:
    """The model version: a digest of the settings, without the device, and of the graph."""
    settings = dataclasses.asdict(config)
    del settings["device"]
    parts: list[object] = [settings, graph.fingerprint()]
    if citations is not None:
        parts.append(citations.fingerprint())
    content = json.dumps(parts, sort_keys=True)
    digest = hashlib.sha256(content.encode()).hexdigest()[:12]
    return f"{config.model}-{config.dim}d-{digest}"


def _load_finished(model_file: Path) -> Embeddings | None:
    try:
        embeddings = load_embeddings(model_file)
    except DataMissingError:
        return None
    return embeddings if embeddings.is_complete else None


def _embedding_rows(version: str, graph: GraphEdges, embeddings: Embeddings) -> EmbeddingRows:
    """Trained rows only: a book without links has no nearest books."""
    books = np.flatnonzero(embeddings.is_book_trained)
    links = np.flatnonzero(embeddings.is_link_trained)
    config = embeddings.config
    return EmbeddingRows(
        version=version,
        book_titles=[graph.book_titles[row] for row in books],
        book_vectors=embeddings.book[books],
        link_names=[graph.link_names[row] for row in links],
        link_vectors=embeddings.link[links],
        properties={
            "settings": json.dumps(dataclasses.asdict(config), sort_keys=True),
            "seed": config.seed,
            "fingerprint": graph.fingerprint(),
            "is_complete": embeddings.is_complete,
            "metrics": json.dumps({"recall_at_20": embeddings.recall_at_20}),
        },
    )
