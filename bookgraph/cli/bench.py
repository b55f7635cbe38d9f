"""`bookgraph bench`: runs a benchmark of the checkout."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from bookgraph.cli.common import find_checkout
from bookgraph.cli.render import say
from bookgraph.core.errors import DataMissingError, UsageError

_PREFIX = "bench_"

ANY_ARGUMENTS = {
    "allow_extra_args": True,
    "ignore_unknown_options": True,
    # `--help` after a benchmark's name belongs to the benchmark.
    "help_option_names": [],
}


def bench(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Its name. Without one, list all benchmarks.")] = "",
) -> None:
    """Compare bookgraph with other tools. Each benchmark has options: `bench NAME --help`."""
    checkout = find_checkout()
    if checkout is None:
        raise DataMissingError(
            "Benchmarks need a checkout of bookgraph; the installed package does not contain them. "
            "Clone the repository and run `make setup` there."
        )
    folder = checkout / "benchmarks"
    scripts = {path.stem.removeprefix(_PREFIX): path for path in folder.glob(f"{_PREFIX}*.py")}
    if not name or name in {"--help", "-h"}:
        say("bookgraph bench NAME [OPTIONS]\n\nBenchmarks (each has its own --help):\n")
        for known, path in sorted(scripts.items()):
            say(f"  {known:<10} {_summary(path)}")
        return
    if name not in scripts:
        raise UsageError(
            f"There is no benchmark {name!r}. Use one of: {', '.join(sorted(scripts))}."
        )
    done = subprocess.run([sys.executable, scripts[name], *context.args], check=False)  # noqa: S603  # our own script
    sys.exit(done.returncode)


def _summary(path: Path) -> str:
    """The first line of a script's docstring, without running the script."""
    return (ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "").partition("\n")[0]
