"""Vectors for books and links: sampling, training, evaluation and files. Owns torch."""

from embed.checkpoint import Checkpoints
from embed.config import TrainConfig
from embed.embeddings import (
    Embeddings,
    EpochReport,
    TrainingInterrupted,
    load_embeddings,
    save_embeddings,
)
from embed.evaluate import Estimate, RankingReport, RankingScores, evaluate_ranking
from embed.fold_in import fold_in
from embed.neighbours import NeighbourReport, evaluate_neighbours
from embed.pairs import fingerprint_pairs, split_edges
from embed.training import fit

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
