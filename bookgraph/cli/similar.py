"""`bookgraph similar`: the books whose vectors are closest to a book's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from bookgraph.cli.common import AsJson, open_store
from bookgraph.cli.options import whole_number
from bookgraph.cli.render import print_json, print_table
from bookgraph.core.settings import load_settings

if TYPE_CHECKING:
    from bookgraph.graph import Neighbour


def similar(
    titles: Annotated[
        list[str],
        typer.Argument(
            metavar="TITLE...", help="A title, or several: the books similar to all of them."
        ),
    ],
    num: Annotated[
        int, whole_number("--num", "-n", text="Number of books to print.", low=1, high=100)
    ] = 10,
    model: Annotated[
        str | None,
        typer.Option(help="Version of the model to use, as `bookgraph models list` shows it."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print the books most similar to a book, with their cosine scores and shared links."""
    from bookgraph.graph import nearest_books  # noqa: PLC0415  # loads the driver

    with open_store(load_settings(), checks_model=True) as (store, _):
        neighbours = nearest_books(store, titles, num=num, version=model)
    if as_json:
        print_json(
            [{"title": n.name, "score": n.score, "shared_links": n.shared} for n in neighbours]
        )
    else:
        print_similar(titles, neighbours)


def print_similar(titles: Sequence[str], neighbours: Sequence[Neighbour]) -> None:
    """Print a table of similar books."""
    table = Table(box=None, pad_edge=False)
    table.add_column("score", justify="right")
    table.add_column(f"similar to {', '.join(titles)}")
    table.add_column("shared links")
    for neighbour in neighbours:
        table.add_row(f"{neighbour.score:.3f}", neighbour.name, ", ".join(neighbour.shared))
    print_table(table)
