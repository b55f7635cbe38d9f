"""Commands that need data say that there are none, and neither download nor start anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from bookgraph.testing.command_line import refused, run_with

COMMANDS = [
    "similar Dune",
    "train",
    "map",
    "migrate",
    "models list",
    "backup b.zip",
    "export csv",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_nothing_is_loaded_yet(tmp_path: Path, command: str) -> None:
    home, cache = tmp_path / "home", tmp_path / "cache"
    done = run_with(*command.split(), BOOKGRAPH_HOME=str(home), BOOKGRAPH_CACHE=str(cache))
    line = refused(done, exit_code=4)
    assert line.startswith(f"bookgraph: Nothing is loaded yet in {home}. Load books with `")
    assert "bookgraph demo" in line
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == []
    assert not list(Path.cwd().glob("b.zip"))
