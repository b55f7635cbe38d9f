"""Text and JSON on stdout: the few functions through which all commands print their results."""

from __future__ import annotations

import json
import sys

from rich.console import Console
from rich.table import Table


def say(message: str) -> None:
    """Print plain text: never wrapped, and never read as markup."""
    _console().print(message, markup=False, highlight=False, soft_wrap=True)


def counted(num: int, noun: str) -> str:
    """`1 link`, `2,000 links`."""
    return f"{num:,} {noun}{'' if num == 1 else 's'}"


def print_table(table: Table) -> None:
    """Print a table."""
    _console().print(table)


def print_json(value: object) -> None:
    """Print a value as indented JSON in UTF-8."""
    json.dump(value, sys.stdout, ensure_ascii=False, indent=2, default=str)
    sys.stdout.write("\n")


def _console() -> Console:
    # Created for each call, because tests and pipes replace sys.stdout. Lines in a pipe are wide
    # enough for any table.
    console = Console(highlight=False, markup=False)
    return console if console.is_terminal else Console(highlight=False, markup=False, width=200)
