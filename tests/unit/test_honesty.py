"""The project is what it says: exports, the README's example and the targets of make work."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text("utf-8")
PACKAGES = ("core", "ingest", "graph", "embed", "api")


@pytest.mark.parametrize("name", PACKAGES)
def test_all_is_sorted_and_complete(name: str) -> None:
    package = importlib.import_module(f"bookgraph.{name}")
    exported = list(getattr(package, "__all__", []))
    assert exported == sorted(exported, key=lambda one: (one[0].islower(), one))
    for one in exported:
        assert getattr(package, one).__doc__, f"{name}.{one}"
    imported = {
        one
        for one, value in vars(package).items()
        if not one.startswith("_") and getattr(value, "__module__", "").startswith("bookgraph.")
    }
    assert imported <= {*exported}


def test_the_python_example_runs() -> None:
    (snippet,) = re.findall(r"^```python\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
    names: dict[str, object] = {}
    exec(compile(snippet, "README.md", "exec"), names)
    assert names["embeddings"].book.shape == (3, 2)  # type: ignore[attr-defined]


def test_help_loads_neither_torch_nor_the_driver() -> None:
    code = (
        "import sys, bookgraph.cli.app\n"
        "assert not {'torch', 'neo4j', 'graphene'} & sys.modules.keys(), 'slow --help'"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_make_lists_its_targets() -> None:
    listed = subprocess.run(["make"], check=True, cwd=ROOT, capture_output=True, text=True).stdout
    for target in ("setup", "demo", "test", "stop", "lint"):
        assert re.search(rf"^{target} ", listed, re.MULTILINE)
