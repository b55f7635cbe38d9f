"""`bookgraph bench`: runs one of the benchmarks of this checkout."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from bookgraph.cli import render as text
from bookgraph.core.errors import DataMissingError, UsageError

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"
_PREFIX = "bench_"

ANY_ARGUMENTS = {
    "allow_extra_args": True,
    "ignore_unknown_options": True,
    # `--help` behind a benchmark's name is for the benchmark.
    "help_option_names": [],
}


def bench(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Which one; without a name they are listed.")] = "",
) -> None:
    """Measure bookgraph beside what one would use instead; `bench NAME --help` says more."""
    scripts = {path.stem.removeprefix(_PREFIX): path for path in FOLDER.glob(f"{_PREFIX}*.py")}
    if not scripts:
        raise DataMissingError(f"There are no benchmarks in {FOLDER}. Run it from a checkout.")
    if not name or name in {"--help", "-h"}:
        text.say("bookgraph bench NAME [ARGUMENTS], of which each has its own --help:\n")
        for known, path in sorted(scripts.items()):
            text.say(f"  {known:<10} {_summary(path)}")
        return
    if name not in scripts:
        raise UsageError(f"There is no benchmark {name!r}; there are {', '.join(sorted(scripts))}.")
    done = subprocess.run([sys.executable, scripts[name], *context.args], check=False)  # noqa: S603  # our own script
    sys.exit(done.returncode)


def _summary(path: Path) -> str:
    """The first line of a script's own description, without running it."""
    return (ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "").partition("\n")[0]
