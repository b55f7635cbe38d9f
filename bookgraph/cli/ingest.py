"""`bookgraph ingest`: book records into the graph."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from bookgraph.cli.common import AsJson, open_store
from bookgraph.cli.options import whole_number
from bookgraph.cli.render import print_json, print_table, say
from bookgraph.core.choices import Cleaning
from bookgraph.core.errors import UsageError
from bookgraph.core.names import MAIN_ONLY
from bookgraph.core.settings import load_settings

if TYPE_CHECKING:
    from bookgraph.ingest import IngestReport


_NUM_TEMPLATES = 10
_FEW_LINKED = 0.5

Paths = Annotated[
    list[Path],
    typer.Argument(
        metavar="FILE...",
        help="Book records as JSON, or MediaWiki XML dumps; plain, .gz, .bz2, .xz or .zst. - is "
        "standard input.",
    ),
]
Namespaces = Annotated[
    list[int] | None,
    typer.Option(
        "--namespace",
        metavar="N",
        help="Number of a namespace whose pages are books; may be repeated. By default 0, the "
        "articles.",
    ),
]
AnyTitle = Annotated[
    bool,
    typer.Option(
        "--any-title",
        help="Take every record for a book, even if its title begins like a page of another "
        "namespace (Template:, User:). For a catalogue of your own.",
    ),
]
Workers = Annotated[
    int | None,
    whole_number(
        "--workers", text="Processes that read dumps. By default one for each core.", low=1
    ),
]


def ingest(
    paths: Paths,
    cleaning: Annotated[
        Cleaning,
        typer.Option(help="reference cleans links as the published notebook does, for comparison."),
    ] = "default",
    min_links: Annotated[
        int,
        whole_number(
            "--min-links", text="Keep a link if at least this many books mention it.", low=1
        ),
    ] = 4,
    too_common: Annotated[
        Path | None,
        typer.Option(help="File of link names to drop, one per line, instead of the built-in 6."),
    ] = None,
    namespaces: Namespaces = None,
    any_title: AnyTitle = False,
    keep_others: Annotated[
        bool, typer.Option("--keep-others", help="Keep the graph's other books.")
    ] = False,
    workers: Workers = None,
    as_json: AsJson = False,
) -> None:
    """Replace the graph's books with those in these files.

    Other books are deleted unless you pass --keep-others. What is read from a dump is saved in
    BOOKGRAPH_HOME, so that an interrupted run resumes.
    """
    from bookgraph.graph import LocalServer  # noqa: PLC0415  # loads the driver
    from bookgraph.ingest import CleaningOptions, ingest_files  # noqa: PLC0415  # slow to import

    check_files(paths)
    options = CleaningOptions(
        cleaning=cleaning,
        min_links=min_links,
        too_common=_read_too_common(too_common),
        namespaces=None if any_title else frozenset(namespaces or MAIN_ONLY),
    )
    settings = load_settings()
    with open_store(settings, is_new_allowed=True, checks_model=True) as (store, progress):
        report = ingest_files(
            paths,
            store,
            options=options,
            keep_others=keep_others,
            work_dir=settings.spools_dir,
            num_workers=workers,
            server=None if settings.is_remote else LocalServer(settings),
            on_progress=progress,
        )
    if as_json:
        print_json(report.to_json())
    else:
        _print_report(report)
    hint_at_threshold(report)


def hint_at_threshold(report: IngestReport) -> None:
    """Say on stderr that the threshold leaves little, as it does for a few books of one's own."""
    graph, min_links = report.graph, report.cleaning.min_links
    if min_links == 1 or graph.num_books_with_link >= _FEW_LINKED * graph.num_books:
        return
    advice = "1" if graph.num_links == 0 else f"{min_links - 1} or less"
    sys.stderr.write(
        f"{graph.num_books:,} books, {graph.num_links:,} links: try --min-links {advice}. A link "
        f"is kept if at least {min_links} books mention it.\n"
    )


def check_files(paths: list[Path]) -> None:
    """Check before a server is started in vain."""
    for path in paths:
        if path.is_dir():
            raise UsageError(f"{path} is a folder. Pass the files in it, such as {path}/*.bz2.")
        if str(path) != "-" and not path.exists():
            raise UsageError(f"File not found: {path}.")


def _read_too_common(path: Path | None) -> frozenset[str]:
    from bookgraph.ingest import default_too_common, read_too_common  # noqa: PLC0415  # slow

    if path is None:
        return default_too_common()
    try:
        return read_too_common(path.read_text("utf-8"))
    except OSError as error:
        raise UsageError(
            f"Cannot read --too-common {path}. Check that the file exists and is readable."
        ) from error
    except UnicodeDecodeError as error:
        raise UsageError(f"--too-common {path} is not a UTF-8 text file.") from error


def _print_report(report: IngestReport) -> None:
    table = Table(box=None, pad_edge=False)
    table.add_column("cleaning step")
    for heading in ("in", "changed", "dropped"):
        table.add_column(heading, justify="right")
    table.add_column("unit")
    for step in report.cleaning.steps:
        numbers = (step.num_in, step.num_changed, step.num_dropped)
        table.add_row(step.name, *(f"{number:,}" for number in numbers), step.unit)
    print_table(table)
    _print_folding_only(report)
    for source in report.sources:
        say(f"Read {source}.")
    print_counts(report)


def _print_folding_only(report: IngestReport) -> None:
    before, after = report.cleaning.folding_only, report.cleaning.counts
    if before is None:
        return
    say(
        "Folding and lowercasing alone would give "
        f"{before.num_links:,} links, {before.num_pairs:,} mentions and {before.num_edges:,} "
        "edges. Removing sections, leading colons and junk links changes that by "
        f"{after.num_links - before.num_links:+,} links, "
        f"{after.num_pairs - before.num_pairs:+,} mentions and "
        f"{after.num_edges - before.num_edges:+,} edges."
    )


def print_counts(report: IngestReport) -> None:
    """Print the bad records, what the graph holds now, and what changed."""
    for reason, num in report.bad_records.num_by_reason.most_common():
        say(f"Skipped {num:,} bad record{'' if num == 1 else 's'}: {reason}")
        for bad in report.bad_records.examples[reason]:
            say(f"  {bad.source}, record {bad.position}: {bad.example}")
    for reason, num in report.left_out.most_common():
        say(f"Left out {num:,} page{'' if num == 1 else 's'} with the infobox: {reason}")
    common = report.unknown_templates.most_common(_NUM_TEMPLATES)
    if common:
        names = ", ".join(f"{name} ({num:,})" for name, num in common)
        say(f"Templates left out of values because no rule knows them: {names}")
    graph, loaded = report.graph, report.loaded
    say(
        f"The graph holds {graph.num_books:,} books ({graph.num_books_with_link:,} of them with "
        f"links), {graph.num_links:,} links and {graph.num_edges:,} edges "
        f"({graph.num_pairs:,} mentions)."
    )
    say(
        f"Books added: {loaded.num_added:,}, changed: {loaded.num_changed:,}, "
        f"unchanged: {loaded.num_unchanged:,}, deleted: {loaded.num_removed:,}; "
        f"records skipped: {report.num_skipped:,}. Took {loaded.elapsed_s:.1f} s."
    )
