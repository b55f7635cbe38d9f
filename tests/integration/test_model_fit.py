"""A model of other books: the server is not ready, and every command says what to do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from bookgraph.api import build_app
from bookgraph.cli import app as command_line
from bookgraph.core.settings import Settings
from bookgraph.embed import TrainConfig
from bookgraph.embed.pipeline import train_graph
from bookgraph.graph import read_model_fit
from bookgraph.graph.store import Store
from bookgraph.ingest import CleaningOptions, ingest_files

NO_VECTORS = "has no vectors of the graph's books. Run `bookgraph train`."


def load(store: Store, folder: Path, name: str, *, keep_others: bool = False) -> None:
    file = folder / f"{name}.ndjson"
    lines = [json.dumps({"title": f"{name} {i}", "links": ["One", f"L{i % 3}"]}) for i in range(30)]
    file.write_text("\n".join(lines), "utf-8")
    ingest_files([file], store, options=CleaningOptions(min_links=2), keep_others=keep_others)


def train(store: Store, folder: Path) -> None:
    train_graph(store, TrainConfig(dim=4, epochs=1, holdout_share=0), models_dir=folder)


def ready(store: Store) -> tuple[int, str]:
    store.models.forget()
    with TestClient(build_app(store)) as client:
        response = client.get("/readyz")
    return response.status_code, response.json()["status"]


def test_the_server_is_ready_only_with_vectors_of_these_books(store: Store, tmp_path: Path) -> None:
    load(store, tmp_path, "Old")
    assert ready(store) == (503, "no embeddings yet")
    assert read_model_fit(store).problem is None, "a graph that was never trained is no fault"
    train(store, tmp_path)
    assert ready(store) == (200, "ready")
    load(store, tmp_path, "New")
    assert ready(store) == (
        503,
        "the model has no vectors of these books: run `bookgraph train`",
    )
    train(store, tmp_path)
    assert ready(store) == (200, "ready")
    assert read_model_fit(store).problem is None


def test_a_server_that_runs_is_not_ready_any_more(store: Store, tmp_path: Path) -> None:
    load(store, tmp_path, "Old")
    train(store, tmp_path)
    store.models.forget()
    with TestClient(build_app(store)) as client:
        assert client.get("/readyz").status_code == 200
        load(store, tmp_path, "New")
        assert client.get("/readyz").status_code == 503
        train(store, tmp_path)
        assert client.get("/readyz").status_code == 200


def test_books_beside_those_of_the_model_are_counted(store: Store, tmp_path: Path) -> None:
    load(store, tmp_path, "Old")
    train(store, tmp_path)
    load(store, tmp_path, "New", keep_others=True)
    assert ready(store)[0] == 200
    problem = read_model_fit(store).problem or ""
    assert "after the current model was trained. 30 of 60 books have no vector." in problem
    assert problem.endswith("Run `bookgraph train`.")


@pytest.fixture
def other_books(store: Store, tmp_path: Path, settings: Settings) -> Store:
    """A graph whose current model was trained on other books."""
    load(store, tmp_path, "Old")
    train(store, tmp_path)
    load(store, tmp_path, "New")
    return store


@pytest.mark.parametrize(
    "arguments",
    [
        ["models", "list"],
        ["models", "use", "VERSION"],
        ["export", "csv"],
        ["ingest", "--min-links", "2", "New.ndjson"],
        ["evaluate", "--dim", "4", "--epochs", "1"],
    ],
    ids=lambda arguments: " ".join(arguments[:2]),
)
def test_every_command_that_uses_a_model_says_so(
    other_books: Store,
    arguments: list[str],
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    version = read_model_fit(other_books).version
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(command_line, "catch_signals", lambda: None)
    monkeypatch.setenv("BOOKGRAPH_HOME", str(settings.home))
    monkeypatch.setattr(
        "sys.argv", ["bookgraph", *(version if a == "VERSION" else a for a in arguments)]
    )
    with pytest.raises(SystemExit) as ended:
        command_line.main()
    assert not ended.value.code
    printed = capsys.readouterr()
    assert f"The current model, {version}, {NO_VECTORS}" in printed.err
    assert NO_VECTORS not in printed.out
