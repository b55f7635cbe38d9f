"""`bookgraph export`: the graph, its vectors and its map as files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, cast, get_args

import typer

from bookgraph.cli.common import AsJson, open_store
from bookgraph.cli.render import print_json, say
from bookgraph.core.choices import ExportFormat, MapFormat
from bookgraph.core.settings import load_settings

AnyFormat = Literal[ExportFormat, MapFormat]


def export_files(
    file_format: Annotated[
        AnyFormat,
        typer.Argument(
            metavar="FORMAT",
            help="csv, graphml, npz, parquet and projector hold the graph and its vectors; html, "
            "png and svg show its map.",
        ),
    ],
    folder: Annotated[Path, typer.Option("--to", help="Folder for the files.")] = Path("export"),
    guard_formulas: Annotated[
        bool,
        typer.Option(
            "--guard-formulas/--no-guard-formulas",
            help="In csv and projector, put an apostrophe before texts that a spreadsheet would "
            "run as formulas.",
        ),
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Write the graph, its vectors or its map into files for other programs.

    Files of the same names are overwritten.
    """
    with open_store(load_settings(), checks_model=True) as (store, progress):
        if file_format in get_args(MapFormat):
            from bookgraph.api.pictures.export import export_map  # noqa: PLC0415  # slow to import

            shown = cast("MapFormat", file_format)
            files = [export_map(store, folder, shown, on_progress=progress)]
        else:
            from bookgraph.graph.export.formats import export_graph  # noqa: PLC0415  # slow to import

            written = cast("ExportFormat", file_format)
            report = export_graph(
                store, folder, written, guard_formulas=guard_formulas, on_progress=progress
            )
            files = [*report.files]
    if as_json:
        print_json({"files": [str(file) for file in files]})
    else:
        say("\n".join(map(str, files)))
