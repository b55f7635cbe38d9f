"""`bookgraph fetch`: a Wikipedia dump onto the disk."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.table import Table

from bookgraph.cli.common import AsJson, program
from bookgraph.cli.options import whole_number
from bookgraph.cli.render import counted, print_json, print_table, say
from bookgraph.core.errors import UsageError
from bookgraph.core.progress import ProgressPrinter
from bookgraph.core.settings import load_settings

if TYPE_CHECKING:
    from bookgraph.ingest.fetch.choose import Offer
    from bookgraph.ingest.fetch.download import FetchedDump


_LATEST = "latest"
_CONNECTIONS = 3


def fetch(
    wiki: Annotated[
        str | None,
        typer.Option(
            help="The wiki's name: enwiki, simplewiki, ... By default simplewiki, or enwiki with "
            "--pages."
        ),
    ] = None,
    date: Annotated[
        str,
        typer.Option(help="The dump's date as YYYY-MM-DD, or latest for the newest complete one."),
    ] = _LATEST,
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
    pages: Annotated[
        bool,
        typer.Option(
            "--pages",
            help="Fetch the books alone through the wiki's API instead of a dump of all pages. The "
            "English Wikipedia takes some 1,000 requests for the books, and more for redirects.",
        ),
    ] = False,
    limit: Annotated[
        int | None,
        whole_number("--limit", text="With --pages: fetch at most this many books.", low=1),
    ] = None,
    update: Annotated[
        bool,
        typer.Option("--update", help="With --pages: fetch what changed since the last time."),
    ] = False,
    api: Annotated[
        str | None,
        typer.Option(help="With --pages: URL of the api.php of a wiki that is not Wikimedia's."),
    ] = None,
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
    ] = _CONNECTIONS,
    as_json: AsJson = False,
) -> None:
    """Download a Wikipedia dump in parallel, verify it, and resume after interruptions.

    With --pages, download only the pages of books.
    """
    from bookgraph.ingest.fetch.choose import list_offers  # noqa: PLC0415  # slow to import
    from bookgraph.ingest.fetch.download import fetch_dump  # noqa: PLC0415  # slow to import
    from bookgraph.ingest.fetch.site import DUMP_SITE  # noqa: PLC0415  # slow to import

    settings = load_settings()
    folder = folder or settings.dumps_dir
    site = mirror or DUMP_SITE
    _check_options(
        pages=pages,
        of_pages={"--limit": limit, "--update": update, "--api": api},
        of_dumps={
            "--source": source,
            "--list": list_dumps,
            "--mirror": mirror,
            "--date": date != _LATEST,
            "--connections": connections != _CONNECTIONS,
        },
    )
    if update and limit is not None:
        raise UsageError("--limit has no effect with --update, which keeps the limit of before.")
    if pages:
        _fetch_pages(
            wiki or "enwiki", folder, limit=limit, is_update=update, api=api, as_json=as_json
        )
        return
    if list_dumps:
        _print_offers(list_offers(wiki, site=site, contact=settings.contact), as_json=as_json)
        return
    with ProgressPrinter() as progress:
        dump = fetch_dump(
            wiki or "simplewiki",
            date,
            folder=folder,
            source=source,
            site=site,
            contact=settings.contact,
            num_connections=connections,
            on_progress=progress,
        )
    _print_fetched(dump, as_json=as_json)


def _check_options(
    *, pages: bool, of_pages: dict[str, object], of_dumps: dict[str, object]
) -> None:
    """Refuse options that would have no effect."""
    for name, value in (of_dumps if pages else of_pages).items():
        if value:
            raise UsageError(
                f"{name} has no effect with --pages." if pages else f"{name} needs --pages."
            )


def _fetch_pages(
    wiki: str, folder: Path, *, limit: int | None, is_update: bool, api: str | None, as_json: bool
) -> None:
    from bookgraph.ingest.fetch.pages import fetch_pages  # noqa: PLC0415  # slow to import

    settings = load_settings()
    with ProgressPrinter() as progress:
        fetched = fetch_pages(
            wiki,
            folder=folder,
            work_dir=settings.spools_dir,
            limit=limit,
            is_update=is_update,
            api=api,
            contact=settings.contact,
            on_progress=progress,
        )
    if as_json:
        print_json(asdict(fetched))
        return
    say(
        f"{fetched.wiki}: {counted(fetched.num_pages, 'book')} and "
        f"{counted(fetched.num_redirects, 'redirect')}. Fetched "
        f"{counted(fetched.num_fetched, 'page')} and dropped {fetched.num_removed:,} in "
        f"{counted(fetched.num_requests, 'request')}, {fetched.elapsed_s:.0f} s."
    )
    if not fetched.num_requests:
        say("They are all here already. Pass --update to fetch what changed since.")
    files = f"{fetched.paths[0].parent}/*.bz2"
    say(f"Look at them: {program()} preview {files}")
    say(f"Load them: {program()} ingest {files}")


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
