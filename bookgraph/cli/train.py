"""`bookgraph train` and `bookgraph evaluate`: vectors for books and links, and their quality."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.table import Table

from bookgraph.cli.common import AsJson, open_store
from bookgraph.cli.options import number, train_option, whole_number
from bookgraph.cli.process import interrupted_exit_code, keep_freed_memory
from bookgraph.cli.render import print_json, print_table, say
from bookgraph.core.errors import QualityGateError, UsageError
from bookgraph.core.settings import Settings, load_settings
from bookgraph.embed.config import LossName, ModelName, OptimizerName, TrainConfig

if TYPE_CHECKING:
    from bookgraph.embed import EpochReport, RankingScores
    from bookgraph.embed.evaluation.report import EvaluationReport
    from bookgraph.embed.pipeline import TrainReport

Relations = Literal["links", "links,citations"]


def train(
    dim: Annotated[int, train_option("dim")] = TrainConfig.dim,
    epochs: Annotated[int, train_option("epochs")] = TrainConfig.epochs,
    model: Annotated[ModelName, train_option("model")] = TrainConfig.model,
    loss: Annotated[LossName | None, train_option("loss")] = None,
    optimizer: Annotated[OptimizerName | None, train_option("optimizer")] = None,
    learning_rate: Annotated[float | None, train_option("learning_rate")] = None,
    batch_size: Annotated[int | None, train_option("batch_size")] = None,
    num_negatives: Annotated[int, train_option("num_negatives")] = TrainConfig.num_negatives,
    temperature: Annotated[float | None, train_option("temperature")] = None,
    own_weight: Annotated[float | None, train_option("own_weight")] = None,
    degree_exponent: Annotated[float | None, train_option("degree_exponent")] = None,
    smoothing_hops: Annotated[int | None, train_option("smoothing_hops")] = None,
    patience: Annotated[int | None, train_option("patience")] = None,
    checkpoint_every: Annotated[
        int | None,
        whole_number(
            "--checkpoint-every",
            text="Save a checkpoint every so many epochs. The same command resumes from it.",
            low=1,
        ),
    ] = None,
    relations: Annotated[
        Relations, typer.Option(help="Learn from links alone, or from external links too.")
    ] = "links",
    seed: Annotated[int, train_option("seed")] = TrainConfig.seed,
    device: Annotated[str, train_option("device")] = TrainConfig.device,
    again: Annotated[
        bool, typer.Option("--again", help="Train even if this model is already saved.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Train vectors for books and links, and write them into the graph."""
    config = TrainConfig(
        dim=dim,
        epochs=epochs,
        model=model,
        loss=loss,
        optimizer=optimizer,
        learning_rate=learning_rate,
        batch_size=batch_size,
        num_negatives=num_negatives,
        temperature=temperature,
        own_weight=own_weight,
        degree_exponent=degree_exponent,
        smoothing_hops=smoothing_hops,
        patience=patience,
        seed=seed,
        device=device,
    )
    report = train_and_write(
        load_settings(),
        config,
        is_forced=again,
        checkpoint_every=checkpoint_every,
        has_citations=relations == "links,citations",
    )
    if as_json:
        print_json(asdict(report))
    else:
        print_training(report)
    if not report.is_complete:
        sys.exit(interrupted_exit_code())


def evaluate(
    versions: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[VERSION VERSION]",
            help="Compare two models that the graph holds, instead of training one.",
        ),
    ] = None,
    *,
    dim: Annotated[int, train_option("dim")] = TrainConfig.dim,
    epochs: Annotated[int, train_option("epochs")] = TrainConfig.epochs,
    model: Annotated[ModelName, train_option("model")] = TrainConfig.model,
    seed: Annotated[int, train_option("seed")] = TrainConfig.seed,
    device: Annotated[str, train_option("device")] = TrainConfig.device,
    min_recall: Annotated[
        float | None,
        number("--min-recall", text="Exit with 5 if recall@20 is lower.", low=0, high=1),
    ] = None,
    picture: Annotated[
        Path | None, typer.Option(help="Also draw the report into this .svg file.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure how well held-out edges are predicted, and what similar books have in common.

    Trains a model on a part of the edges. The graph does not change. With two versions, compares
    two models by what their similar books have in common.
    """
    if versions:
        _evaluate_two(versions, as_json=as_json)
        return
    from bookgraph.embed.evaluation.picture import evaluation_picture  # noqa: PLC0415  # loads torch
    from bookgraph.embed.pipeline import evaluate_graph  # noqa: PLC0415  # loads torch

    if picture is not None and picture.suffix.lower() != ".svg":
        raise UsageError(f"--picture is {picture}. Use a file name that ends in .svg.")
    config = TrainConfig(dim=dim, epochs=epochs, model=model, seed=seed, device=device)
    keep_freed_memory()
    with open_store(load_settings(), checks_model=True) as (store, progress):
        report = evaluate_graph(store, config, on_progress=progress)
    if picture is not None:
        _write_picture(evaluation_picture(report), picture)
    if as_json:
        print_json(_evaluation_json(report))
    else:
        _print_evaluation(report)
    recall = report.ranking.model.recall.mean
    if min_recall is not None and recall < min_recall:
        raise QualityGateError(f"recall@20 is {recall:.4f}, below --min-recall {min_recall}.")


def _evaluate_two(versions: list[str], *, as_json: bool) -> None:
    from bookgraph.embed.pipeline import compare_neighbours  # noqa: PLC0415  # loads torch

    if len(versions) != 2:  # noqa: PLR2004
        raise UsageError("Give two versions; `bookgraph models list` shows them.")
    with open_store(load_settings(), checks_model=True) as (store, _):
        found = compare_neighbours(store, versions)
    if as_json:
        print_json(
            {
                version: {name: asdict(value) for name, value in of_model.items()}
                for version, of_model in found.items()
            }
        )
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("similar books with the same")
    for version in found:
        table.add_column(version, justify="right")
    table.add_column("by chance", justify="right")
    first, second = found.values()
    for name, value in first.items():
        table.add_row(
            name, f"{value.share:.1%}", f"{second[name].share:.1%}", f"{value.chance:.2%}"
        )
    print_table(table)


def train_and_write(
    settings: Settings,
    config: TrainConfig,
    *,
    is_forced: bool = False,
    checkpoint_every: int | None = None,
    has_citations: bool = False,
) -> TrainReport:
    """Train on the graph and write the vectors, with a line on stderr for each epoch."""
    from bookgraph.embed.pipeline import train_graph  # noqa: PLC0415  # loads torch

    def on_epoch(report: EpochReport) -> None:
        recall = "" if report.recall_at_20 is None else f", recall@20 {report.recall_at_20:.3f}"
        sys.stderr.write(
            f"epoch {report.epoch:>3} of {report.num_epochs}: loss {report.loss:.4f}{recall}, "
            f"{report.pairs_per_s:,.0f} mentions/s\n"
        )

    keep_freed_memory()
    with open_store(settings) as (store, progress):
        return train_graph(
            store,
            config,
            models_dir=settings.models_dir,
            is_forced=is_forced,
            checkpoint_every=checkpoint_every,
            has_citations=has_citations,
            on_progress=progress,
            on_epoch=on_epoch,
        )


def print_training(report: TrainReport) -> None:
    """Print what was trained and written."""
    if report.is_reused:
        say(f"Model {report.version} is already trained on this graph. Loaded it from disk.")
    elif not report.is_complete:
        say(f"Training was interrupted. Its latest vectors are saved as model {report.version}.")
    else:
        recall = report.recall_at_20
        shown = "" if recall is None else f" Recall@20 on held-out edges: {recall:.3f}."
        say(f"Trained model {report.version} on {report.num_pairs:,} mentions.{shown}")
    if report.chosen:
        values = ", ".join(f"{n.replace('_', ' ')} {v:g}" for n, v in report.chosen.items())
        say(f"Settings that the held-out edges chose: {values}.")
    written = report.written
    say(
        f"Wrote the vectors of {written.num_books:,} books and {written.num_links:,} links into "
        f"the graph in {written.elapsed_s:.1f} s. Saved as {report.model_file}."
    )


def _evaluation_json(report: EvaluationReport) -> dict[str, Any]:
    # Scripts rely on the model's ranking being at the top.
    return {
        **report.ranking.to_json(),
        "version": report.version,
        "neighbours": {name: asdict(value) for name, value in report.neighbours.items()},
    }


def _print_evaluation(report: EvaluationReport) -> None:
    ranking = report.ranking
    k = ranking.k
    table = Table(box=None, pad_edge=False)
    table.add_column("ranking of held-out edges")
    for heading in (f"recall@{k}", f"NDCG@{k}", "MRR", f"hit rate@{k}"):
        table.add_column(heading, justify="right")
    for name, scores in (("model", ranking.model), *ranking.baselines.items()):
        table.add_row(name.replace("_", " "), *_score_cells(scores))
    print_table(table)
    say(
        f"{ranking.num_test_edges:,} held-out edges of {ranking.num_test_books:,} books; "
        "± is the 95 % interval over books."
    )
    if report.version is None:
        say("The graph holds no model, so similar books were not judged. Run `bookgraph train`.")
    for name, value in report.neighbours.items():
        say(
            f"Same {name} among the {value.k} most similar books: {value.share:.1%} "
            f"({value.share / max(value.chance, 1e-9):.1f} times the {value.chance:.2%} expected "
            f"by chance; {value.num_books:,} books with a known {name})."
        )


def _score_cells(scores: RankingScores) -> list[str]:
    estimates = (scores.recall, scores.ndcg, scores.mrr, scores.hit_rate)
    return [f"{one.mean:.3f} ± {(one.high - one.low) / 2:.3f}" for one in estimates]


def _write_picture(svg: str, path: Path) -> None:
    try:
        path.write_text(svg, "utf-8")
    except OSError as error:
        raise UsageError(
            f"Cannot write the picture to {path}. Use a file in an existing, writable folder."
        ) from error
