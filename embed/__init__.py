"""Vectors for books and links: sampling, training, evaluation and files. Owns torch."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bookgraph.embed.config import LayoutConfig, TrainConfig
    from bookgraph.embed.embeddings import (
        Embeddings,
        EpochReport,
        TrainingInterrupted,
        load_embeddings,
        save_embeddings,
    )
    from bookgraph.embed.evaluation.neighbours import evaluate_neighbours
    from bookgraph.embed.evaluation.report import (
        Estimate,
        NeighbourReport,
        RankingReport,
        RankingScores,
    )
    from bookgraph.embed.pairs import (
        evaluate_ranking,
        fingerprint_pairs,
        fit,
        fold_in,
        split_edges,
    )
    from bookgraph.embed.train.checkpoint import Checkpoints

__all__ = [
    "Checkpoints",
    "Embeddings",
    "EpochReport",
    "Estimate",
    "LayoutConfig",
    "NeighbourReport",
    "RankingReport",
    "RankingScores",
    "TrainConfig",
    "TrainingInterrupted",
    "evaluate_neighbours",
    "evaluate_ranking",
    "fingerprint_pairs",
    "fit",
    "fold_in",
    "load_embeddings",
    "save_embeddings",
    "split_edges",
]

# Loading torch takes seconds, and settings, files of embeddings and maps do not need it.
_MODULES = {
    "Checkpoints": "train.checkpoint",
    "Embeddings": "embeddings",
    "EpochReport": "embeddings",
    "Estimate": "evaluation.report",
    "LayoutConfig": "config",
    "NeighbourReport": "evaluation.report",
    "RankingReport": "evaluation.report",
    "RankingScores": "evaluation.report",
    "TrainConfig": "config",
    "TrainingInterrupted": "embeddings",
    "evaluate_neighbours": "evaluation.neighbours",
    "evaluate_ranking": "pairs",
    "fingerprint_pairs": "pairs",
    "fit": "pairs",
    "fold_in": "pairs",
    "load_embeddings": "embeddings",
    "save_embeddings": "embeddings",
    "split_edges": "pairs",
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first used (PEP 562)."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
