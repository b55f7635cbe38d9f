"""The project says what it is: exports, commands, settings and examples match the code."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from bookgraph.cli import app as bookgraph
from bookgraph.core.settings import Settings, environment_name

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text("utf-8")
PACKAGES = ("core", "ingest", "graph", "embed", "api")
DOCUMENTS = [ROOT / "README.md", ROOT / "ARCHITECTURE.md", ROOT / "CHANGELOG.md"]
DOCUMENTS += sorted((ROOT / "docs").rglob("*.md"))


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


def commands() -> set[str]:
    group = typer.main.get_command(bookgraph.app)
    found = set()
    for name, command in group.commands.items():
        subcommands = getattr(command, "commands", None)
        found |= {f"{name} {one}" for one in subcommands} if subcommands else {name}
    return found


def test_every_command_stands_in_the_readme() -> None:
    line = re.search(r"^Commands: (.*?)\. Each has", README, re.DOTALL | re.MULTILINE)
    assert line is not None
    named = set()
    for one in re.findall(r"`([a-z0-9 |]+)`", line[1]):
        head, _, tail = one.partition(" ")
        named |= {f"{head} {sub}" for sub in tail.split("|")} if tail else {head}
    assert named == commands()


def test_every_setting_stands_in_the_readme() -> None:
    table = README[README.index("## Settings") :]
    for field in Settings.model_fields:
        assert f"`{environment_name(field)}`" in table


def test_the_python_example_runs() -> None:
    (snippet,) = re.findall(r"^```python\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
    names: dict[str, object] = {}
    exec(compile(snippet, "README.md", "exec"), names)
    assert names["embeddings"].book.shape == (3, 2)  # type: ignore[attr-defined]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_between_documents_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\((?!http|#)([^)#]+)", document.read_text("utf-8")):
        assert (document.parent / target).exists(), target


def test_files_that_the_documents_name_exist() -> None:
    for document in (ROOT / "README.md", ROOT / "ARCHITECTURE.md"):
        named = re.findall(r"`((?:\w+/)+[\w.*]+\.(?:py|lock|ndjson|md))`", document.read_text())
        assert named
        for path in named:
            assert list(ROOT.glob(path)), path


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
