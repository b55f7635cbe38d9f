"""`bookgraph fetch` and `bookgraph ingest`: a dump to the disk, book records into the graph."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from bookgraph.cli import render as text
from bookgraph.cli.common import AsJson, open_store
from bookgraph.cli.process import trust_system_certificates
from bookgraph.core.errors import UsageError
from bookgraph.core.progress import ProgressPrinter
from bookgraph.core.settings import load_settings

if TYPE_CHECKING:
    from bookgraph.ingest import CleaningOptions


def fetch(
    wiki: Annotated[
        str, typer.Option(help="Which Wikipedia: enwiki, simplewiki, ...")
    ] = "simplewiki",
    date: Annotated[
        str, typer.Option(help="Of the dump: YYYYMMDD, or latest for the newest finished one.")
    ] = "latest",
    mirror: Annotated[
        str | None, typer.Option(help="Address of a mirror of Wikimedia's dump site.")
    ] = None,
    folder: Annotated[
        Path | None, typer.Option("--to", help="Folder; `dumps` in BOOKGRAPH_HOME by default.")
    ] = None,
    connections: Annotated[
        int, typer.Option(min=1, max=16, help="At once; Wikimedia asks for 2 at most.")
    ] = 2,
    as_json: AsJson = False,
) -> None:
    """Download a Wikipedia's dump: in parallel, verified, going on after any cut."""
    from bookgraph.ingest.fetch.download import fetch_dump  # noqa: PLC0415  # the same
    from bookgraph.ingest.fetch.site import DUMP_SITE  # noqa: PLC0415  # keeps `--help` fast

    trust_system_certificates()
    with ProgressPrinter() as progress:
        dump = fetch_dump(
            wiki,
            date,
            folder=folder or load_settings().dumps_dir,
            site=mirror or DUMP_SITE,
            num_connections=connections,
            on_progress=progress,
        )
    text.print_fetched(dump, as_json=as_json)


def ingest(
    paths: Annotated[
        list[Path], typer.Argument(help="NDJSON book records or MediaWiki XML dumps (.bz2, .gz).")
    ],
    cleaning: Annotated[
        str, typer.Option(help="`default`, or `reference` for the published notebook's way.")
    ] = "default",
    min_links: Annotated[
        int, typer.Option(min=1, help="Keep a link when at least so many books mention it.")
    ] = 4,
    too_common: Annotated[
        Path | None, typer.Option(help="A file of link names to drop, instead of the built-in six.")
    ] = None,
    keep_others: Annotated[
        bool, typer.Option("--keep-others", help="Keep books that are not in the files.")
    ] = False,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes that read dumps; one a core by default.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Load book records: afterwards the graph holds the books of these files, and no others.

    What was read of a dump is kept in BOOKGRAPH_HOME: a run that was stopped goes on there.
    """
    from bookgraph.graph import LocalServer  # noqa: PLC0415  # keeps `--help` fast
    from bookgraph.ingest import ingest_files  # noqa: PLC0415  # the same

    options = _options(cleaning, min_links=min_links, too_common=too_common)
    for path in paths:
        # Before a server is started for nothing.
        if path.is_dir():
            raise UsageError(f"{path} is a folder. Name the dumps in it, such as {path}/*.bz2.")
        if not path.is_file():
            raise UsageError(f"{path} is no file. Give NDJSON book records or a MediaWiki dump.")
    settings = load_settings()
    with open_store(settings) as (store, progress):
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
        text.print_json(report.to_json())
    else:
        text.print_ingest(report)


def _options(cleaning: str, *, min_links: int, too_common: Path | None) -> CleaningOptions:
    from bookgraph.ingest import CleaningOptions, read_too_common  # noqa: PLC0415  # keeps `--help` fast

    if cleaning not in {"default", "reference"}:
        raise UsageError(f"--cleaning {cleaning!r} is unknown; use default or reference.")
    mode: Literal["default", "reference"] = "reference" if cleaning == "reference" else "default"
    if too_common is None:
        return CleaningOptions(cleaning=mode, min_links=min_links)
    try:
        names = read_too_common(too_common.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--too-common {too_common} cannot be read: {error}.") from error
    return CleaningOptions(cleaning=mode, min_links=min_links, too_common=names)
