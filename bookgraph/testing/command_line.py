"""Runs the command line as a user does, and reads its output."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from bookgraph.core.settings import inherited_environment


def environment(**changes: str) -> dict[str, str]:
    """This process's environment without the variables that bookgraph reads."""
    return {**inherited_environment(without=("BOOKGRAPH_", "NEO4J_")), **changes}


def run_with(*args: object, **changes: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bookgraph", *map(str, args)],
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
        env=environment(**changes),
    )


def parse(done: subprocess.CompletedProcess[str]) -> Any:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def refused(done: subprocess.CompletedProcess[str], *, exit_code: int) -> str:
    """The one line that a refused command prints; anything else fails."""
    assert done.returncode == exit_code, done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("bookgraph: ")]
    assert len(lines) == 1, done.stderr
    return lines[0]
