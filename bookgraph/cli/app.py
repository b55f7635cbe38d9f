"""The command line: arguments become settings and calls into the folders, errors become exit codes.

Results go to stdout, progress and logs to stderr. Each command imports what it needs when it runs,
so that `bookgraph --help` does not load torch.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn, cast, get_args

import typer

from bookgraph.cli import bench as bookgraph_bench
from bookgraph.cli import ingest as bookgraph_ingest
from bookgraph.cli import neo4j as bookgraph_neo4j
from bookgraph.cli import render as text
from bookgraph.cli.common import EXIT_INTERRUPTED, AsJson, open_store
from bookgraph.cli.process import (
    keep_freed_memory,
    quiet_library_logs,
    tune_garbage_collector,
)
from bookgraph.core.errors import (
    BookgraphError,
    DataMissingError,
    PortTakenError,
    QualityGateError,
    UsageError,
)
from bookgraph.core.progress import ProgressPrinter
from bookgraph.core.settings import Settings, environment_name, hand_on, load_settings

if TYPE_CHECKING:
    from bookgraph.embed import EpochReport, TrainConfig
    from bookgraph.embed.pipeline import TrainReport

SAMPLE = Path(__file__).parents[1] / "samples" / "classics.ndjson"
DEMO_TITLE = "War and Peace"

app = typer.Typer(
    help="Wikipedia's books and what they link to: a graph in Neo4j, embeddings, answers.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(bookgraph_neo4j.app, name="neo4j")


def main() -> None:
    """Run the command line and end the process with the documented exit code."""
    is_debug = "--debug" in sys.argv[1:]
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    logging.basicConfig(
        level=logging.DEBUG if is_debug else logging.WARNING,
        format="%(levelname)s %(name)s: %(message)s" if is_debug else "bookgraph: %(message)s",
        stream=sys.stderr,
    )
    quiet_library_logs()
    try:
        app(args=arguments, prog_name="bookgraph")
    except BookgraphError as error:
        if is_debug:
            raise
        _fail(str(error), error.exit_code)
    except KeyboardInterrupt:
        _fail("interrupted.", EXIT_INTERRUPTED)
    except BrokenPipeError:
        # The reader of a pipe (`| head`) has seen enough.
        sys.stderr.close()
        sys.exit(0)


def _fail(message: str, exit_code: int) -> NoReturn:
    sys.stderr.write(f"bookgraph: {message}\n")
    sys.exit(exit_code)


@app.callback()
def _global(
    debug: Annotated[bool, typer.Option("--debug", help="Show logs and tracebacks.")] = False,
) -> None:
    """Only declares `--debug`; `main` has taken it out of the arguments already."""


app.command()(bookgraph_ingest.fetch)
app.command()(bookgraph_ingest.ingest)


@app.command()
def train(
    dim: Annotated[int, typer.Option(help="Numbers in a vector.")] = 50,
    epochs: Annotated[int, typer.Option(help="Passes over all edges.")] = 15,
    model: Annotated[str, typer.Option(help="dot, lightgcn or reference.")] = "dot",
    loss: Annotated[
        str | None, typer.Option(help="softmax, bce or mse; the model's usual one by default.")
    ] = None,
    optimizer: Annotated[
        str | None, typer.Option(help="adam or adagrad; the model's usual one by default.")
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option(help="Size of a step; the optimizer's usual one by default.")
    ] = None,
    batch_size: Annotated[int | None, typer.Option(help="Edges a step.")] = None,
    num_negatives: Annotated[int, typer.Option(help="Negatives a step, shared.")] = 1024,
    patience: Annotated[
        int | None, typer.Option(help="Epochs without better held-out recall before it ends early.")
    ] = None,
    checkpoint_every: Annotated[
        int | None,
        typer.Option(help="Epochs between checkpoints; the same command then goes on from one."),
    ] = None,
    relations: Annotated[
        str, typer.Option(help="links, or links,citations to learn from external links too.")
    ] = "links",
    seed: Annotated[int, typer.Option(help="One seed, one result.")] = 0,
    device: Annotated[
        str, typer.Option(help="auto (CUDA if there is one), cpu, cuda, ...")
    ] = "auto",
    again: Annotated[
        bool, typer.Option("--again", help="Train even if this model is saved already.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Train vectors for books and links and write them into the graph."""
    from bookgraph.embed import TrainConfig  # noqa: PLC0415  # torch takes seconds to load

    config = TrainConfig(
        dim=dim,
        epochs=epochs,
        model=model,  # type: ignore[arg-type]  # TrainConfig checks it and says what is permitted
        loss=loss,  # type: ignore[arg-type]  # the same
        optimizer=optimizer,  # type: ignore[arg-type]  # the same
        learning_rate=learning_rate,
        batch_size=batch_size,
        num_negatives=num_negatives,
        patience=patience,
        seed=seed,
        device=device,
    )
    report = _train(
        load_settings(),
        config,
        is_forced=again,
        checkpoint_every=checkpoint_every,
        has_citations=_has_citations(relations),
    )
    text.print_train(report, as_json=as_json)
    if not report.is_complete:
        sys.exit(EXIT_INTERRUPTED)


def _has_citations(relations: str) -> bool:
    if relations not in {"links", "links,citations"}:
        raise UsageError(f"--relations {relations!r} is unknown; use links, or links,citations.")
    return relations == "links,citations"


@app.command("map")
def map_books(
    method: Annotated[str, typer.Option(help="tsne, or umap where umap-learn is there.")] = "tsne",
    seed: Annotated[int, typer.Option(help="One seed, one map.")] = 0,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Forget the map of before instead of starting from it.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Arrange books and links on a map by their vectors and write the places into the graph."""
    from bookgraph.embed.config import LayoutConfig  # noqa: PLC0415  # keeps `--help` fast
    from bookgraph.embed.maps.pipeline import map_graph  # noqa: PLC0415  # the same

    config = LayoutConfig(
        method=method,  # type: ignore[arg-type]  # LayoutConfig checks it and says what is permitted
        seed=seed,
    )
    with open_store(load_settings()) as (store, progress):
        report = map_graph(store, config, is_fresh=fresh, on_progress=progress)
    text.print_map(report, as_json=as_json)


@app.command()
def evaluate(
    dim: Annotated[int, typer.Option(help="Numbers in a vector.")] = 50,
    epochs: Annotated[int, typer.Option(help="Passes over all edges.")] = 15,
    model: Annotated[str, typer.Option(help="dot, lightgcn or reference.")] = "dot",
    seed: Annotated[int, typer.Option(help="Of the split and the training.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, ...")] = "auto",
    min_recall: Annotated[
        float | None, typer.Option(help="Exit with 5 when recall@20 is below this.")
    ] = None,
    picture: Annotated[
        Path | None, typer.Option(help="Draw the report into this .svg file as well.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure the ranking of held-out links and the neighbours of the current model."""
    from bookgraph.embed import TrainConfig  # noqa: PLC0415  # torch takes seconds to load
    from bookgraph.embed.evaluation.picture import evaluation_picture  # noqa: PLC0415  # the same
    from bookgraph.embed.pipeline import evaluate_graph  # noqa: PLC0415  # the same

    if picture is not None and picture.suffix.lower() != ".svg":
        raise UsageError(f"--picture {picture} is no .svg file; give a name that ends in .svg.")
    config = TrainConfig(
        dim=dim,
        epochs=epochs,
        model=model,  # type: ignore[arg-type]  # TrainConfig checks it and says what is permitted
        seed=seed,
        device=device,
    )
    keep_freed_memory()
    with open_store(load_settings()) as (store, progress):
        report = evaluate_graph(store, config, on_progress=progress)
    if picture is not None:
        text.write_picture(evaluation_picture(report), picture)
    if as_json:
        text.print_json(text.evaluation_json(report))
    else:
        text.print_evaluation(report)
    recall = report.ranking.model.recall.mean
    if min_recall is not None and recall < min_recall:
        raise QualityGateError(f"recall@20 is {recall:.4f}, below --min-recall {min_recall}.")


@app.command()
def similar(
    titles: Annotated[list[str], typer.Argument(help="One title, or several to be like all of.")],
    num: Annotated[int, typer.Option("--num", "-n", min=1, max=100, help="How many.")] = 10,
    as_json: AsJson = False,
) -> None:
    """Print the books nearest to a book, with the cosine and the links that they share."""
    from bookgraph.graph import nearest_books  # noqa: PLC0415  # keeps `--help` fast

    with open_store(load_settings()) as (store, _):
        neighbours = nearest_books(store, titles, num=num)
    if as_json:
        text.print_json(
            [{"title": n.name, "score": n.score, "shared_links": n.shared} for n in neighbours]
        )
    else:
        text.print_neighbours(titles, neighbours)


@app.command("export")
def export_files(
    file_format: Annotated[
        str,
        typer.Argument(
            help="csv, graphml, npz, parquet or projector; of the map: html, png or svg."
        ),
    ],
    folder: Annotated[Path, typer.Option("--to", help="Folder to write into.")] = Path("export"),
    as_json: AsJson = False,
) -> None:
    """Write the graph, its vectors and its map into files that other programs open."""
    from bookgraph.api.pictures.export import MapFormat, export_map  # noqa: PLC0415  # keeps `--help` fast
    from bookgraph.graph.export.formats import ExportFormat, export_graph  # noqa: PLC0415  # the same

    graph_formats, map_formats = get_args(ExportFormat), get_args(MapFormat)
    if file_format not in (*graph_formats, *map_formats):
        known = ", ".join(sorted((*graph_formats, *map_formats)))
        raise UsageError(f"The format {file_format!r} is unknown; use one of {known}.")
    with open_store(load_settings()) as (store, progress):
        if file_format in map_formats:
            wanted = cast("MapFormat", file_format)
            files = [export_map(store, folder, wanted, on_progress=progress)]
        else:
            wanted_graph = cast("ExportFormat", file_format)
            files = [*export_graph(store, folder, wanted_graph, on_progress=progress).files]
    text.print_files(files, as_json=as_json)


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address; BOOKGRAPH_HOST by default.")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port; BOOKGRAPH_PORT by default.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, max=64, help="Processes; BOOKGRAPH_WORKERS by default.")
    ] = None,
    background: Annotated[
        bool, typer.Option("--background", help="Start it, wait until it is ready, and return.")
    ] = False,
    stop: Annotated[
        bool, typer.Option("--stop", help="Stop the one that runs in the background.")
    ] = False,
) -> None:
    """Serve GraphQL at /graphql and the explorer at / until interrupted."""
    from bookgraph.api import BackgroundServer, ServerOptions, serve_workers  # noqa: PLC0415  # see above
    from bookgraph.api import serve as serve_forever  # noqa: PLC0415  # the same
    from bookgraph.api.ops.background import choose_port  # noqa: PLC0415  # the same
    from bookgraph.api.ops.logs import configure_logs  # noqa: PLC0415  # the same

    given = {"host": host, "port": port, "workers": workers}
    hand_on(**{name: value for name, value in given.items() if value is not None})
    settings = load_settings()
    server = BackgroundServer(settings.home)
    if stop:
        text.say("Stopped." if server.stop() else "Nothing runs in the background.")
        return
    if background:
        with ProgressPrinter() as progress:
            url = server.start(host=settings.host, port=settings.port, on_progress=progress)
        text.say(f"GraphQL: {url}/graphql\nExplorer: {url}/\nStop: bookgraph serve --stop")
        return
    chosen = choose_port(settings.host, settings.port)
    address = f"http://{settings.host}:{chosen}"
    if settings.log_json:
        configure_logs(is_json=True)
    with open_store(settings) as (store, _):
        text.say(f"GraphQL: {address}/graphql\nExplorer: {address}/")
        if settings.workers == 1:
            options = ServerOptions.from_settings(settings)
            tune_garbage_collector()
            serve_forever(store, host=settings.host, port=chosen, options=options)
    if settings.workers > 1:
        # Each connects by itself; here it was only found out that the graph is there.
        serve_workers(settings, port=chosen)


@app.command()
def demo() -> None:
    """Load the sample of well-known books, train, answer a question and serve the result."""
    from bookgraph.embed import TrainConfig  # noqa: PLC0415  # torch takes seconds to load
    from bookgraph.embed.config import LayoutConfig  # noqa: PLC0415  # the same
    from bookgraph.embed.maps.pipeline import map_graph  # noqa: PLC0415  # the same
    from bookgraph.graph import LocalServer, nearest_books  # noqa: PLC0415  # the same
    from bookgraph.ingest import CleaningOptions, ingest_files  # noqa: PLC0415  # the same

    if not SAMPLE.is_file():
        raise DataMissingError(f"{SAMPLE} is missing. Run the demo from a checkout of bookgraph.")
    settings = load_settings()
    with open_store(settings) as (store, progress):
        report = ingest_files([SAMPLE], store, options=CleaningOptions(), on_progress=progress)
    text.print_ingest(report, is_short=True)
    text.print_train(_train(settings, TrainConfig()))
    with open_store(settings) as (store, progress):
        mapped = map_graph(store, LayoutConfig(), on_progress=progress)
        neighbours = nearest_books(store, [DEMO_TITLE], num=5)
        url = _serve_demo(settings, progress)
    text.print_map(mapped)
    text.print_neighbours([DEMO_TITLE], neighbours)
    browser = "" if settings.is_remote else LocalServer(settings).status().http_url
    text.print_farewell(url, browser, settings)


def _serve_demo(settings: Settings, progress: ProgressPrinter) -> str:
    """Serve in the background; when the port is only the default and taken, on a free one."""
    from bookgraph.api import BackgroundServer  # noqa: PLC0415  # keeps `--help` fast

    server = BackgroundServer(settings.home)
    try:
        return server.start(host=settings.host, port=settings.port, on_progress=progress)
    except PortTakenError:
        if "port" in settings.model_fields_set:
            raise
        logging.getLogger("bookgraph").warning(
            "Port %d is in use by another program; taking a free one.", settings.port
        )
        return server.start(host=settings.host, port=0, on_progress=progress)


def _train(
    settings: Settings,
    config: TrainConfig,
    *,
    is_forced: bool = False,
    checkpoint_every: int | None = None,
    has_citations: bool = False,
) -> TrainReport:
    from bookgraph.embed.pipeline import train_graph  # noqa: PLC0415  # torch takes seconds to load

    def on_epoch(report: EpochReport) -> None:
        recall = "" if report.recall_at_20 is None else f", recall@20 {report.recall_at_20:.3f}"
        sys.stderr.write(
            f"epoch {report.epoch:>3} of {report.num_epochs}: loss {report.loss:.4f}{recall}, "
            f"{report.pairs_per_s:,.0f} edges/s\n"
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


app.command(context_settings=bookgraph_bench.ANY_ARGUMENTS)(bookgraph_bench.bench)


@app.command()
def config(as_json: AsJson = False) -> None:
    """Print every setting, its value and the variable that changes it."""
    settings = load_settings()
    text.print_settings(
        [
            {
                "variable": environment_name(name),
                "value": str(getattr(settings, name)),
                "is_default": name not in settings.model_fields_set,
                "description": field.description or "",
            }
            for name, field in Settings.model_fields.items()
        ],
        as_json=as_json,
    )


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Check what bookgraph needs on this machine. Exits with 1 when something is wrong."""
    from bookgraph.cli.doctor import run_checks  # noqa: PLC0415  # loads torch

    checks = run_checks(load_settings())
    text.print_checks(checks, as_json=as_json)
    if not all(check.is_well for check in checks):
        sys.exit(1)
