"""Backups: restored answers equal those of before byte for byte, and half a file does nothing."""

from __future__ import annotations

import json
import re
import shutil
import stat
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from neo4j.spatial import CartesianPoint, WGS84Point
from neo4j.time import Date, Duration
from starlette.testclient import TestClient

from bookgraph.api import build_app
from bookgraph.core.errors import (
    BookgraphError,
    DataMissingError,
    ForeignDataError,
    RestoreUnfinishedError,
    StoreUnreachableError,
    UsageError,
)
from bookgraph.core.types import BookRow, LinkRow
from bookgraph.graph.backup import restore as restoring
from bookgraph.graph.backup import save as saving
from bookgraph.graph.backup.container import open_backup
from bookgraph.graph.backup.restore import restore_backup
from bookgraph.graph.backup.save import BackupReport, write_backup
from bookgraph.graph.schema import BOOK, KINDS, LINK
from bookgraph.graph.store import Store
from bookgraph.graph.write.edit import remove_book, save_book
from bookgraph.graph.write.load import GraphRows, load_graph
from bookgraph.graph.write.map import MapPositions, write_map
from bookgraph.graph.write.vectors import EmbeddingRows, write_embeddings
from bookgraph.graph.write.wanted import BookEdit
from bookgraph.ingest import CleaningOptions, ingest_files

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTED = re.findall(
    r"```graphql\n(.*?)```(?:\n```json\n(.*?)```)?",
    (ROOT / "docs" / "graphql.md").read_text("utf-8"),
    re.DOTALL,
)
MORE = (
    "{ stats { numBooks numLinks numEdges numExternalLinks numPlacedBooks loadedAt isComplete } }",
    (
        "{ books(first: 40) { edges { cursor node { id title numLinks year } } "
        "pageInfo { endCursor } totalCount } }"
    ),
    (
        "{ links(first: 40) { edges { cursor node { id name title kind numBooks } } pageInfo "
        "{ endCursor } } }"
    ),
    (
        '{ similarBooks(like: ["War and Peace", "Emma"], first: 30) { edges { cursor score '
        "node { id title sharedLinks: numLinks } } } }"
    ),
    '{ similarLinks(like: ["London"], first: 30) { edges { cursor score node { id title } } } }',
    (
        '{ book(title: "War and Peace") { id infobox { name value } articleLength '
        "editedAt embedding x y "
        "predictedLinks(first: 20) { edges { cursor score node { id title } } } "
        "externalLinks(first: 5) { edges { cursor node { url } } } } }"
    ),
    (
        '{ search(text: "war") { hits { cursor score node { __typename ... on Book { id title } '
        "... on Link { id title } } } } }"
    ),
    "{ stats { numCitations numPlacedLinks sources } }",
)


def ask_all(store: Store) -> list[bytes]:
    """The bytes of all answers, from a server that has just started."""
    store.models.forget()
    with TestClient(build_app(store)) as client:
        bodies = [{"query": text} for text in MORE]
        bodies += [
            {"query": text, "variables": json.loads(given or "{}")} for text, given in DOCUMENTED
        ]
        answers = [client.post("/graphql", json=body).content for body in bodies]
    # Each error has the id of its request.
    return [re.sub(rb'"requestId":"\w+"', b"", answer) for answer in answers]


def add_model(store: Store, version: str, *, seed: int) -> None:
    """A model of random vectors, which is as good as a trained one here, and its map."""
    random = np.random.default_rng(seed)
    keys = {
        kind: [key for (key,) in store.read_all(f"MATCH (n:{kind.label}) RETURN n.{kind.key}")]  # type: ignore[arg-type]
        for kind in KINDS.values()
    }
    vectors = {
        kind: random.normal(size=(len(found), 12)).astype(np.float32)
        for kind, found in keys.items()
    }
    rows = EmbeddingRows(
        version, keys[BOOK], vectors[BOOK], keys[LINK], vectors[LINK], {"seed": seed, "lr": 0.1}
    )
    write_embeddings(store, rows)
    places = {kind: found[:, :2].copy() for kind, found in vectors.items()}
    write_map(
        store,
        MapPositions(
            "tsne", version, keys[BOOK], places[BOOK], keys[LINK], places[LINK], {"tsne_kind": "x"}
        ),
    )


def back_up(store: Store, path: Path, *models: Path) -> BackupReport:
    return write_backup(store, path, models=models)


def restore(store: Store, path: Path, models_dir: Path, *, replace: bool = False) -> None:
    with open_backup(path) as backup:
        restore_backup(store, backup, models_dir=models_dir, replace=replace)


def empty(store: Store) -> None:
    store.models.forget()
    store.run("MATCH (n) CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 10000 ROWS")


def load_small(store: Store, *, num_books: int = 40) -> None:
    books = [
        BookRow(
            f"Book {row}",
            {"year": 1800 + row, "genres": ["Novel"], "genre": "Novel"},
            {f"link {row % 5}": 1, f"link {row % 7}": 2},
            {f"http://site{row % 3}.org/": 1},
        )
        for row in range(num_books)
    ]
    counts = {f"link {row}": 0 for row in range(7)}
    for book in books:
        for name in book.links:
            counts[name] += 1
    links = [LinkRow(name, name.title(), "article", num) for name, num in counts.items()]
    load_graph(store, GraphRows(books, links))


@pytest.fixture
def small(store: Store) -> Store:
    load_small(store)
    add_model(store, "small", seed=3)
    return store


@pytest.mark.timeout(900)
def test_restored_answers_are_equal_byte_for_byte(
    store: Store, sample_file: Path, tmp_path: Path
) -> None:
    """Two models, a map, edits with their log, external links; all documented queries."""
    ingest_files([sample_file], store, options=CleaningOptions())
    add_model(store, "first", seed=1)
    add_model(store, "second", seed=2)
    save_book(store, BookEdit("A New Book", ["London", "Only here"], {"year": 1999}))
    save_book(store, BookEdit("Emma", ["London", "Paris"]))
    remove_book(store, "Villette")
    before = ask_all(store)
    # Of the documented ones, mutations are refused.
    assert not any(b'"errors"' in answer for answer in before[: len(MORE)])
    assert sum(b'"errors"' in answer for answer in before) <= 4
    model = tmp_path / "first.npz"
    model.write_bytes(b"\0not read by a restore\xff" * 1000)
    report = back_up(store, tmp_path / "one.zip", model)
    assert stat.S_IMODE(report.path.stat().st_mode) == 0o600
    empty(store)

    restore(store, tmp_path / "one.zip", tmp_path / "models")

    assert ask_all(store) == before
    again = back_up(store, tmp_path / "two.zip", tmp_path / "models" / "first.npz")
    assert again.manifest["parts"] == report.manifest["parts"]
    assert (tmp_path / "models" / "first.npz").read_bytes() == model.read_bytes()
    # Edits and model switches go on where they were.
    save_book(store, BookEdit("Another Book", ["London"]))
    assert store.read("MATCH (d:Dataset) RETURN d.revision AS r")[0]["r"] == (
        report.manifest["revision"] + 1
    )


def test_values_of_every_type_labels_and_types_of_an_analyst_come_back(
    small: Store, tmp_path: Path
) -> None:
    values: dict[str, Any] = {
        "text": 'é\u2028"\\\x01 𝄞',
        "big": 2**63 - 1,
        "third": 1 / 3,
        "zero": -0.0,
        "infinite": float("inf"),
        "nan": float("nan"),
        "yes": True,
        "flags": [True, False],
        "doubles": [1 / 3, 2.5, 1e300, -0.0],
        "singles": [0.5, 0.25, 1.5, 2.0],
        "nothing": [],
        "day": Date(2026, 11, 27),
        "days": [Date(1, 1, 1), Date(9999, 12, 31)],
        "long": Duration(months=14, days=3, seconds=5, nanoseconds=7),
        "place": WGS84Point((13.4, 52.5)),
        "point": CartesianPoint((1.0, 2.0, 3.0)),
        "raw": bytearray(b"\0\xff"),
    }
    small.run(
        "MATCH (b:Book {title: 'Book 1'}) SET b += $values, b:Favourite, "
        "b.moment = datetime('2026-07-01T10:00:00.123456789[Europe/Berlin]'), "
        "b.clock = localtime('10:00:00.000000001'), b.offset = time('10:00+02:00'), "
        "b.local = localdatetime('2026-11-27T10:00:00.5') "
        "WITH b MATCH (l:Link {name: 'link 3'}) CREATE (l)-[:LIKE {at: date('2026-01-02')}]->(b), "
        "(b)-[:LINKS_TO {count: 9}]->(l), (b)-[:LINKS_TO {count: 9}]->(l)",
        values=values,
    )
    read = (
        "MATCH (b:Book {title: 'Book 1'}) RETURN [key IN keys(b) WHERE key <> 'nan' | "
        "[key, b[key], valueType(b[key])]] AS v, labels(b) AS labels, "
        "toString(b.moment) AS moment, COLLECT { MATCH (b)-[r]-(n) "
        "WITH * ORDER BY type(r), elementId(n), r.count "
        "RETURN [type(r), n.name, r.count, toString(r.at)] } AS edges"
    )

    def state() -> list[Any]:
        (row,) = small.read(read)
        edges = sorted(map(repr, row["edges"]))
        return [sorted(map(repr, row["v"])), sorted(row["labels"]), row["moment"], edges]

    before = state()
    report = back_up(small, tmp_path / "b.zip")
    empty(small)
    restore(small, tmp_path / "b.zip", tmp_path / "models")
    assert state() == before
    assert small.read("MATCH (b:Favourite) RETURN isNaN(b.nan) AS is_nan")[0]["is_nan"]
    assert back_up(small, tmp_path / "c.zip").manifest["parts"] == report.manifest["parts"]


def test_a_backup_under_a_writer_is_the_graph_at_one_revision(small: Store, tmp_path: Path) -> None:
    """Each edit keeps an invariant over several nodes, which half of an edit would break."""
    stop, num_edits, slowest_s = threading.Event(), 0, 0.0

    def write() -> None:
        nonlocal num_edits, slowest_s
        while not stop.is_set():
            start_s = time.monotonic()
            num_edits += 1
            save_book(small, BookEdit("Counter", [f"Link {num_edits % 7}", f"Only {num_edits}"]))
            slowest_s = max(slowest_s, time.monotonic() - start_s)

    save_book(small, BookEdit("Counter", ["Link 0", "Only 0"]))
    writer = threading.Thread(target=write)
    writer.start()
    try:
        reports = [back_up(small, tmp_path / f"{turn}.zip") for turn in range(4)]
    finally:
        stop.set()
        writer.join()
    assert any(report.waited_s > 0 for report in reports), "the writer was never in the way"
    assert slowest_s < 15, "an edit waited longer than its own timeout"
    revisions = [report.manifest["revision"] for report in reports]
    assert revisions == sorted(set(revisions))
    for report in reports:
        empty(small)
        restore(small, report.path, tmp_path / "models")
        (row,) = small.read(
            "MATCH (d:Dataset) MATCH (b:Book {title: 'Counter'}) "
            "RETURN d.revision AS revision, head(COLLECT { MATCH (e:Edit) RETURN e.number "
            "ORDER BY e.number DESC LIMIT 1 }) AS logged, "
            "COLLECT { MATCH (b)-[:LINKS_TO]->(l) RETURN l.name } AS names, "
            "COLLECT { MATCH (l:Link) WHERE l.name STARTS WITH 'only' RETURN l.name } AS only, "
            "COUNT { MATCH (l:Link) WHERE l.num_books <> COUNT { (l)<-[:LINKS_TO]-() } } AS wrong"
        )
        assert row["revision"] == row["logged"] == report.manifest["revision"]
        assert (row["only"], row["wrong"]) == ([n for n in row["names"] if "only" in n], 0)
        assert len(row["only"]) == 1


@pytest.mark.parametrize(
    "damage",
    ["flipped", "cut", "cut at the end", "empty", "zip of another program", "text", "newer"],
)
def test_a_file_that_is_not_whole_changes_nothing(
    small: Store, tmp_path: Path, damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "b.zip"
    if damage == "newer":
        monkeypatch.setattr("bookgraph.graph.backup.container.FORMAT", 99)
    back_up(small, path)
    monkeypatch.undo()
    content = bytearray(path.read_bytes())
    if damage == "flipped":
        content[len(content) // 3] ^= 1
    elif damage.startswith("cut"):
        del content[-1 if damage == "cut at the end" else len(content) // 2 :]
    elif damage == "empty":
        content.clear()
    elif damage == "zip of another program":
        shutil.make_archive(str(path.with_suffix("")), "zip", ROOT / "samples")
        content = bytearray(path.read_bytes())
    elif damage == "text":
        content[:] = b"title,author\n" * 100
    path.write_bytes(content)
    before = small.read("MATCH (n) RETURN count(*) AS n, collect(DISTINCT labels(n)) AS l")
    with pytest.raises(BookgraphError, match="Nothing was changed") as caught:
        restore(small, path, tmp_path / "models", replace=True)
    assert caught.value.exit_code == 4
    assert "newer" not in damage or "Update bookgraph" in str(caught.value)
    after = small.read("MATCH (n) RETURN count(*) AS n, collect(DISTINCT labels(n)) AS l")
    assert after == before
    assert not (tmp_path / "models").exists()


def test_a_graph_is_replaced_only_when_asked_to(small: Store, tmp_path: Path) -> None:
    back_up(small, tmp_path / "b.zip")
    save_book(small, BookEdit("Later", ["Link 1", "Link 2"]))
    with pytest.raises(UsageError, match=r"holds a graph with 41 books.*--replace"):
        restore(small, tmp_path / "b.zip", tmp_path)
    assert small.read("RETURN COUNT { (:Book) } AS n") == [{"n": 41}]
    restore(small, tmp_path / "b.zip", tmp_path, replace=True)
    assert small.read("RETURN COUNT { (:Book) } AS n") == [{"n": 40}]


def test_a_running_server_notices_a_restore(small: Store, tmp_path: Path) -> None:
    """The models in its memory are of a later revision than the graph."""
    back_up(small, tmp_path / "b.zip")
    query = '{ similarBooks(like: ["Book 1"], first: 50) { edges { node { title } } } }'
    with TestClient(build_app(small)) as client:
        before = client.post("/graphql", json={"query": query}).json()
        save_book(small, BookEdit("Later", ["Link 1", "Link 2"]))
        remove_book(small, "Book 2")
        edited = client.post("/graphql", json={"query": query}).json()
        assert edited != before
        own_models = small.models
        small.models = type(own_models)()  # another process restores
        restore(small, tmp_path / "b.zip", tmp_path, replace=True)
        small.models = own_models
        assert client.post("/graphql", json={"query": query}).json() == before


def test_a_model_file_is_overwritten_only_when_asked_to(small: Store, tmp_path: Path) -> None:
    model = tmp_path / "m.npz"
    model.write_bytes(b"one")
    back_up(small, tmp_path / "b.zip", model)
    empty(small)
    model.write_bytes(b"another")
    with pytest.raises(UsageError, match=r"other files of the same names: m\.npz"):
        restore(small, tmp_path / "b.zip", tmp_path)
    assert model.read_bytes() == b"another"
    assert small.read("MATCH (n) RETURN n") == []
    restore(small, tmp_path / "b.zip", tmp_path, replace=True)
    assert model.read_bytes() == b"one"


@pytest.mark.parametrize("is_beside_ours", [False, True])
def test_the_database_of_another_program_is_left_alone(
    small: Store, tmp_path: Path, *, is_beside_ours: bool
) -> None:
    back_up(small, tmp_path / "b.zip")
    if not is_beside_ours:
        empty(small)
    small.run("CREATE (:Person {name: 'Ada'})-[:KNOWS]->(:Person {name: 'Charles'})")
    try:
        before = small.read("RETURN COUNT { () } AS nodes, COUNT { ()-->() } AS edges")
        for replace in (False, True):
            with pytest.raises(ForeignDataError, match="did not make"):
                restore(small, tmp_path / "b.zip", tmp_path, replace=replace)
        assert small.read("RETURN COUNT { () } AS nodes, COUNT { ()-->() } AS edges") == before
        if is_beside_ours:
            small.run(
                "MATCH (p:Person {name: 'Ada'}), (b:Book {title: 'Book 1'}) "
                "CREATE (p)-[:READS]->(b)"
            )
            report = back_up(small, tmp_path / "c.zip")
            assert report.manifest["left_out"] == {"nodes": 2, "edges": 2}
    finally:
        small.run("MATCH (n:Person) DETACH DELETE n")


STAGES = ["_empty", "_restore_models", "_restore_nodes", "_restore_edges", "_finish"]


@pytest.mark.parametrize("stage", STAGES)
def test_a_restore_that_ends_in_the_middle_is_told_and_finished_by_the_same_command(
    small: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    report = back_up(small, tmp_path / "b.zip")
    save_book(small, BookEdit("Later", ["Link 1", "Link 2"]))
    whole: Callable[..., Any] = getattr(restoring, stage)

    def half(*args: Any, **kwargs: Any) -> Any:
        if stage not in {"_finish", "_restore_models"}:
            whole(*args, **kwargs)
        raise KeyboardInterrupt

    monkeypatch.setattr(restoring, stage, half)
    with pytest.raises(KeyboardInterrupt):
        restore(small, tmp_path / "b.zip", tmp_path, replace=True)
    monkeypatch.undo()
    with pytest.raises(RestoreUnfinishedError, match=r"bookgraph restore .*b\.zip"):
        back_up(small, tmp_path / "c.zip")
    with pytest.raises(StoreUnreachableError, match="being restored"):
        save_book(small, BookEdit("Not now", ["Link 1", "Link 2"]))
    with pytest.raises(RestoreUnfinishedError):
        load_small(small)
    with pytest.raises(RestoreUnfinishedError):
        small.models.load(small)
    restore(small, tmp_path / "b.zip", tmp_path)
    assert back_up(small, tmp_path / "c.zip").manifest["parts"] == report.manifest["parts"]


def test_what_is_not_complete_is_not_backed_up(store: Store, tmp_path: Path) -> None:
    with pytest.raises(DataMissingError, match="nothing to back up"):
        back_up(store, tmp_path / "b.zip")
    load_small(store)
    store.run("MATCH (d:Dataset) SET d.is_complete = false")
    with pytest.raises(DataMissingError, match="running or was interrupted"):
        back_up(store, tmp_path / "b.zip")
    assert list(tmp_path.iterdir()) == []


def test_a_backup_that_fails_leaves_nothing_and_keeps_the_old_one(
    small: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "b.zip"
    back_up(small, path)
    old = path.read_bytes()

    def fail(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(saving, "iter_edges", fail)
    with pytest.raises(KeyboardInterrupt):
        back_up(small, path)
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == old


@pytest.fixture(autouse=True)
def _leave_a_test_database(_session_store: Store) -> Iterator[None]:
    yield
    _session_store.run("MATCH (d:Dataset) WHERE d.restoring IS NOT NULL DELETE d")
    # `wipe` takes a label of another program for a database that is no test's.
    _session_store.run("MATCH (n:Favourite|Person) DETACH DELETE n")
