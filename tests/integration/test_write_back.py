"""Vectors written into the real graph: whole or not at all, and never two models at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from bookgraph.core.errors import BookgraphError, DataMissingError
from bookgraph.core.types import BookRow, LinkRow
from bookgraph.graph.connection import connect
from bookgraph.graph.query.nodes import nearest_books
from bookgraph.graph.read.model import read_current_model
from bookgraph.graph.store import Store
from bookgraph.graph.write.load import GraphRows, load_graph
from bookgraph.graph.write.vectors import EmbeddingRows, write_embeddings

NUM_BOOKS = 300


def load_chain(store: Store, num_books: int = NUM_BOOKS) -> None:
    """Load books of which each shares a link with the next."""
    books = [
        BookRow(f"Book {row:04}", {}, {f"link {row:04}": 1, f"link {row + 1:04}": 1})
        for row in range(num_books)
    ]
    names = [f"link {row:04}" for row in range(num_books + 1)]
    load_graph(store, GraphRows(books, [LinkRow(name, name, "article", 2) for name in names]))


def make_rows(
    version: str, *, seed: int, dim: int = 16, num_books: int = NUM_BOOKS
) -> EmbeddingRows:
    """Random vectors for the chain; the first number of each is the seed, to tell models apart."""
    generator = np.random.default_rng(seed)
    books = generator.normal(size=(num_books, dim)).astype(np.float32)
    links = generator.normal(size=(num_books + 1, dim)).astype(np.float32)
    books[:, 0] = links[:, 0] = seed
    return EmbeddingRows(
        version=version,
        book_titles=[f"Book {row:04}" for row in range(num_books)],
        book_vectors=books,
        link_names=[f"link {row:04}" for row in range(num_books + 1)],
        link_vectors=links,
        properties={"seed": seed},
    )


def stored_models(store: Store) -> list[dict[str, object]]:
    """Which versions the nodes carry, how often, and which first number goes with them."""
    return store.read(
        "MATCH (m:EmbeddingModel {is_current: true}) "
        "MATCH (n:Book|Link) WHERE n[m.vector] IS NOT NULL "
        "RETURN n[m.vector + '_version'] AS version, n[m.vector][0] AS seed, count(*) AS num "
        "ORDER BY version"
    )


def test_vectors_come_back_as_they_were_written(store: Store) -> None:
    load_chain(store)
    rows = make_rows("one", seed=1)
    report = write_embeddings(store, rows)
    assert (report.num_books, report.num_links, report.num_gone) == (NUM_BOOKS, NUM_BOOKS + 1, 0)
    model = read_current_model(store)
    assert model.version == "one"
    assert model.titles == tuple(rows.book_titles)
    np.testing.assert_array_equal(model.vectors, rows.book_vectors)


def test_writing_again_changes_nothing(store: Store) -> None:
    load_chain(store)
    rows = make_rows("one", seed=1)
    write_embeddings(store, rows)
    write_embeddings(store, rows)
    assert stored_models(store) == [{"version": "one", "seed": 1.0, "num": 2 * NUM_BOOKS + 1}]
    assert store.read("MATCH (m:EmbeddingModel) RETURN count(*) AS num")[0]["num"] == 1


def test_the_next_model_takes_the_place_of_the_last_even_with_another_dim(store: Store) -> None:
    load_chain(store)
    write_embeddings(store, make_rows("one", seed=1, dim=16))
    write_embeddings(store, make_rows("two", seed=2, dim=24))
    assert stored_models(store) == [{"version": "two", "seed": 2.0, "num": 2 * NUM_BOOKS + 1}]
    rows = store.read(
        "MATCH (m:EmbeddingModel) RETURN m.version AS version, m.is_current AS is_current, "
        "m.dim AS dim ORDER BY version"
    )
    assert rows == [
        {"version": "one", "is_current": False, "dim": 16},
        {"version": "two", "is_current": True, "dim": 24},
    ]
    assert len(nearest_books(store, ["Book 0000"], num=10)) == 10


def test_a_node_that_the_new_model_leaves_out_loses_its_old_vector(store: Store) -> None:
    load_chain(store)
    write_embeddings(store, make_rows("one", seed=1))
    rows = make_rows("two", seed=2)
    write_embeddings(
        store, replace(rows, book_titles=rows.book_titles[1:], book_vectors=rows.book_vectors[1:])
    )
    with pytest.raises(DataMissingError, match="'Book 0000' has no vector in the model 'two'"):
        nearest_books(store, ["Book 0000"])
    assert {row["version"] for row in stored_models(store)} == {"two"}


def test_keys_that_are_gone_are_counted(store: Store) -> None:
    load_chain(store)
    report = write_embeddings(store, make_rows("one", seed=1, num_books=NUM_BOOKS + 5))
    assert report.num_gone == 10


def test_a_model_of_another_graph_changes_nothing(store: Store) -> None:
    load_chain(store)
    write_embeddings(store, make_rows("one", seed=1))
    alien = replace(make_rows("two", seed=2), book_titles=[f"x{n}" for n in range(NUM_BOOKS)])
    with pytest.raises(DataMissingError, match="trained on another graph"):
        write_embeddings(store, alien)
    assert {row["version"] for row in stored_models(store)} == {"one"}


def test_scores_are_the_exact_cosines_of_the_nearest(store: Store) -> None:
    load_chain(store)
    rows = make_rows("one", seed=1)
    write_embeddings(store, rows)
    unit = rows.book_vectors / np.linalg.norm(rows.book_vectors, axis=1, keepdims=True)
    cosines = unit @ unit[7]
    expected = [int(row) for row in np.argsort(-cosines) if row != 7][:10]
    found = nearest_books(store, ["Book 0007"], num=10)
    assert [neighbour.name for neighbour in found] == [f"Book {row:04}" for row in expected]
    np.testing.assert_allclose([n.score for n in found], cosines[expected], atol=1e-5)


def test_readers_never_meet_two_models(store: Store) -> None:
    """Readers ask without a pause while models are written over each other.

    Each answer has to be, to the last score, the one that a single model gives.
    """
    load_chain(store)
    models = {seed: make_rows(f"model {seed}", seed=seed) for seed in range(5)}
    truths = {seed: exact_answer(rows, liked=3) for seed, rows in models.items()}
    write_embeddings(store, models[0])
    answers: list[dict[str, float]] = []
    problems: list[Exception] = []
    is_over = threading.Event()

    def read() -> None:
        while not is_over.is_set():
            try:
                found = nearest_books(store, ["Book 0003"], num=10, num_shared=0)
                answers.append({neighbour.name: neighbour.score for neighbour in found})
            except BookgraphError as problem:
                problems.append(problem)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for later in range(1, len(models)):
        write_embeddings(store, models[later])
        time.sleep(0.05)
    is_over.set()
    for reader in readers:
        reader.join()
    assert not problems
    seen = {seed for answer in answers if (seed := model_of(answer, truths)) is not None}
    mixed = [answer for answer in answers if model_of(answer, truths) is None]
    assert not mixed, f"{len(mixed)} of {len(answers)} answers are of no single model: {mixed[0]}"
    assert len(seen) > 1, "the readers saw no change; the test proves nothing"


def exact_answer(rows: EmbeddingRows, *, liked: int) -> dict[str, float]:
    """The cosine of every other book with the liked one."""
    unit = rows.book_vectors / np.linalg.norm(rows.book_vectors, axis=1, keepdims=True)
    return dict(zip(rows.book_titles, (unit @ unit[liked]).tolist(), strict=True))


def model_of(answer: dict[str, float], truths: dict[int, dict[str, float]]) -> int | None:
    """The model whose cosines an answer has; within its commit some neighbours may be missing."""
    for seed, truth in truths.items():
        if all(abs(truth[title] - score) < 1e-5 for title, score in answer.items()):
            return seed
    return None


def _kill_when(server_kill: Callable[[], None], num_calls: int) -> Callable[[object], None]:
    """A progress callback that kills the server at its n-th call."""
    calls = 0

    def on_progress(progress: object) -> None:
        nonlocal calls
        calls += 1
        if calls == num_calls:
            server_kill()

    return on_progress


@pytest.mark.parametrize("num_calls", [1, 2])
def test_a_server_that_is_killed_while_vectors_are_written_keeps_the_old_model_whole(
    own_server, monkeypatch: pytest.MonkeyPatch, num_calls: int
) -> None:
    monkeypatch.setattr("bookgraph.graph.write.vectors._VECTORS_PER_STATEMENT", NUM_BOOKS)
    with connect(own_server.settings) as store:
        load_chain(store)
        write_embeddings(store, make_rows("old", seed=1))
        with pytest.raises(BookgraphError):
            write_embeddings(
                store,
                make_rows("new", seed=2),
                on_progress=_kill_when(own_server.kill, num_calls),
            )
    with connect(own_server.settings) as store:
        assert stored_models(store) == [{"version": "old", "seed": 1.0, "num": 2 * NUM_BOOKS + 1}]
        assert read_current_model(store).version == "old"
        assert len(nearest_books(store, ["Book 0001"], num=5)) == 5
        write_embeddings(store, make_rows("new", seed=2))
        assert stored_models(store) == [{"version": "new", "seed": 2.0, "num": 2 * NUM_BOOKS + 1}]
