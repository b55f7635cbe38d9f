"""Exports opened by the programs they are for: pandas, NetworkX, numpy, TensorBoard's projector."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import cast

import httpx
import networkx as nx
import numpy as np
import pandas as pd
import pytest

from bookgraph.core.choices import ExportFormat
from bookgraph.core.errors import DataMissingError, UsageError
from bookgraph.core.processes import find_free_port, wait_until
from bookgraph.core.progress import Progress
from bookgraph.graph.export.formats import export_graph
from bookgraph.graph.schema import BOOK
from bookgraph.graph.store import Row, Store
from bookgraph.graph.write.vectors import EmbeddingRows, write_embeddings

ODD = 'Tom & "Jerry" <3,\u0007\tÉmile\n中'
FORMATS = ("csv", "graphml", "npz", "parquet", "projector")


def load(store: Store, *, is_trained: bool = True) -> None:
    """Three books, two links, four edges; one title of everything that can go wrong."""
    store.run(
        "CREATE (:Dataset {name: 'bookgraph'}), "
        "(a:Book {title: $odd, author: 'A, B', year: -750, num_links: 2, x: 0.5, y: -1.25}), "
        "(b:Book {title: 'Beta', num_links: 1}), (c:Book {title: 'Alone', num_links: 0}), "
        "(l:Link {name: 'love & <war>', title: 'Love & <War>', kind: 'article', num_books: 2}), "
        "(m:Link {name: 'moon', title: 'Moon', kind: 'article', num_books: 1}), "
        "(a)-[:LINKS_TO {count: 3}]->(l), (a)-[:LINKS_TO {count: 1}]->(m), "
        "(b)-[:LINKS_TO {count: 2}]->(l)",
        odd=ODD,
    )
    if is_trained:
        rows = EmbeddingRows(
            version="v1",
            book_titles=[ODD, "Beta"],
            book_vectors=np.array([[0.1, 1 / 3], [1e-8, -2.5]], np.float32),
            link_names=["love & <war>", "moon"],
            link_vectors=np.array([[1, 2], [3, 4]], np.float32),
            properties={},
        )
        write_embeddings(store, rows)


@pytest.fixture
def trained(store: Store) -> Store:
    load(store)
    return store


def counts(store: Store) -> Row:
    return store.read(
        "RETURN COUNT { (:Book) } AS books, COUNT { (:Link) } AS links, "
        "COUNT { ()-[:LINKS_TO]->() } AS edges"
    )[0]


def test_csv_is_what_pandas_reads(trained: Store, tmp_path: Path) -> None:
    report = export_graph(trained, tmp_path / "new" / "folder", "csv")
    assert [path.name for path in report.files] == ["books.csv", "links.csv", "edges.csv"]
    assert (report.num_books, report.num_links, report.num_edges) == (3, 2, 3)
    books, links, edges = (
        pd.read_csv(path, keep_default_na=False, na_values=[""], lineterminator=None)
        for path in report.files
    )
    assert tuple(books.columns) == BOOK.names("export")
    assert {*books["title"]} == {ODD, "Beta", "Alone"}
    odd = books[books["title"] == ODD].iloc[0]
    assert (odd["author"], odd["year"], odd["x"], odd["y"]) == ("A, B", -750, 0.5, -1.25)
    assert books[books["title"] == "Beta"].iloc[0].isna()["year"]
    assert {*links["name"]} == {"love & <war>", "moon"}
    assert {tuple(row) for row in edges.itertuples(index=False)} == {
        (ODD, "love & <war>", 3),
        (ODD, "moon", 1),
        ("Beta", "love & <war>", 2),
    }


def test_graphml_is_what_networkx_reads(trained: Store, tmp_path: Path) -> None:
    report = export_graph(trained, tmp_path, "graphml")
    graph = nx.read_graphml(report.files[0])
    assert graph.number_of_nodes() == 5
    assert graph.number_of_edges() == 3
    # XML cannot hold a control character, so the bell is escaped in the id.
    (odd,) = [node for node in graph if node.startswith("b:Tom")]
    assert graph.nodes[odd]["year"] == -750
    assert graph.nodes[odd]["x"] == 0.5
    assert "\u0007" not in odd
    assert 'Tom & "Jerry" <3' in graph.nodes[odd]["title"]
    assert graph.edges[odd, "l:love & <war>"]["count"] == 3
    assert graph.nodes["l:love & <war>"]["label"] == "Love & <War>"
    assert "year" not in graph.nodes["b:Beta"]


def test_npz_holds_the_vectors_bit_by_bit(trained: Store, tmp_path: Path) -> None:
    report = export_graph(trained, tmp_path, "npz")
    with np.load(report.files[0]) as archive:
        titles = archive["book_titles"].tolist()
        assert {*titles} == {ODD, "Beta"}
        vector = archive["book_vectors"][titles.index(ODD)]
        assert np.array_equal(vector, np.array([0.1, 1 / 3], np.float32))
        assert archive["book_positions"][titles.index(ODD)].tolist() == [0.5, -1.25]
        assert np.isnan(archive["book_positions"][titles.index("Beta")]).all()
        names = archive["link_names"].tolist()
        edges = {
            (titles[book], names[link], count)
            for (book, link), count in zip(
                archive["pairs"].tolist(), archive["counts"].tolist(), strict=True
            )
        }
    assert edges == {
        (ODD, "love & <war>", 3),
        (ODD, "moon", 1),
        ("Beta", "love & <war>", 2),
    }


def test_parquet_is_what_pandas_reads(trained: Store, tmp_path: Path) -> None:
    trained.run("MATCH (n:Book {title: $odd}) SET n.authors = ['A', 'B'], n.umap_x = 2.5", odd=ODD)
    report = export_graph(trained, tmp_path, "parquet")
    assert [path.name for path in report.files] == [
        "books.parquet",
        "links.parquet",
        "edges.parquet",
    ]
    assert (report.num_books, report.num_links, report.num_edges) == (3, 2, 3)
    books, links, edges = (pd.read_parquet(path) for path in report.files)
    books = books.set_index("title")
    odd = books.loc[ODD]
    assert [*odd["authors"]] == ["A", "B"]
    assert (odd["year"], odd["x"], odd["y"], odd["umap_x"]) == (-750, 0.5, -1.25, 2.5)
    assert odd["embedding"].dtype == np.float32
    assert np.array_equal(odd["embedding"], np.array([0.1, 1 / 3], np.float32))
    assert books.loc["Alone"][["embedding", "year", "x"]].isna().all()
    assert links.set_index("name").loc["moon", "embedding"].tolist() == [3, 4]
    assert {tuple(row) for row in edges.itertuples(index=False)} == {
        (ODD, "love & <war>", 3),
        (ODD, "moon", 1),
        ("Beta", "love & <war>", 2),
    }


def test_parquet_of_an_untrained_graph_has_no_vectors(store: Store, tmp_path: Path) -> None:
    load(store, is_trained=False)
    report = export_graph(store, tmp_path, "parquet")
    assert pd.read_parquet(report.files[0])["embedding"].isna().all()


def test_without_pyarrow_the_extra_is_named(
    trained: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UsageError, match=r"bookgraph\[exports\]"):
        export_graph(trained, tmp_path, "parquet")


def test_tensorboard_opens_the_projectors_files(trained: Store, tmp_path: Path) -> None:
    export_graph(trained, tmp_path, "projector")
    port = find_free_port()
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(tmp_path)]
    process = subprocess.Popen(
        [*command, "--host", "127.0.0.1", "--port", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        base = f"http://127.0.0.1:{port}/data/plugin/projector"
        is_up = wait_until(
            lambda: process.poll() is not None or lists_the_run(f"{base}/runs"), timeout_s=60
        )
        assert is_up, "TensorBoard does not list the run"
        assert process.poll() is None, "TensorBoard ended while it started"
        found = httpx.get(f"{base}/info?run=.").json()["embeddings"]
        assert {one["tensorName"]: one["tensorShape"] for one in found} == {
            "books": [2, 2],
            "links": [2, 2],
        }
        content = httpx.get(f"{base}/tensor?run=.&name=books").content
        vectors = {tuple(row) for row in np.frombuffer(content, np.float32).reshape(2, 2).tolist()}
        expected = np.array([[0.1, 1 / 3], [1e-8, -2.5]], np.float32)
        assert vectors == {tuple(row) for row in expected.tolist()}
        lines = httpx.get(f"{base}/metadata?run=.&name=books").text.split("\n")
        assert lines[0].split("\t")[:2] == ["title", "author"]
        assert "Beta" in {line.split("\t")[0] for line in lines}
    finally:
        process.terminate()
        process.wait(timeout=20)


def lists_the_run(url: str) -> bool:
    try:
        return bool(httpx.get(url, timeout=5).json() == ["."])
    except httpx.TransportError:
        return False


def test_the_projector_gets_as_many_rows_of_each(trained: Store, tmp_path: Path) -> None:
    report = export_graph(trained, tmp_path, "projector")
    config = json.loads((tmp_path / "projector_config.json").read_text("utf-8"))["embeddings"]
    assert [one["tensorName"] for one in config] == ["books", "links"]
    for one in config:
        vectors = np.loadtxt(tmp_path / one["tensorPath"], delimiter="\t", dtype=np.float32)
        assert list(vectors.shape) == one["tensorShape"]
        lines = (tmp_path / one["metadataPath"]).read_text("utf-8").split("\n")
        # The first line names the columns, and the last one is ended.
        assert len(lines) == len(vectors) + 2
        assert {line.count("\t") for line in lines[:-1]} == {lines[0].count("\t")}
    books = np.loadtxt(tmp_path / "books.vectors.tsv", delimiter="\t", dtype=np.float32)
    expected = np.array([[0.1, 1 / 3], [1e-8, -2.5]], np.float32)
    assert {tuple(row) for row in books.tolist()} == {tuple(row) for row in expected.tolist()}
    assert report.num_edges == 0


@pytest.mark.parametrize("name", FORMATS)
def test_an_export_twice_is_the_same_and_leaves_nothing_else(
    trained: Store, tmp_path: Path, name: str
) -> None:
    told: list[Progress] = []
    first = export_graph(trained, tmp_path, cast("ExportFormat", name), on_progress=told.append)
    before = {path: path.read_bytes() for path in first.files}
    second = export_graph(trained, tmp_path, cast("ExportFormat", name))
    assert {path: path.read_bytes() for path in second.files} == before
    assert {*tmp_path.iterdir()} == {*first.files}
    assert told[-1].is_finished


@pytest.mark.parametrize("name", FORMATS)
def test_an_empty_graph_has_nothing_to_export(store: Store, tmp_path: Path, name: str) -> None:
    with pytest.raises(DataMissingError, match="bookgraph ingest"):
        export_graph(store, tmp_path / "none", cast("ExportFormat", name))
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("name", ["npz", "projector"])
def test_without_a_model_the_command_is_named(store: Store, tmp_path: Path, name: str) -> None:
    load(store, is_trained=False)
    with pytest.raises(DataMissingError, match="bookgraph train"):
        export_graph(store, tmp_path, cast("ExportFormat", name))
    assert not list(tmp_path.iterdir())


def test_a_broken_export_leaves_the_one_before(
    trained: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (path,) = export_graph(trained, tmp_path, "graphml").files
    before = path.read_bytes()

    def fail(*_: object) -> str:
        message = "no more"
        raise OSError(message)

    monkeypatch.setattr("bookgraph.graph.export.graphml.xml_text", fail)
    with pytest.raises(UsageError, match="cannot be written to"):
        export_graph(trained, tmp_path, "graphml")
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_done_is_refused(trained: Store, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'xls' does not exist; use one of csv"):
        export_graph(trained, tmp_path, cast("ExportFormat", "xls"))
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot be written"):
        export_graph(trained, tmp_path / "file", "csv")
    assert counts(trained) == {"books": 3, "links": 2, "edges": 3}
