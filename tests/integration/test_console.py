"""GraphiQL from the jars of the lock, without a copy and without a network."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import platformdirs
import pytest
from graphql import OperationDefinitionNode, parse, validate
from starlette.testclient import TestClient

from bookgraph.api.app import build_app
from bookgraph.api.http.console import _EXAMPLES
from bookgraph.api.options import ServerOptions
from bookgraph.api.schema.build import build_schema
from bookgraph.core.errors import DataMissingError, DownloadError
from bookgraph.graph.jars.lock import load_lock
from bookgraph.graph.jars.webjars import WebJars
from bookgraph.testing.fakes import RecordingStore

CACHE = Path(platformdirs.user_cache_dir("bookgraph", appauthor=False))


def make(**options: Any) -> TestClient:
    return TestClient(build_app(RecordingStore(), ServerOptions(**options)))  # type: ignore[arg-type]


def test_the_page_loads_its_own_files_only() -> None:
    client = make(cache=CACHE)
    page = client.get("/graphiql")
    assert "default-src 'self'" in page.headers["content-security-policy"]
    files = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(files) == 7
    for file in files:
        assert "//" not in file
        response = client.get(f"/{file}")
        assert response.status_code == 200, file
        assert len(response.content) > 100
        assert response.headers["x-content-type-options"] == "nosniff"
    assert "GraphiQL" in client.get("/graphiql/start.js").text


def test_there_is_no_console_in_production_or_without_a_cache() -> None:
    for client in (make(cache=CACHE, is_production=True), make()):
        assert client.get("/graphiql").status_code == 404
        assert client.get("/graphiql/react.js").status_code == 404


@pytest.mark.parametrize("name", ["nothing.js", "..%2f..%2fserver.py", "react"])
def test_other_files_are_not_served(name: str) -> None:
    assert make(cache=CACHE).get(f"/graphiql/{name}").status_code == 404


@pytest.mark.parametrize("query", _EXAMPLES)
def test_the_examples_fit_the_schema(query: str) -> None:
    document = parse(query)
    assert validate(build_schema(), document) == []
    (operation,) = document.definitions
    assert isinstance(operation, OperationDefinitionNode)
    assert operation.name is not None


def test_jars_say_what_they_lack() -> None:
    webjars = WebJars(CACHE, section="graphiql")
    with pytest.raises(DataMissingError, match=r"Web library not found .*vue"):
        webjars.read("vue", "x")
    with pytest.raises(DataMissingError, match=r"File not found in react 18\.\S+: 'x'"):
        webjars.read("react", "x")
    assert {jar.artifact for jar in load_lock(section="graphiql")} == {
        "graphiql",
        "react",
        "react-dom",
    }


def test_without_its_jars_the_console_reports_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise DownloadError("no network")

    monkeypatch.setattr("bookgraph.graph.jars.webjars.fetch_jars", fail)
    response = make(cache=tmp_path).get("/graphiql/react.js")
    assert response.status_code == 503
    assert "no network" not in response.text
