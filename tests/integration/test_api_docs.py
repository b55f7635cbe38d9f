"""Every query in docs/graphql.md runs on the sample, and each root field costs one statement."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from graphql import OperationDefinitionNode, parse
from starlette.testclient import TestClient

from bookgraph.api import build_app
from bookgraph.graph.store import Store
from bookgraph.testing.fakes import CountingStore
from bookgraph.testing.serving import running_app

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "graphql.md").read_text("utf-8")
QUERIES = re.findall(r"```graphql\n(.*?)```(?:\n```json\n(.*?)```)?", TEXT, re.DOTALL)


@pytest.fixture(scope="module")
def address(sample_store: Store) -> Iterator[str]:
    with running_app(build_app(sample_store)) as site:
        yield f"{site}/graphql"


def is_empty(value: Any) -> bool:
    if isinstance(value, dict):
        return all(is_empty(one) for one in value.values())
    return value in (None, [], 0)


@pytest.mark.parametrize(("query", "variables"), QUERIES)
def test_each_documented_query_runs(
    client: TestClient, counting: CountingStore, query: str, variables: str
) -> None:
    counting.statements.clear()
    body = {"query": query, "variables": json.loads(variables or "{}")}
    answer = client.post("/graphql", json=body).json()
    assert "errors" not in answer, answer["errors"]
    operation = parse(query).definitions[0]
    assert isinstance(operation, OperationDefinitionNode)
    # Lists by vector that hang below a root field take one statement more.
    num_lists = len(re.findall(r"\b(?:similar|predicted)(?:Books|Links)\b", query))
    num_roots = len(operation.selection_set.selections)
    assert num_roots <= len(counting.statements) <= num_roots + num_lists
    for name, value in answer["data"].items():
        assert not is_empty(value), name


def test_the_queries_are_found_in_the_document() -> None:
    assert len(QUERIES) >= 11


def test_the_curl_commands_work(address: str) -> None:
    blocks = re.findall(r"```bash\n(curl .*?)```", TEXT, re.DOTALL)
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    query, subscription = (
        block.replace("http://127.0.0.1:8000/graphql", address) for block in blocks
    )
    done = subprocess.run(["bash", "-c", query], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["data"]["stats"]["numBooks"] == 1310
    # It waits for changes until it is stopped.
    command = subscription.replace("curl", "curl -s --max-time 2", 1)
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (28, ":\n\n")


def test_every_error_code_is_documented() -> None:
    sources = "".join(path.read_text("utf-8") for path in (ROOT / "api").rglob("*.py"))
    codes = {*re.findall(r'"([A-Z]+(?:_[A-Z]+)+|BUSY|TIMEOUT)"', sources)}
    codes -= {"PROMETHEUS_MULTIPROC_DIR"}  # an environment variable
    assert {"BOOK_NOT_FOUND", "STORE_UNAVAILABLE", "BUSY"} <= codes
    missing = {code for code in codes if f"`{code}`" not in TEXT}
    assert missing == set()


@pytest.mark.parametrize(
    "command", [[sys.executable, "examples/client.py"], ["node", "examples/client.mjs"]]
)
def test_the_example_clients_print_books_and_errors(address: str, command: list[str]) -> None:
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    environment = {**os.environ, "BOOKGRAPH_URL": address}

    def run(*titles: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*command, *titles],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    found = run("War and Peace")
    assert found.returncode == 0, found.stderr
    lines = found.stdout.splitlines()
    assert len(lines) == 10
    assert any("Anna Karenina (Leo Tolstoy): " in line for line in lines[:5])
    unknown = run("War and Peas")
    assert unknown.returncode == 1
    assert "Similar titles: 'War and Peace'" in unknown.stderr
    environment["BOOKGRAPH_URL"] = "http://127.0.0.1:9/graphql"
    offline = run("War and Peace")
    assert (offline.returncode, offline.stdout) == (1, "")
    assert offline.stderr == (
        "No server responds at http://127.0.0.1:9/graphql. Start it: bookgraph serve\n"
    )
