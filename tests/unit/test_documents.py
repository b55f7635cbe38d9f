"""The documents name commands, options, settings, files and headings that exist."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest
import typer

from bookgraph.cli import app as command_line
from bookgraph.core.settings import Settings, environment_name, secret_fields
from bookgraph.ingest import iter_records

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    ROOT / "samples" / "README.md",
]
each_document = pytest.mark.parametrize(
    "document", DOCUMENTS, ids=[path.relative_to(ROOT).as_posix() for path in DOCUMENTS]
)
# Read by the clients in `examples/`, not by bookgraph.
OTHER_VARIABLES = {"BOOKGRAPH_URL"}


@cache
def commands() -> dict[str, set[str]]:
    """Each command, such as `neo4j start`, with its options."""
    group = typer.main.get_command(command_line.app)
    found = {}
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        below = getattr(command, "commands", {})
        for path, one in {f"{name} {sub}": one for sub, one in below.items()}.items() or [
            (name, command)
        ]:
            options = {text for option in one.params for text in option.opts}
            found[path] = options | {"--help", "--debug"}
    return found


def anchors(document: Path) -> set[str]:
    """The anchors that a Markdown viewer gives a document's headings."""
    headings = re.findall(r"^#+ (.+)$", document.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in headings}


def test_every_command_is_documented() -> None:
    text = (ROOT / "docs" / "cli.md").read_text("utf-8")
    for name in commands():
        assert f"## `bookgraph {name}`" in text


def test_every_setting_is_documented() -> None:
    text = (ROOT / "docs" / "settings.md").read_text("utf-8")
    for field in Settings.model_fields:
        assert f"`{environment_name(field)}`" in text


def test_the_readme_leads_to_every_document() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    for document in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]:
        path = document.relative_to(ROOT).as_posix()
        assert path == "README.md" or f"]({path})" in text, path


@each_document
def test_links_between_documents_lead_somewhere(document: Path) -> None:
    for target, anchor in re.findall(
        r"\]\((?!http)([^)#\s]*)(?:#([^)]*))?\)", document.read_text("utf-8")
    ):
        path = document.parent / target if target else document
        assert path.exists(), target
        if anchor:
            assert anchor in anchors(path), f"{target}#{anchor}"


@each_document
def test_files_that_a_document_names_exist(document: Path) -> None:
    named = re.findall(
        r"`((?:\w+/)+[\w.*-]+\.(?:py|lock|ndjson|md|js|json|graphql|yml))`",
        document.read_text("utf-8"),
    )
    for path in named:
        assert list(ROOT.glob(path)), path


@each_document
def test_commands_and_options_that_a_document_names_exist(document: Path) -> None:
    text = document.read_text("utf-8").replace("\\\n", " ")
    code = re.findall(r"`([^`\n]+)`", text)
    for block in re.findall(r"^```(?:bash|console)\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        code += re.findall(r"^(?:\$ |[A-Z_]+=\S+ +)*(bookgraph .*)$", block, re.MULTILINE)
    for line in code:
        match = re.match(r"bookgraph ([a-z][a-z0-9]*)(?: ([a-z0-9|]+))?(.*)", line)
        if match is None:
            continue
        name, second, _ = match.groups()
        is_group = name in {"neo4j", "models"}
        if is_group and second is None:
            continue
        names = [f"{name} {one}" for one in second.split("|")] if is_group else [name]
        for known in names:
            assert known in commands(), line
            # The benchmarks read their own options.
            options = set() if name == "bench" else {*re.findall(r"(?<=\s)--?[a-z][\w-]*", line)}
            assert options <= commands()[known], line


@each_document
def test_variables_that_a_document_names_are_settings(document: Path) -> None:
    known = {environment_name(field) for field in Settings.model_fields} | OTHER_VARIABLES
    known |= {f"{environment_name(field)}_FILE" for field in secret_fields()}
    named = re.findall(r"\b(?:BOOKGRAPH|NEO4J)_[A-Z_]+[A-Z]\b", document.read_text("utf-8"))
    for name in named:
        assert name in known, name


def test_the_record_that_is_shown_can_be_read(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "dumps.md").read_text("utf-8")
    (line,) = re.findall(r"^```json\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    file = tmp_path / "books.ndjson"
    file.write_text(line, "utf-8")
    (record,) = iter_records(file)
    assert record.title == "Dune (novel)"
    assert len(record.wikilinks) == 3


@each_document
def test_tests_that_a_document_names_exist(document: Path) -> None:
    for path, name in re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", document.read_text("utf-8")):
        assert re.search(
            rf"^(?:async )?def {name}\b", (ROOT / path).read_text("utf-8"), re.MULTILINE
        ), name


def test_each_protection_of_the_threat_model_names_a_test_that_exists() -> None:
    text = (ROOT / "docs" / "threat-model.md").read_text("utf-8")
    section = text.partition("## What protects")[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| ")][2:]
    for row in rows:
        found = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", row)
        assert found, row
        for path, name in found:
            code = (ROOT / path).read_text("utf-8")
            assert f"def {name}(" in code if name else "def test_" in code, f"{path}::{name}"
