"""The entry point: registers the commands, and turns errors into messages and exit codes.

Results go to stdout, progress and logs to stderr. Each command imports what it needs when it runs,
so that `bookgraph --help` loads neither torch nor the Neo4j driver.
"""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

import bookgraph
from bookgraph.cli import (
    bench,
    config,
    demo,
    doctor,
    export,
    fetch,
    ingest,
    models,
    neo4j,
    preview,
    serve,
    similar,
    train,
)
from bookgraph.cli import map as map_command
from bookgraph.cli.common import announce_env_file
from bookgraph.cli.process import (
    catch_signals,
    end_interrupted,
    quiet_library_logs,
    was_interrupted,
)
from bookgraph.cli.render import say
from bookgraph.core.errors import BookgraphError, UsageError
from bookgraph.core.files import describe_disk, describe_os_error, is_disk_full

app = typer.Typer(
    help="A graph of Wikipedia's books and their links in Neo4j, embeddings and a GraphQL API.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command()(demo.demo)
app.add_typer(neo4j.app, name="neo4j")
app.command()(fetch.fetch)
app.command()(preview.preview)
app.command()(ingest.ingest)
app.command()(train.train)
app.command()(train.evaluate)
app.add_typer(models.app, name="models")
app.command()(similar.similar)
app.command("map")(map_command.map_books)
app.command()(serve.serve)
app.command("export")(export.export_files)
app.command(context_settings=bench.ANY_ARGUMENTS)(bench.bench)
app.command()(doctor.doctor)
app.command()(config.config)


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
    catch_signals()
    try:
        sys.exit(_run(arguments))
    except BookgraphError as error:
        if is_debug:
            raise
        _fail(str(error), error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        end_interrupted()
    except BrokenPipeError:
        # The program at the other end of the pipe, such as `head`, has read enough.
        sys.stderr.close()
        sys.exit(0)
    except OSError as error:
        if is_debug:
            raise
        _fail(_describe(error), BookgraphError.exit_code)
    except typer.TyperException as error:
        _fail_usage(error)


def _run(arguments: list[str]) -> int | None:
    exit_code: int | None = app(args=arguments, prog_name="bookgraph", standalone_mode=False)
    if was_interrupted():
        raise KeyboardInterrupt  # typer makes an exit code of it, always the same one
    return exit_code


@app.callback()
def _global(
    context: typer.Context,
    debug: Annotated[bool, typer.Option("--debug", help="Show logs and tracebacks.")] = False,
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            is_eager=True,
            callback=lambda is_set: _print_version(is_set=is_set),
            help="Print the version.",
        ),
    ] = False,
) -> None:
    """Declare the options of all commands. `main` removes `--debug` from the arguments."""
    # `serve` does it by itself, when it knows the form of its log.
    if context.invoked_subcommand not in {None, "serve"} and "--help" not in sys.argv:
        announce_env_file()


def _print_version(*, is_set: bool) -> None:
    if is_set:
        say(f"bookgraph {bookgraph.__version__}")
        raise typer.Exit


def _fail_usage(error: typer.TyperException) -> NoReturn:
    """Print what typer found wrong in the arguments in one line, as every other error."""
    message = error.format_message().replace("Value error, ", "")
    if message:  # without arguments, typer has printed the help text instead
        context = getattr(error, "ctx", None)
        path = context.command_path if context else "bookgraph"
        end = "" if message.endswith((".", "?")) else "."
        sys.stderr.write(f"bookgraph: {message}{end} See `{path} --help`.\n")
    sys.exit(UsageError.exit_code)


def _describe(error: OSError) -> str:
    """Say which file or folder is at fault where no command expected it."""
    place = Path(os.fsdecode(error.filename)) if error.filename else Path.cwd()
    if is_disk_full(error):
        return f"The disk is full. {describe_disk(place)}"
    return (
        f"Cannot use {place}: {describe_os_error(error)}. Check the file or folder and its "
        "permissions, and run the command again."
    )


def _fail(message: str, exit_code: int) -> NoReturn:
    sys.stderr.write(f"bookgraph: {message}\n")
    sys.exit(exit_code)
