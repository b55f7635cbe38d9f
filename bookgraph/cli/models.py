"""`bookgraph models`: the models that the graph holds, and which of them readers use."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from bookgraph.cli.common import AsJson, open_store
from bookgraph.cli.render import counted, print_json, print_table, say
from bookgraph.core.settings import load_settings

if TYPE_CHECKING:
    from bookgraph.graph.read.model import StoredModel
    from bookgraph.graph.vectors.compare import ModelComparison

app = typer.Typer(
    help="List the trained models, switch between them, compare and remove them.",
    no_args_is_help=True,
)

Version = Annotated[str, typer.Argument(help="A version, as `models list` shows it.")]


@app.command("list")
def list_all(as_json: AsJson = False) -> None:
    """List the models that the graph knows, the latest first."""
    from bookgraph.graph.read.model import list_models  # noqa: PLC0415  # loads the driver

    with open_store(load_settings(), checks_model=True) as (store, _):
        models = list_models(store)
    if as_json:
        print_json([_model_json(model) for model in models])
        return
    if not models:
        say("The graph has no models yet. Run `bookgraph train`.")
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("version", "written", "books", "links", "dim", "recall@20", "state"):
        table.add_column(heading)
    for model in models:
        facts = model.properties
        recall = _recall(model)
        table.add_row(
            model.version,
            str(facts.get("created_at", ""))[:19].replace("T", " "),
            f"{facts.get('num_books', 0):,}",
            f"{facts.get('num_links', 0):,}",
            str(facts.get("dim", "")),
            "" if recall is None else f"{recall:.3f}",
            _state(model),
        )
    print_table(table)


@app.command()
def use(version: Version, as_json: AsJson = False) -> None:
    """Make a model that the graph holds the current one."""
    from bookgraph.graph.write.versions import use_model  # noqa: PLC0415  # loads the driver

    with open_store(load_settings(), checks_model=True) as (store, _):
        model = use_model(store, version)
    _print_current(model, as_json=as_json)


@app.command()
def rollback(as_json: AsJson = False) -> None:
    """Go back to the model before the current one."""
    from bookgraph.graph.write.versions import roll_back  # noqa: PLC0415  # loads the driver

    with open_store(load_settings(), checks_model=True) as (store, _):
        model = roll_back(store)
    _print_current(model, as_json=as_json)


@app.command()
def prune(as_json: AsJson = False) -> None:
    """Remove all models but the current one from the graph."""
    from bookgraph.graph.write.versions import prune_models  # noqa: PLC0415  # loads the driver

    with open_store(load_settings(), checks_model=True) as (store, _):
        report = prune_models(store)
    if as_json:
        print_json(asdict(report))
    elif report.versions:
        say(f"Removed {counted(len(report.versions), 'model')}: {', '.join(report.versions)}.")
    else:
        say("The graph holds the current model only. Nothing was removed.")


@app.command()
def diff(
    one: Version,
    other: Annotated[
        str | None, typer.Argument(help="Another version; by default the current one.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compare two models: how many of the most similar books they agree on."""
    from bookgraph.graph.read.model import read_model  # noqa: PLC0415  # loads the driver
    from bookgraph.graph.vectors.compare import compare_models  # noqa: PLC0415

    with open_store(load_settings(), checks_model=True) as (store, _):
        found = compare_models(store, (one, other or read_model(store)["version"]))
    if as_json:
        print_json(asdict(found))
    else:
        _print_comparison(found)


def _print_current(model: StoredModel, *, as_json: bool) -> None:
    if as_json:
        print_json(_model_json(model))
    else:
        say(f"{model.version} is the current model.")


def _print_comparison(found: ModelComparison) -> None:
    one, other = found.versions
    say(
        f"{one} and {other} both have vectors of {counted(found.num_books, 'book')}; "
        f"{found.num_only[0]:,} only in the first, {found.num_only[1]:,} only in the second."
    )
    of = (
        "" if found.num_compared == found.num_books else f" (of a sample of {found.num_compared:,})"
    )
    say(f"They agree on {found.share:.1%} of the {found.k} most similar books of each book{of}.")
    table = Table(box=None, pad_edge=False)
    table.add_column("agreement", justify="right")
    table.add_column("books that changed most")
    for book in found.most_changed:
        table.add_row(f"{book.share:.0%}", book.title)
    print_table(table)


def _state(model: StoredModel) -> str:
    if model.is_current:
        return "current"
    return "can be used" if model.is_held else "vectors removed"


def _recall(model: StoredModel) -> float | None:
    try:
        found = json.loads(str(model.properties.get("metrics"))).get("recall_at_20")
    except (ValueError, AttributeError):
        return None
    return None if found is None else float(found)


def _model_json(model: StoredModel) -> dict[str, Any]:
    names = ("created_at", "dim", "num_books", "num_links", "seed")
    return {
        "version": model.version,
        "is_current": model.is_current,
        "is_held": model.is_held,
        **{name: model.properties.get(name) for name in names},
        "recall_at_20": _recall(model),
    }
