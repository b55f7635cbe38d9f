"""How results look on a terminal: tables and sentences on stdout, or JSON for programs.

Values come in finished; nothing is computed here beyond their rendering.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from bookgraph.core.errors import UsageError
from bookgraph.core.settings import Settings

if TYPE_CHECKING:
    from bookgraph.cli.doctor import Check
    from bookgraph.embed.evaluation.held_out import RankingScores
    from bookgraph.embed.maps.pipeline import MapReport
    from bookgraph.embed.pipeline import EvaluationReport, TrainReport
    from bookgraph.graph import Neighbour
    from bookgraph.ingest import IngestReport
    from bookgraph.ingest.fetch.download import FetchedDump


def say(message: str) -> None:
    """Print plain text, never wrapped and never read as markup."""
    _console().print(message, markup=False, highlight=False, soft_wrap=True)


def print_json(value: object) -> None:
    """Print a value as JSON, keys as they are, text in UTF-8."""
    json.dump(value, sys.stdout, ensure_ascii=False, indent=2, default=str)
    sys.stdout.write("\n")


def print_fetched(dump: FetchedDump, *, as_json: bool) -> None:
    """Print what was downloaded, and what to do with it."""
    if as_json:
        print_json(asdict(dump))
        return
    say(
        f"{dump.wiki} of {dump.date}: {len(dump.paths):,} files, {dump.num_bytes / 1e6:,.1f} MB, "
        f"checksums right; {dump.num_fetched_bytes / 1e6:,.1f} MB of them fetched now in "
        f"{dump.elapsed_s:.0f} s."
    )
    say(f"Load it: {program()} ingest {dump.paths[0].parent}/*.bz2")


def print_ingest(report: IngestReport, *, is_short: bool = False) -> None:
    """Print what an ingest read, what each step did, and what the graph holds now."""
    if not is_short:
        _print_steps(report)
        _print_folding_only(report)
        for source in report.sources:
            say(f"From {source}.")
    _print_bad_records(report)
    counts, loaded = report.cleaning.counts, report.loaded
    say(
        f"In the graph: {report.cleaning.num_books:,} books, {counts.num_links:,} links, "
        f"{counts.num_edges:,} edges ({counts.num_pairs:,} mentions); "
        f"{counts.num_books_with_link:,} books have a link."
    )
    say(
        f"Books added: {loaded.num_added:,}, changed: {loaded.num_changed:,}, "
        f"unchanged: {loaded.num_unchanged:,}, removed: {loaded.num_removed:,}; "
        f"records skipped: {report.num_skipped:,}. {loaded.elapsed_s:.1f} s."
    )


def _print_steps(report: IngestReport) -> None:
    table = Table(box=None, pad_edge=False)
    table.add_column("cleaning step")
    for heading in ("in", "changed", "dropped"):
        table.add_column(heading, justify="right")
    table.add_column("of")
    for step in report.cleaning.steps:
        table.add_row(
            step.name,
            f"{step.num_in:,}",
            f"{step.num_changed:,}",
            f"{step.num_dropped:,}",
            step.unit,
        )
    _console().print(table)


def _print_folding_only(report: IngestReport) -> None:
    before, after = report.cleaning.folding_only, report.cleaning.counts
    if before is None:
        return
    say(
        "Folding and lowercasing alone would give "
        f"{before.num_links:,} links, {before.num_pairs:,} mentions, {before.num_edges:,} edges; "
        "sections, leading colons and junk links change that by "
        f"{after.num_links - before.num_links:+,} links, "
        f"{after.num_pairs - before.num_pairs:+,} mentions, "
        f"{after.num_edges - before.num_edges:+,} edges."
    )


def _print_bad_records(report: IngestReport) -> None:
    for reason, num in report.bad_records.num_by_reason.most_common():
        say(f"{num:,} bad records: {reason}")
        for bad in report.bad_records.examples[reason]:
            say(f"  {bad.source}, record {bad.position}: {bad.example}")


def print_train(report: TrainReport, *, as_json: bool = False) -> None:
    """Print what was trained and written."""
    if as_json:
        print_json(asdict(report))
        return
    written = report.written
    if report.is_reused:
        say(f"Model {report.version} was trained on this graph before and is taken from disk.")
    elif not report.is_complete:
        say(f"Training was interrupted; what was reached is kept as model {report.version}.")
    else:
        recall = (
            ""
            if report.recall_at_20 is None
            else f", recall@20 on held-out links {report.recall_at_20:.3f}"
        )
        say(f"Trained model {report.version} on {report.num_pairs:,} mentions{recall}.")
    say(
        f"In the graph: vectors of {written.num_books:,} books and {written.num_links:,} links "
        f"({written.elapsed_s:.1f} s). Saved as {report.model_file}."
    )


def evaluation_json(report: EvaluationReport) -> dict[str, Any]:
    """The report as plain values: the model's ranking at the top, as scripts rely on it."""
    return {
        **report.ranking.to_json(),
        "version": report.version,
        "neighbours": {name: asdict(value) for name, value in report.neighbours.items()},
    }


def print_evaluation(report: EvaluationReport) -> None:
    """Print the ranking beside the baselines, and what near books have in common."""
    ranking = report.ranking
    k = ranking.k
    table = Table(box=None, pad_edge=False)
    table.add_column("ranking of held-out links")
    for heading in (f"recall@{k}", f"NDCG@{k}", "MRR", f"hit rate@{k}"):
        table.add_column(heading, justify="right")
    for name, scores in (("model", ranking.model), *ranking.baselines.items()):
        table.add_row(name.replace("_", " "), *_score_cells(scores))
    _console().print(table)
    say(
        f"{ranking.num_test_edges:,} held-out edges of {ranking.num_test_books:,} books; "
        "± is the 95 % interval over books."
    )
    if report.version is None:
        say("No model is in the graph yet, so its neighbours cannot be judged: `bookgraph train`.")
    for name, value in report.neighbours.items():
        say(
            f"Same {name} among the first {value.k} neighbours: {value.share:.1%} "
            f"(chance {value.chance:.2%}, {value.share / max(value.chance, 1e-9):.1f} times; "
            f"{value.num_books:,} books with a known {name})."
        )


def write_picture(svg: str, path: Path) -> None:
    """Write a drawing to a file.

    Raises:
        UsageError: the file cannot be written.
    """
    try:
        path.write_text(svg, "utf-8")
    except OSError as error:
        raise UsageError(
            f"The picture cannot be written to {path}: {error.strerror or error}. Name a file in "
            "a folder that is there and writable."
        ) from error


def _score_cells(scores: RankingScores) -> list[str]:
    estimates = (scores.recall, scores.ndcg, scores.mrr, scores.hit_rate)
    return [f"{one.mean:.3f} ± {(one.high - one.low) / 2:.3f}" for one in estimates]


def print_map(report: MapReport, *, as_json: bool = False) -> None:
    """Print what a map shows and how far it can be trusted."""
    if as_json:
        print_json(asdict(report))
        return
    kept = report.kept_share_books
    trust = "" if kept is None else f"; {kept:.0%} of the 15 nearest of a book are near on it too"
    say(
        f"Mapped {report.num_books:,} books and {report.num_links:,} links by {report.method}"
        f"{trust} ({report.elapsed_s:.1f} s)."
    )


def print_neighbours(titles: Sequence[str], neighbours: Sequence[Neighbour]) -> None:
    """Print near books with scores and the links that speak for them."""
    table = Table(box=None, pad_edge=False)
    table.add_column("score", justify="right")
    table.add_column(f"near to {', '.join(titles)}")
    table.add_column("both link to")
    for neighbour in neighbours:
        table.add_row(f"{neighbour.score:.3f}", neighbour.name, ", ".join(neighbour.shared))
    _console().print(table)


def print_status(status: dict[str, Any], *, as_json: bool) -> None:
    """Print what is known of the local Neo4j."""
    if as_json:
        print_json(status)
        return
    state = f"runs (process {status['pid']})" if status["is_running"] else "does not run"
    say(f"Neo4j {status['version']} {state}.")
    if status["is_running"]:
        say(f"Bolt: {status['bolt_uri']}\nBrowser: {status['http_url']}/browser/")
    say(f"Home: {status['home']}\nLog: {status['log_file']}")


def print_settings(rows: Sequence[dict[str, Any]], *, as_json: bool) -> None:
    """Print the settings; secrets show as stars."""
    if as_json:
        print_json(rows)
        return
    table = Table("variable", "value", "meaning", box=None, pad_edge=False)
    for row in rows:
        table.add_row(row["variable"], row["value"], row["description"])
    _console().print(table)


def print_checks(checks: Sequence[Check], *, as_json: bool) -> None:
    """Print what was checked and what to do about what is wrong."""
    if as_json:
        print_json([asdict(check) for check in checks])
        return
    for check in checks:
        say(f"{'ok   ' if check.is_well else 'WRONG'}  {check.name}: {check.finding}")


def print_farewell(url: str, browser: str, settings: Settings) -> None:
    """Print where the demo's result can be seen and how to end it."""
    query = '{ similarBooks(like: ["War and Peace"], first: 5) { edges { score node { title } } } }'
    body = json.dumps({"query": query}).replace("'", "'\\''")
    say(f"\nExplorer:      {url}/")
    say(f"GraphQL:       {url}/graphql")
    if browser:
        say(f"Neo4j Browser: {browser}/browser/ (`{program()} neo4j url` prints the password)")
        # Neo4j lets its Browser load from this name of the machine, and not from its number.
        guide = url.replace("127.0.0.1", "localhost")
        say(f"Its guide:     {browser}/browser/?cmd=play&arg={guide}/neo4j/guide.html")
    say("\nAsk it:")
    say(f"curl -s {url}/graphql -H 'Content-Type: application/json' -d '{body}'")
    say(f"\nData are in {settings.home}. It keeps running; `make stop` ends it.")


def print_files(files: Sequence[Path], *, as_json: bool) -> None:
    """Print which files were written."""
    if as_json:
        print_json({"files": [str(file) for file in files]})
    else:
        say("\n".join(map(str, files)))


def program() -> str:
    """How this program is called from here: by its name, or by its path when it is not on PATH."""
    if shutil.which("bookgraph"):
        return "bookgraph"
    path = Path(sys.argv[0]).absolute()
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def _console() -> Console:
    # Made when needed, because tests and pipes replace sys.stdout. A pipe gets whole lines.
    console = Console(highlight=False, markup=False)
    return console if console.is_terminal else Console(highlight=False, markup=False, width=200)
