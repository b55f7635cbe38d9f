"""The files for Neo4j Browser: readable from its page, whole, and of one set of queries."""

from __future__ import annotations

import html
import io
import re
import zipfile

import pytest
from starlette.testclient import TestClient

from bookgraph.api.app import build_app
from bookgraph.api.http.neo4j_files import build_guide, read_queries
from bookgraph.api.options import ServerOptions
from bookgraph.testing.fakes import RecordingStore

PATHS = ("/neo4j/guide.html", "/neo4j/style.grass", "/neo4j/queries.zip")


@pytest.fixture
def client() -> TestClient:
    app = build_app(RecordingStore(), ServerOptions())  # type: ignore[arg-type]
    return TestClient(app, base_url="http://localhost:8123")


@pytest.mark.parametrize("path", PATHS)
def test_a_page_of_another_origin_may_read_them(client: TestClient, path: str) -> None:
    # The headers that Neo4j Browser 5.24 asks for before it fetches a guide.
    preflight = client.options(
        path,
        headers={
            "Origin": "http://127.0.0.1:7474",
            "Access-Control-Request-Method": "GET",
            "Access-Control-Request-Headers": "cache-control,pragma,sentry-trace",
        },
    )
    assert preflight.status_code == 204
    assert preflight.headers["Access-Control-Allow-Headers"] == "*"
    for response in (preflight, client.get(path)):
        assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert client.get(path).content
    assert client.post(path).status_code == 405


def test_other_files_are_not_opened_to_other_origins(client: TestClient) -> None:
    for path in ("/", "/main.js"):
        assert "Access-Control-Allow-Origin" not in client.get(path).headers


def test_the_guide_holds_every_query_and_this_servers_address(client: TestClient) -> None:
    guide = client.get("/neo4j/guide.html").text
    assert guide.count("<slide>") == guide.count("</slide>") == 4
    assert 'data-exec="style http://localhost:8123/neo4j/style.grass"' in guide
    assert "{{" not in guide
    shown = [html.unescape(text) for text in re.findall(r'runnable">(.*?)</pre>', guide, re.DOTALL)]
    assert shown == [text.partition("\n")[2] for text in read_queries().values()]


def test_neo4j_browser_strips_nothing_of_it() -> None:
    # It removes what looks like an event handler, even in a text.
    guide = build_guide("http://localhost:8000")
    assert not re.findall(r"\son[^\s=]+[^\s=]*\s*=\s*(?:\"[^\"]*\"|'[^']*'|[\w\-.:]+\s*)", guide)


def test_an_address_cannot_bring_markup_along() -> None:
    assert "<script" not in build_guide('http://a"><script>')


def test_the_archive_is_a_folder_of_named_favourites(client: TestClient) -> None:
    response = client.get("/neo4j/queries.zip")
    with zipfile.ZipFile(io.BytesIO(response.content)) as archive:
        texts = {name: archive.read(name).decode() for name in archive.namelist()}
    assert len(texts) == len(read_queries()) >= 8
    for name, text in texts.items():
        assert re.fullmatch(r"bookgraph/[\w-]+\.cypher", name)
        # The first line is the favourite's name.
        assert text.startswith("// ")
    assert client.get("/neo4j/queries.zip").content == response.content


def test_the_style_has_a_rule_for_every_label_and_type(client: TestClient) -> None:
    style = client.get("/neo4j/style.grass").text
    for label in ("Book", "Link", "ExternalLink", "EmbeddingModel", "Dataset"):
        assert f"node.{label} {{" in style
    assert style.count("{") - style.count('"{') == style.count("}") - style.count('}"')
