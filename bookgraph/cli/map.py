"""`bookgraph map`: places all books and links on a map."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from bookgraph.cli.common import AsJson, open_store
from bookgraph.cli.options import map_option
from bookgraph.cli.render import print_json, say
from bookgraph.core.settings import load_settings
from bookgraph.embed.config import LayoutConfig, LayoutMethod

if TYPE_CHECKING:
    from bookgraph.embed.maps.pipeline import MapReport


def map_books(
    method: Annotated[LayoutMethod, map_option("method")] = LayoutConfig.method,
    seed: Annotated[int, map_option("seed")] = LayoutConfig.seed,
    fresh: Annotated[
        bool,
        typer.Option(
            "--fresh", help="Build the map from scratch instead of updating the existing one."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Place books and links on a map by their vectors, and write the positions into the graph."""
    from bookgraph.embed.maps.pipeline import map_graph  # noqa: PLC0415  # slow to import

    config = LayoutConfig(method=method, seed=seed)
    with open_store(load_settings(), checks_model=True) as (store, progress):
        report = map_graph(store, config, is_fresh=fresh, on_progress=progress)
    if as_json:
        print_json(asdict(report))
    else:
        print_map(report)


def print_map(report: MapReport) -> None:
    """Print what the map shows and how far it can be trusted."""
    say(
        f"Placed {report.num_books:,} books and {report.num_links:,} links on the map with "
        f"{report.method} in {report.elapsed_s:.1f} s."
    )
    if report.kept_share_books is not None:
        say(
            f"The map keeps {report.kept_share_books:.0%} of the 15 most similar books of each "
            "book nearby."
        )
