"""`bookgraph fetch`: a Wikipedia dump onto the disk."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.table import Table

from bookgraph.cli.common import AsJson, program
from bookgraph.cli.options import whole_number
from bookgraph.cli.render import print_json, print_table, say
from bookgraph.core.progress import ProgressPrinter
from bookgraph.core.settings import load_settings

if TYPE_CHECKING:
    from bookgraph.ingest.fetch.choose import Offer
    from bookgraph.ingest.fetch.download import FetchedDump


def fetch(
    wiki: Annotated[
        str | None,
        typer.Option(help="The wiki's name: enwiki, simplewiki, ... By default simplewiki."),
    ] = None,
    date: Annotated[
        str,
        typer.Option(help="The dump's date as YYYY-MM-DD, or latest for the newest complete one."),
    ] = "latest",
    source: Annotated[
        Literal["content", "classic"] | None,
        typer.Option(
            help="content for Wikimedia's content exports, classic for its deprecated dumps. By "
            "default content, and classic where a wiki has no content export."
        ),
    ] = None,
    list_dumps: Annotated[
        bool,
        typer.Option("--list", help="List the dumps of --wiki, or all wikis, and fetch nothing."),
    ] = False,
    mirror: Annotated[
        str | None, typer.Option(help="URL of a mirror of Wikimedia's dump site.")
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option("--to", help="Folder for the files. By default `dumps` in BOOKGRAPH_HOME."),
    ] = None,
    connections: Annotated[
        int,
        whole_number(
            "--connections",
            text="Number of parallel downloads. Wikimedia permits 3; use more only for a mirror.",
            low=1,
            high=16,
        ),
    ] = 3,
    as_json: AsJson = False,
) -> None:
    """Download a Wikipedia dump in parallel, verify it, and resume after interruptions."""
    from bookgraph.ingest.fetch.choose import list_offers  # noqa: PLC0415  # slow to import
    from bookgraph.ingest.fetch.download import fetch_dump  # noqa: PLC0415  # slow to import
    from bookgraph.ingest.fetch.site import DUMP_SITE  # noqa: PLC0415  # slow to import

    settings = load_settings()
    site = mirror or DUMP_SITE
    if list_dumps:
        _print_offers(list_offers(wiki, site=site, contact=settings.contact), as_json=as_json)
        return
    with ProgressPrinter() as progress:
        dump = fetch_dump(
            wiki or "simplewiki",
            date,
            folder=folder or settings.dumps_dir,
            source=source,
            site=site,
            contact=settings.contact,
            num_connections=connections,
            on_progress=progress,
        )
    _print_fetched(dump, as_json=as_json)


def _print_offers(offers: list[Offer], *, as_json: bool) -> None:
    if as_json:
        print_json([asdict(offer) for offer in offers])
        return
    if all(not offer.date for offer in offers):
        say("\n".join(offer.wiki for offer in offers))
        say("Dates and sizes of one: bookgraph fetch --list --wiki NAME")
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("source", "date"):
        table.add_column(heading)
    for heading in ("files", "size"):
        table.add_column(heading, justify="right")
    table.add_column("state")
    for offer in offers:
        size = f"{offer.num_bytes / 1e9:,.2f} GB" if offer.num_bytes else ""
        files = f"{offer.num_files:,}" if offer.num_files else ""
        state = "complete" if offer.is_complete else "not complete"
        table.add_row(offer.source, offer.date, files, size, state)
    print_table(table)


def _print_fetched(dump: FetchedDump, *, as_json: bool) -> None:
    if as_json:
        print_json(asdict(dump))
        return
    say(
        f"{dump.wiki} of {dump.date}: {len(dump.paths):,} files, {dump.num_bytes / 1e6:,.1f} MB, "
        f"verified. Downloaded {dump.num_fetched_bytes / 1e6:,.1f} MB in {dump.elapsed_s:.0f} s."
    )
    say(dump.why)
    say(f"Load it: {program()} ingest {dump.paths[0].parent}/*.bz2")
