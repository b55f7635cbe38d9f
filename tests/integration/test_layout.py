"""The map in a real graph: places of the right nodes, in one transaction, with their record."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bookgraph.core.errors import DataMissingError, ShapeError, StoreUnreachableError
from bookgraph.embed.config import LayoutConfig
from bookgraph.embed.maps.pipeline import map_graph
from bookgraph.graph.read.model import read_map_vectors
from bookgraph.graph.schema import BOOK
from bookgraph.graph.store import Row, Store
from bookgraph.graph.write.map import MapPositions, write_map
from bookgraph.graph.write.vectors import EmbeddingRows, write_embeddings


def load(store: Store, *, version: str = "v1", num_books: int = 30, seed: int = 0) -> None:
    """Books and links with vectors, and one of each without."""
    random = np.random.default_rng(seed)
    titles = [f"Book {i:02}" for i in range(num_books)]
    names = [f"link {i:02}" for i in range(12)]
    store.run(
        "MERGE (:Dataset {name: 'bookgraph'}) WITH 1 AS _ UNWIND $titles AS title "
        "MERGE (n:Book {title: title}) SET n.num_links = 1",
        titles=[*titles, "Unplaced"],
    )
    store.run(
        "UNWIND $names AS name MERGE (n:Link {name: name}) SET n.title = name, n.num_books = 1",
        names=[*names, "unplaced"],
    )
    rows = EmbeddingRows(
        version=version,
        book_titles=titles,
        book_vectors=random.normal(size=(num_books, 6)).astype(np.float32),
        link_names=names,
        link_vectors=random.normal(size=(12, 6)).astype(np.float32),
        properties={},
    )
    write_embeddings(store, rows)


def places_of(store: Store, label: str) -> dict[str, tuple[float, float]]:
    key = "title" if label == "Book" else "name"
    rows = store.read(
        f"MATCH (n:{label}) WHERE n.x IS NOT NULL RETURN n.{key} AS key, n.x AS x, n.y AS y"
    )
    return {row["key"]: (row["x"], row["y"]) for row in rows}


def model_of(store: Store) -> Row:
    model: Row = store.read(
        "MATCH (m:EmbeddingModel {is_current: true}) RETURN properties(m) AS m"
    )[0]["m"]
    return model


def test_every_node_with_a_vector_has_a_place_and_no_other(store: Store) -> None:
    load(store)
    report = map_graph(store, LayoutConfig(seed=5))
    books, links = places_of(store, "Book"), places_of(store, "Link")
    assert {*books} == {f"Book {i:02}" for i in range(30)}
    assert {*links} == {f"link {i:02}" for i in range(12)}
    assert (report.num_books, report.num_links) == (30, 12)
    assert (report.written.num_books, report.written.num_links) == (30, 12)
    model = model_of(store)
    assert model["tsne_seed"] == 5
    assert model["tsne_kept_share_books"] == pytest.approx(report.kept_share_books)
    assert model["tsne_kept_share_links"] == pytest.approx(report.kept_share_links)
    assert model["tsne_created_at"].startswith("20")


def test_places_come_back_as_they_were_written(store: Store) -> None:
    load(store)
    map_graph(store, LayoutConfig())
    vectors = read_map_vectors(store, BOOK)
    places = places_of(store, "Book")
    assert list(vectors.keys) == sorted(vectors.keys)
    assert vectors.vectors.shape == (30, 6)
    for key, (x, y) in zip(vectors.keys, vectors.old_positions.tolist(), strict=True):
        assert (x, y) == places[key]


def test_a_second_run_starts_from_the_first_and_a_fresh_one_does_not(store: Store) -> None:
    load(store)
    assert not map_graph(store, LayoutConfig()).is_continued
    assert map_graph(store, LayoutConfig()).is_continued
    assert not map_graph(store, LayoutConfig(), is_fresh=True).is_continued


def test_on_a_second_run_the_points_hardly_move(store: Store) -> None:
    load(store, num_books=200)

    def places() -> np.ndarray:
        return read_map_vectors(store, BOOK).old_positions

    map_graph(store, LayoutConfig())
    first = places()
    map_graph(store, LayoutConfig())
    second = places()
    map_graph(store, LayoutConfig(seed=1), is_fresh=True)
    fresh = places()
    radius = np.linalg.norm(first, axis=1).mean()
    moved = np.median(np.linalg.norm(second - first, axis=1)) / radius
    moved_afresh = np.median(np.linalg.norm(fresh - first, axis=1)) / radius
    assert moved < 0.15, moved
    assert moved_afresh > 2 * moved


def test_the_second_map_leaves_the_first_alone(store: Store) -> None:
    pytest.importorskip("umap")
    load(store)
    map_graph(store, LayoutConfig())
    before = places_of(store, "Book")
    report = map_graph(store, LayoutConfig(method="umap"))
    assert not report.is_continued
    assert places_of(store, "Book") == before
    rows = store.read("MATCH (n:Book) WHERE n.umap_x IS NOT NULL RETURN count(*) AS num")
    assert rows[0]["num"] == 30
    assert {"tsne_seed", "umap_seed"} <= {*model_of(store)}


def test_nodes_that_lost_their_vector_lose_their_place(store: Store) -> None:
    load(store)
    map_graph(store, LayoutConfig())
    load(store, version="v2", num_books=20, seed=1)
    map_graph(store, LayoutConfig())
    assert {*places_of(store, "Book")} == {f"Book {i:02}" for i in range(20)}


def some_places(version: str) -> MapPositions:
    return MapPositions(
        name="tsne",
        version=version,
        book_titles=["Book 00", "Gone"],
        book_positions=np.ones((2, 2), np.float32),
        link_names=["link 00"],
        link_positions=np.ones((1, 2), np.float32),
        facts={"tsne_seed": 9},
    )


def test_a_map_of_another_model_changes_nothing(store: Store) -> None:
    load(store)
    with pytest.raises(DataMissingError, match="not the current one"):
        write_map(store, some_places("v0"))
    assert not places_of(store, "Book")
    assert "tsne_seed" not in model_of(store)


def test_a_book_that_is_gone_is_not_counted(store: Store) -> None:
    load(store)
    report = write_map(store, some_places("v1"))
    assert (report.num_books, report.num_links) == (1, 1)
    assert {*places_of(store, "Book")} == {"Book 00"}


def test_a_failure_in_the_middle_leaves_the_old_map_whole(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(store)
    map_graph(store, LayoutConfig())
    before, model = places_of(store, "Book"), model_of(store)

    def fail(progress: object) -> None:
        raise StoreUnreachableError(f"gone at {progress}")

    with pytest.raises(StoreUnreachableError):
        write_map(store, some_places("v1"), on_progress=fail)
    assert places_of(store, "Book") == before
    assert model_of(store) == model


def test_a_graph_without_books_or_without_a_model_names_the_command(store: Store) -> None:
    with pytest.raises(DataMissingError, match="bookgraph ingest"):
        map_graph(store, LayoutConfig())
    store.run("CREATE (:Dataset {name: 'bookgraph'}), (:Book {title: 'Dune'})")
    with pytest.raises(DataMissingError, match="bookgraph train"):
        map_graph(store, LayoutConfig())


def test_places_that_are_no_numbers_are_refused() -> None:
    places = some_places("v1")
    with pytest.raises(ShapeError, match="book_positions"):
        replace(places, book_positions=np.full((2, 2), np.nan, np.float32))
    with pytest.raises(ShapeError, match="link_positions"):
        replace(places, link_positions=np.ones((2, 2), np.float32))
