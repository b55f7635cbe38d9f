"""Vectors for books and links: sampling, training, evaluation and files. Owns torch."""

from bookgraph.embed.config import TrainConfig
from bookgraph.embed.data.edges import fingerprint_pairs, split_edges
from bookgraph.embed.embeddings import (
    Embeddings,
    EpochReport,
    TrainingInterrupted,
    load_embeddings,
    save_embeddings,
)
from bookgraph.embed.evaluation.held_out import (
    Estimate,
    RankingReport,
    RankingScores,
    evaluate_ranking,
)
from bookgraph.embed.evaluation.neighbours import NeighbourReport, evaluate_neighbours
from bookgraph.embed.fold_in import fold_in
from bookgraph.embed.train.checkpoint import Checkpoints
from bookgraph.embed.train.loop import fit

__all__ = [
    "Checkpoints",
    "Embeddings",
    "EpochReport",
    "Estimate",
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
