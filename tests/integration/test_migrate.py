"""Graphs of other releases: an older one is migrated, a newer one is left alone."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bookgraph.core.errors import SchemaVersionError
from bookgraph.core.settings import Settings
from bookgraph.embed import TrainConfig
from bookgraph.embed.pipeline import train_graph
from bookgraph.graph import nearest_books
from bookgraph.graph.connection import connect
from bookgraph.graph.read.model import list_models
from bookgraph.graph.schema import SCHEMA_VERSION
from bookgraph.graph.server.local import LocalServer
from bookgraph.graph.store import Store, Transaction
from bookgraph.graph.write.indexes import outdated_indexes
from bookgraph.graph.write.migrate import STEPS, migrate, plan_migration
from bookgraph.ingest import CleaningOptions, ingest_files

FIXTURES = Path(__file__).parents[1] / "fixtures"


@pytest.fixture
def trained(store: Store, tmp_path: Path) -> Store:
    """A graph of this release with a model."""
    file = tmp_path / "books.ndjson"
    lines = [json.dumps({"title": f"Book {i}", "links": ["One", f"L{i % 3}"]}) for i in range(30)]
    file.write_text("\n".join(lines), "utf-8")
    ingest_files([file], store, options=CleaningOptions(min_links=2))
    train_graph(store, TrainConfig(dim=4, epochs=1, holdout_share=0), models_dir=tmp_path)
    return store


def index_only_titles(transaction: Transaction) -> None:
    """Replace the full-text index of books by one of the first release."""
    transaction.run("DROP INDEX book_title_text")
    transaction.run("CREATE FULLTEXT INDEX book_title_text FOR (n:Book) ON EACH [n.title]")


def make_older(store: Store) -> None:
    """Turn a graph into one of the first release: one place for vectors, and nothing names it."""
    store.run("MATCH (m:EmbeddingModel) REMOVE m.vector, m.book_index, m.link_index")
    store.run("MATCH (d:Dataset) REMOVE d.model, d.schema_version")
    store.write_schema(index_only_titles)
    store.run("DROP INDEX book_embedding")
    store.run("CREATE VECTOR INDEX book_embedding FOR (n:Book) ON (n.embedding)")
    store.models.forget()


def test_a_new_graph_has_the_schema_of_this_release(trained: Store, settings: Settings) -> None:
    assert [step.number for step in STEPS] == [*range(2, SCHEMA_VERSION + 1)]
    assert not plan_migration(trained).is_needed
    connect(settings).close()


def test_an_older_graph_is_refused_until_it_is_migrated(trained: Store, settings: Settings) -> None:
    before = nearest_books(trained, ["Book 1"], num=5)
    make_older(trained)
    with pytest.raises(SchemaVersionError, match=r"bookgraph migrate.* from schema 1 to"):
        connect(settings)
    todo = plan_migration(trained)
    assert (todo.from_version, todo.to_version) == (1, SCHEMA_VERSION)
    assert todo.steps == STEPS
    assert sorted(todo.indexes) == ["book_embedding", "book_title_text"]
    assert plan_migration(trained) == todo, "a plan changes nothing"
    assert migrate(trained) == todo
    assert not plan_migration(trained).is_needed
    assert not migrate(trained).is_needed
    connect(settings).close()
    trained.models.forget()
    assert nearest_books(trained, ["Book 1"], num=5) == before
    (model,) = list_models(trained)
    assert (model.is_current, model.is_held) == (True, True)


def test_an_interrupted_migration_continues(
    trained: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_older(trained)

    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("bookgraph.graph.write.migrate._take", fail)
        with pytest.raises(KeyboardInterrupt):
            migrate(trained)
    todo = plan_migration(trained)
    assert todo.indexes == ()
    assert todo.steps == STEPS
    migrate(trained)
    assert not plan_migration(trained).is_needed


def test_a_newer_graph_is_left_alone(trained: Store, settings: Settings, tmp_path: Path) -> None:
    trained.run("MATCH (d:Dataset) SET d.schema_version = $next", next=SCHEMA_VERSION + 1)
    before = trained.read("MATCH (d:Dataset) RETURN properties(d) AS p")
    with pytest.raises(SchemaVersionError, match="A later release of bookgraph made the graph"):
        connect(settings)
    with pytest.raises(SchemaVersionError, match="restore a backup"):
        migrate(trained)
    assert trained.read("MATCH (d:Dataset) RETURN properties(d) AS p") == before


@pytest.fixture
def old_home(tmp_path: Path) -> Iterator[Settings]:
    """A home that the release with schema 1 made: 60 books, two models, a map, two edits."""
    with tarfile.open(FIXTURES / "home-of-schema-1.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    settings = Settings(
        _env_file=None,
        home=tmp_path / "home",
        bolt_port=0,
        http_port=0,
        heap_mb=512,
        neo4j_uri=None,
    )
    yield settings
    LocalServer(settings).stop()


def test_a_home_of_the_last_release_is_upgraded(old_home: Settings) -> None:
    expected: dict[str, Any] = json.loads(
        (FIXTURES / "answers-of-schema-1.json").read_text("utf-8")
    )
    with pytest.raises(SchemaVersionError, match="bookgraph migrate"):
        connect(old_home)
    with connect(old_home, is_any_schema_allowed=True) as store:
        # An index with another definition needs another name: both stay until all have moved.
        assert not outdated_indexes(store)
        migrate(store)
    with connect(old_home) as store:
        for title, neighbours in expected["similar"].items():
            found = nearest_books(store, [title], num=10)
            assert [
                {"title": one.name, "score": one.score, "shared_links": list(one.shared)}
                for one in found
            ] == neighbours
        versions = [(model.version, model.is_current) for model in list_models(store)]
        assert versions == [(one["version"], one["is_current"]) for one in expected["models"]]
        assert store.read("MATCH (e:Edit) RETURN count(*) AS num") == [{"num": 2}]
        mapped = store.read("MATCH (b:Book) WHERE b.x IS NOT NULL RETURN count(*) AS num")
        assert mapped[0]["num"] >= 59
