"""Every answer is of one model, whole, while models are trained, switched, pruned and edited."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

from bookgraph.api import build_app
from bookgraph.core.errors import DataMissingError, StoreUnreachableError
from bookgraph.core.processes import wait_until
from bookgraph.core.types import BookRow, LinkRow
from bookgraph.graph.query.nodes import nearest_books
from bookgraph.graph.read.model import list_models
from bookgraph.graph.schema import SLOTS
from bookgraph.graph.store import Store
from bookgraph.graph.vectors.compare import compare_models
from bookgraph.graph.write.load import GraphRows, load_graph
from bookgraph.graph.write.vectors import EmbeddingRows, write_embeddings
from bookgraph.graph.write.versions import prune_models, roll_back, use_model
from bookgraph.testing.serving import running_app

NUM_BOOKS = 300

QUERY = """{
  similarBooks(like: ["Book 0003"], first: 20) { modelVersion edges { score node { title } } }
  similarLinks(like: ["link 0005"], first: 20) { modelVersion edges { score node { name } } }
  compare(a: "Book 0003", b: "Book 0007") { score modelVersion }
  book(title: "Book 0003") {
    embedding
    similarBooks(first: 20) { modelVersion edges { score node { title embedding } } }
    predictedLinks(first: 20) { modelVersion edges { score node { name } } }
  }
  link(name: "link 0005") {
    similarLinks(first: 20) { modelVersion edges { score node { name } } }
    predictedBooks(first: 20) { modelVersion edges { score node { title } } }
  }
}"""


def load_chain(store: Store) -> None:
    """Load books of which each shares a link with the next."""
    books = [
        BookRow(f"Book {row:04}", {}, {f"link {row:04}": 1, f"link {row + 1:04}": 1})
        for row in range(NUM_BOOKS)
    ]
    names = [f"link {row:04}" for row in range(NUM_BOOKS + 1)]
    load_graph(store, GraphRows(books, [LinkRow(name, name, "article", 2) for name in names]))


def make_rows(version: str, *, seed: int, dim: int) -> EmbeddingRows:
    generator = np.random.default_rng(seed)
    return EmbeddingRows(
        version=version,
        book_titles=[f"Book {row:04}" for row in range(NUM_BOOKS)],
        book_vectors=generator.normal(size=(NUM_BOOKS, dim)).astype(np.float32),
        link_names=[f"link {row:04}" for row in range(NUM_BOOKS + 1)],
        link_vectors=generator.normal(size=(NUM_BOOKS + 1, dim)).astype(np.float32),
        properties={"seed": seed},
    )


class Truth:
    """What one model answers, worked out in numpy."""

    def __init__(self, rows: EmbeddingRows) -> None:
        books = rows.book_vectors.astype(np.float64)
        links = rows.link_vectors.astype(np.float64)
        self.embedding = rows.book_vectors[3].tolist()
        self.books = best(cosines(books, books[3]), rows.book_titles, {"Book 0003"})
        self.links = best(cosines(links, links[5]), rows.link_names, {"link 0005"})
        known = {"link 0003", "link 0004"}
        self.predicted_links = best(links @ books[3], rows.link_names, known)
        known = {"Book 0004", "Book 0005"}
        self.predicted_books = best(books @ links[5], rows.book_titles, known)
        self.compared = float(cosines(books, books[3])[7])

    def check(self, data: dict[str, Any], version: str) -> None:
        book, link = data["book"], data["link"]
        for found, expected in (
            (data["similarBooks"], self.books),
            (book["similarBooks"], self.books),
            (data["similarLinks"], self.links),
            (link["similarLinks"], self.links),
            (book["predictedLinks"], self.predicted_links),
            (link["predictedBooks"], self.predicted_books),
        ):
            assert found["modelVersion"] == version
            names = [next(iter(edge["node"].values())) for edge in found["edges"]]
            assert names == [name for name, _ in expected]
            scores = [edge["score"] for edge in found["edges"]]
            np.testing.assert_allclose(scores, [score for _, score in expected], atol=1e-9)
        assert data["compare"]["modelVersion"] == version
        assert data["compare"]["score"] == pytest.approx(self.compared, abs=1e-9)
        assert book["embedding"] == self.embedding
        lengths = {len(edge["node"]["embedding"]) for edge in book["similarBooks"]["edges"]}
        assert lengths == {len(self.embedding)}


def cosines(vectors: NDArray[np.float64], one: NDArray[np.float64]) -> NDArray[np.float64]:
    lengths = np.linalg.norm(vectors, axis=1) * np.linalg.norm(one)
    found: NDArray[np.float64] = vectors @ one / lengths
    return found


def best(
    scores: NDArray[np.float64], names: Any, hidden: set[str], num: int = 20
) -> list[tuple[str, float]]:
    ranked = sorted(zip(-scores, names, strict=True))
    return [(name, -score) for score, name in ranked if name not in hidden][:num]


@pytest.fixture
def site(store: Store) -> Iterator[str]:
    load_chain(store)
    with running_app(build_app(store)) as address:
        yield f"{address}/graphql"


def ask(site: str, query: str, **variables: Any) -> dict[str, Any]:
    response = httpx.post(site, json={"query": query, "variables": variables}, timeout=30)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    assert "errors" not in answer, answer["errors"]
    return answer["data"]  # type: ignore[no-any-return]


def test_a_hundred_switches_under_readers_of_every_field(store: Store, site: str) -> None:
    """Ten trainings of changing dimensions, and nine switches back and forth after each."""
    truths: dict[str, Truth] = {}
    num_seen: dict[str, int] = {}
    problems: list[str] = []
    waits: list[float] = []
    is_over = threading.Event()

    def write(number: int) -> None:
        rows = make_rows(f"model {number}", seed=number, dim=8 + 8 * (number % 3))
        truths[rows.version] = Truth(rows)
        write_embeddings(store, rows)

    def read() -> None:
        while not is_over.is_set():
            start_s = time.monotonic()
            try:
                data = ask(site, QUERY)
                version = data["similarBooks"]["modelVersion"]
                truths[version].check(data, version)
                num_seen[version] = num_seen.get(version, 0) + 1
            except Exception as problem:  # noqa: BLE001  # the test names it
                problems.append(repr(problem))
            waits.append(time.monotonic() - start_s)

    write(0)
    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    num_switches = 0
    for number in range(1, 11):
        write(number)
        for _ in range(9):
            roll_back(store)
            time.sleep(0.02)
        num_switches += 10
    is_over.set()
    for reader in readers:
        reader.join()
    assert num_switches == 100
    assert not problems, f"{len(problems)} of {len(waits)}: {problems[0]}"
    assert len(num_seen) >= 5, f"the readers saw {num_seen}; the test proves little"


def test_soon_after_a_training_answers_are_of_the_new_model(store: Store, site: str) -> None:
    truths: dict[str, Truth] = {}
    for number in range(4):
        rows = make_rows(f"model {number}", seed=number, dim=16)
        truths[rows.version] = Truth(rows)
        write_embeddings(store, rows)

        def is_new(version: str = rows.version) -> bool:
            data = ask(site, QUERY)
            found = data["similarBooks"]["modelVersion"]
            truths[found].check(data, found)
            return bool(found == version)

        wait_until(is_new, timeout_s=30)
        assert is_new()


def test_an_older_model_answers_when_it_is_asked_for(store: Store, site: str) -> None:
    rows = [make_rows(f"model {number}", seed=number, dim=8 * number + 8) for number in range(3)]
    for one in rows:
        write_embeddings(store, one)
    query = """query ($model: String) {
      similarBooks(like: ["Book 0003"], first: 3, model: $model) { modelVersion nodes { title } }
      compare(a: "Book 0003", b: "Book 0007", model: $model) { score modelVersion }
      book(title: "Book 0003") {
        similarBooks(first: 3, model: $model) { modelVersion nodes { title } }
        predictedLinks(first: 3, model: $model) { modelVersion nodes { name } }
      }
      embeddingModels { version isCurrent }
    }"""
    found = ask(site, query, model="model 1")
    truth = Truth(rows[1])
    titles = [{"title": title} for title, _ in truth.books[:3]]
    expected = {"modelVersion": "model 1", "nodes": titles}
    assert found["similarBooks"] == found["book"]["similarBooks"] == expected
    names = [{"name": name} for name, _ in truth.predicted_links[:3]]
    assert found["book"]["predictedLinks"] == {"modelVersion": "model 1", "nodes": names}
    assert found["compare"]["score"] == pytest.approx(truth.compared, abs=1e-9)
    assert found["embeddingModels"] == [
        {"version": "model 2", "isCurrent": True},
        {"version": "model 1", "isCurrent": False},
    ]
    gone = httpx.post(site, json={"query": query, "variables": {"model": "model 0"}}).json()
    assert "does not hold the model 'model 0'" in gone["errors"][0]["message"]
    assert "model 1, model 2" in gone["errors"][0]["message"]


def test_models_are_used_rolled_back_and_pruned(store: Store) -> None:
    load_chain(store)
    for number in range(3):
        write_embeddings(store, make_rows(f"model {number}", seed=number, dim=8))
    states = [(one.version, one.is_current, one.is_held) for one in list_models(store)]
    assert states == [
        ("model 2", True, True),
        ("model 1", False, True),
        ("model 0", False, False),
    ]
    assert roll_back(store).version == "model 1"
    assert roll_back(store).version == "model 2"
    assert use_model(store, "model 1").is_current
    assert use_model(store, "model 1").is_current
    with pytest.raises(DataMissingError, match="does not hold the model 'model 0'"):
        use_model(store, "model 0")
    assert {*prune_models(store).versions} == {"model 0", "model 2"}
    assert [one.version for one in list_models(store)] == ["model 1"]
    assert len(nearest_books(store, ["Book 0001"])) == 10
    with pytest.raises(DataMissingError, match="holds no other model"):
        roll_back(store)
    left = store.read(
        "MATCH (n:Book|Link) RETURN count(n.embedding) AS one, count(n.embedding_2) AS two"
    )[0]
    assert {left["one"], left["two"]} == {0, 2 * NUM_BOOKS + 1}
    assert prune_models(store).versions == ()
    write_embeddings(store, make_rows("model 9", seed=9, dim=8))
    assert roll_back(store).version == "model 1"


def test_two_trainings_at_once_leave_one_whole_model(store: Store) -> None:
    load_chain(store)
    write_embeddings(store, make_rows("before", seed=0, dim=8))
    truth = {n: make_rows(f"model {n}", seed=n, dim=8) for n in range(1, 4)}
    refused: list[Exception] = []

    def write(number: int) -> None:
        try:
            write_embeddings(store, truth[number])
        except Exception as problem:  # noqa: BLE001  # looked at below
            refused.append(problem)

    writers = [threading.Thread(target=write, args=(number,)) for number in truth]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert all(isinstance(problem, StoreUnreachableError) for problem in refused), refused
    (current,) = [model for model in list_models(store) if model.is_current]
    rows = truth.get(int(current.version[-1])) if current.version != "before" else None
    rows = rows or make_rows("before", seed=0, dim=8)
    expected = Truth(rows).books
    found = nearest_books(store, ["Book 0003"], num=20)
    assert [one.name for one in found] == [title for title, _ in expected]
    assert len(refused) + len({model.version for model in list_models(store)}) >= 2


def test_both_slots_have_indexes_that_answer(store: Store) -> None:
    load_chain(store)
    for number in range(2):
        rows = make_rows(f"model {number}", seed=number, dim=8)
        write_embeddings(store, rows)
        found = store.read(
            "MATCH (model:EmbeddingModel {is_current: true}) "
            "MATCH (book:Book {title: 'Book 0003'}) "
            "CALL db.index.vector.queryNodes(model.book_index, 21, book[model.vector]) "
            "YIELD node, score WHERE node <> book "
            "RETURN node.title AS title, 2 * score - 1 AS score"
        )
        assert [row["title"] for row in found] == [title for title, _ in Truth(rows).books]
    names = {row["name"] for row in store.read("SHOW VECTOR INDEXES YIELD name RETURN name")}
    assert {"book_embedding", "link_embedding"} | {
        f"{word}_embedding{SLOTS[1].index_suffix}" for word in ("book", "link")
    } == names


def test_a_comparison_of_two_models_counts_the_neighbours_that_they_share(store: Store) -> None:
    load_chain(store)
    rows = [make_rows(f"model {number}", seed=number, dim=8) for number in range(2)]
    for one in rows:
        write_embeddings(store, one)
    found = compare_models(store, ("model 0", "model 1"), k=5)
    assert (found.num_books, found.num_only, found.num_compared) == (NUM_BOOKS, (0, 0), NUM_BOOKS)
    near = [
        [
            {name for name, _ in best(cosines(v, v[row]), one.book_titles, {title}, 5)}
            for row, title in enumerate(one.book_titles)
        ]
        for one in rows
        for v in (one.book_vectors.astype(np.float64),)
    ]
    shares = [len(a & b) / 5 for a, b in zip(*near, strict=True)]
    assert found.share == pytest.approx(np.mean(shares))
    assert [book.share for book in found.most_changed] == sorted(shares)[:10]
    same = compare_models(store, ("model 1", "model 1"))
    assert same.share == 1
