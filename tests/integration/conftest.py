"""A real Neo4j for the tests, started by the project itself in a folder of its own.

`NEO4J_URI` is ignored on purpose: tests wipe the database that they use, and must never meet one
that somebody needs.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from bookgraph.api import build_app
from bookgraph.core.processes import wait_until
from bookgraph.core.settings import Settings
from bookgraph.embed import TrainConfig
from bookgraph.embed.pipeline import train_graph
from bookgraph.graph.connection import connect
from bookgraph.graph.schema import LABELS
from bookgraph.graph.server.local import LocalServer
from bookgraph.graph.store import Store
from bookgraph.ingest import CleaningOptions, ingest_files
from bookgraph.testing.fakes import CountingStore


@dataclass(frozen=True, slots=True)
class OwnServer:
    """A Neo4j that belongs to one test, which may treat it badly."""

    settings: Settings
    server: LocalServer

    def kill(self) -> None:
        """End the JVM as a power cut would, and wait until it is gone."""
        pid = self.server.status().pid
        assert pid is not None, "there is no server to kill"
        os.kill(pid, signal.SIGKILL)
        assert wait_until(lambda: not self.server.status().is_running, timeout_s=20, pause_s=0.01)


def make_settings(home: Path) -> Settings:
    """Settings of a test home: free ports, a small heap, no server named from outside."""
    settings = Settings(
        _env_file=None, home=home, bolt_port=0, http_port=0, heap_mb=512, neo4j_uri=None
    )
    assert not settings.is_remote
    return settings


@pytest.fixture(scope="session", autouse=True)
def _no_server_from_outside() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.delenv("NEO4J_URI", raising=False)
        yield


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings of the session's server, which runs while the session does."""
    settings = make_settings(tmp_path_factory.mktemp("bookgraph"))
    server = LocalServer(settings)
    server.start()
    yield settings
    server.stop()


@pytest.fixture(scope="session")
def _session_store(settings: Settings) -> Iterator[Store]:
    with connect(settings) as store:
        yield store


@pytest.fixture
def store(_session_store: Store) -> Store:
    """The session's database, empty and without constraints and vector indexes."""
    wipe(_session_store)
    return _session_store


@pytest.fixture(scope="module")
def module_store(_session_store: Store) -> Store:
    """The session's database, empty when the module begins."""
    wipe(_session_store)
    return _session_store


@pytest.fixture(scope="module")
def sample_store(
    _session_store: Store, sample_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> Store:
    """The session's database with the sample, trained and written back; only to be read."""
    wipe(_session_store)
    ingest_files([sample_file], _session_store, options=CleaningOptions())
    train_graph(
        _session_store,
        TrainConfig(epochs=4, holdout_share=0),
        models_dir=tmp_path_factory.mktemp("models"),
    )
    return _session_store


@pytest.fixture(scope="module")
def demo_store(
    _session_store: Store, sample_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> Store:
    """The session's database with the sample and the model of `make demo`; only to be read."""
    wipe(_session_store)
    ingest_files([sample_file], _session_store, options=CleaningOptions())
    train_graph(_session_store, TrainConfig(), models_dir=tmp_path_factory.mktemp("models"))
    return _session_store


@pytest.fixture(scope="module")
def counting(sample_store: Store) -> CountingStore:
    """The sample's store, with every reading statement remembered."""
    sample_store.models.load(sample_store)
    return CountingStore(sample_store)


@pytest.fixture(scope="module")
def client(counting: CountingStore) -> Iterator[TestClient]:
    """A client of the API over the sample."""
    with TestClient(build_app(counting)) as client:  # type: ignore[arg-type]  # the same methods
        yield client


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[OwnServer]:
    """A running server of the test's own."""
    settings = make_settings(tmp_path / "home")
    server = LocalServer(settings)
    server.start()
    yield OwnServer(settings, server)
    server.stop()


def wipe(store: Store) -> None:
    """Empty a test database, after making sure that it is one."""
    labels = {row["label"] for row in store.read("CALL db.labels() YIELD label RETURN label")}
    foreign = labels - {*LABELS}
    assert not foreign, f"this database holds {foreign}: it is no test database"
    store.models.forget()
    store.run("MATCH (n) CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 10000 ROWS")
    for kind, word in (("CONSTRAINTS", "CONSTRAINT"), ("VECTOR INDEXES", "INDEX")):
        for row in store.read(f"SHOW {kind} YIELD name RETURN name"):
            store.run(f"DROP {word} `{row['name']}`")
