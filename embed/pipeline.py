"""Training and evaluation on the graph in Neo4j: pairs out, `fit`, vectors back.

The one module of this folder that knows the graph; everything it calls here works on arrays alone.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bookgraph.core.errors import DataMissingError
from bookgraph.core.progress import OnProgress, ignore_progress
from bookgraph.embed.config import TrainConfig
from bookgraph.embed.data.edges import split_edges
from bookgraph.embed.embeddings import (
    Embeddings,
    TrainingInterrupted,
    load_embeddings,
    save_embeddings,
)
from bookgraph.embed.evaluation.held_out import RankingReport, evaluate_ranking
from bookgraph.embed.evaluation.neighbours import NeighbourReport, evaluate_neighbours
from bookgraph.embed.train.checkpoint import Checkpoints
from bookgraph.embed.train.loop import OnEpoch, fit
from bookgraph.graph.read.edges import (
    Citations,
    GraphPairs,
    read_citations,
    read_pairs,
)
from bookgraph.graph.read.labels import read_book_labels
from bookgraph.graph.read.model import read_current_model
from bookgraph.graph.store import Store
from bookgraph.graph.write.vectors import EmbeddingRows, WriteReport, write_embeddings

logger = logging.getLogger(__name__)

_NEIGHBOURS = 5


@dataclass(frozen=True, slots=True)
class TrainReport:
    """What a training on the graph came to.

    Attributes:
        version: the model that is current now.
        num_books: books in the graph.
        num_links: links in the graph.
        num_pairs: (book, link) mentions that were trained on.
        final_loss: of the last epoch, or None when no epoch was run.
        recall_at_20: the last one measured on held-out edges while training.
        is_reused: whether an earlier, finished run of the same settings on the same graph was
            taken from disk.
        is_complete: false when the training was interrupted.
        model_file: where the vectors are kept.
        written: what the write-back did.
    """

    version: str
    num_books: int
    num_links: int
    num_pairs: int
    final_loss: float | None
    recall_at_20: float | None
    is_reused: bool
    is_complete: bool
    model_file: Path
    written: WriteReport


@dataclass(frozen=True, slots=True)
class EvaluationReport:
    """How good the settings and the current model are.

    Attributes:
        ranking: of held-out edges, by a model trained without them, beside the baselines.
        neighbours: `author`, `genre` and `series` to the share of the nearest books that have it
            in common, of the model that readers see; left out where no book has the label.
        version: the model that `neighbours` judges, or None when none was written yet.
    """

    ranking: RankingReport
    neighbours: dict[str, NeighbourReport]
    version: str | None


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

    The vectors are saved before they are written back, so that a run whose write-back failed only
    has to write them when it is repeated. An interrupted training is written back as it is.

    Args:
        store: a loaded graph.
        config: how to train.
        models_dir: folder of the saved models; made when it is missing.
        is_forced: train even if a finished model of the same settings and graph is saved.
        checkpoint_every: epochs between checkpoints in `models_dir`; None writes none. The same
            call goes on from the last one, to the same result.
        has_citations: whether external links are learned from too, in the same space; readers
            only get the vectors of books and links.
        on_progress: told of training and writing.
        on_epoch: told after each epoch.

    Raises:
        DataMissingError: the graph is empty.
        TrainingError: the loss stopped being a number.
        StoreUnreachableError: the server went away; the model before is whole.
    """
    graph = read_pairs(store)
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
    graph: GraphPairs,
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
        num_pairs=len(graph.pairs),
        final_loss=history[-1].loss if history else None,
        recall_at_20=embeddings.recall_at_20,
        is_reused=is_reused,
        is_complete=embeddings.is_complete,
        model_file=model_file,
        written=written,
    )


def _fit(
    graph: GraphPairs,
    config: TrainConfig,
    *,
    citations: Citations | None,
    checkpoints: Checkpoints | None,
    on_progress: OnProgress,
    on_epoch: OnEpoch | None,
) -> Embeddings:
    try:
        return fit(
            graph.pairs,
            num_books=len(graph.book_titles),
            num_links=len(graph.link_names),
            config=config,
            external_pairs=None if citations is None else citations.pairs,
            num_external=0 if citations is None else len(citations.urls),
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
    """Measure the settings on held-out edges and the current model by its neighbours.

    Args:
        store: a loaded graph.
        config: how to train the model that is ranked; nothing of it is written to the graph.
        test_share: share of each book's edges that is held out, in (0, 0.5].
        on_progress: told of training and ranking.

    Raises:
        DataMissingError: the graph is empty.
        TrainingError: no edge can be held out.
    """
    graph = read_pairs(store)
    num_books, num_links = len(graph.book_titles), len(graph.link_names)
    train_pairs, test_pairs = split_edges(
        graph.pairs,
        num_books=num_books,
        num_links=num_links,
        test_share=test_share,
        seed=config.seed,
    )
    embeddings = fit(
        train_pairs,
        num_books=num_books,
        num_links=num_links,
        config=config,
        on_progress=on_progress,
    )
    ranking = evaluate_ranking(
        embeddings, train_pairs, test_pairs, seed=config.seed, on_progress=on_progress
    )
    version, neighbours = _evaluate_current_model(store)
    return EvaluationReport(ranking, neighbours, version)


def _evaluate_current_model(store: Store) -> tuple[str | None, dict[str, NeighbourReport]]:
    try:
        model = read_current_model(store)
    except DataMissingError:
        return None, {}
    labels = read_book_labels(store, model.titles)
    return model.version, {
        name: evaluate_neighbours(model.vectors, of_books, k=_NEIGHBOURS)
        for name, of_books in labels.items()
        if sum(map(bool, of_books)) > 1
    }


def model_version(
    config: TrainConfig, graph: GraphPairs, *, citations: Citations | None = None
) -> str:
    """The name of what these settings make of this graph; the device has no part in it."""
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


def _embedding_rows(version: str, graph: GraphPairs, embeddings: Embeddings) -> EmbeddingRows:
    """Only trained rows: a book without links has no place among its neighbours."""
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
