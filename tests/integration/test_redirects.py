"""Books and links are found by the titles that redirect to them, wherever one can be named."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from bookgraph.api import build_app
from bookgraph.core.types import BookRow, LinkRow
from bookgraph.graph import EmbeddingRows, GraphRows, load_graph, write_embeddings
from bookgraph.graph.store import Store
from bookgraph.testing.fakes import CountingStore

BOOKS = {
    "Nineteen Eighty-Four": ["1984 (novel)", "Big Brother book", "Nineteen eighty four"],
    "Brave New World": ["Brave New World (book)", 'The "savage" book'],
    "Animal Farm": ["Animal Farm: A Fairy Story"],
    "We (novel)": ["Мы", "My (novel)"],
}
LINKS = {
    "george orwell": ("George Orwell", ("Eric Arthur Blair", "Orwell")),
    "dystopia": ("Dystopia", ("Anti-utopia", "Dystopian novel")),
    "satire": ("Satire", ()),
}
EDGES = {
    "Nineteen Eighty-Four": ["george orwell", "dystopia"],
    "Brave New World": ["dystopia", "satire"],
    "Animal Farm": ["george orwell", "satire"],
    "We (novel)": ["dystopia"],
}


def fill(store: Store) -> None:
    books = [
        BookRow(title, {"redirects": redirects}, dict.fromkeys(EDGES[title], 1))
        for title, redirects in BOOKS.items()
    ]
    links = [
        LinkRow(name, title, "article", 0, redirects=redirects)
        for name, (title, redirects) in LINKS.items()
    ]
    load_graph(store, GraphRows(books, links))
    vectors = np.random.default_rng(0).normal(size=(len(BOOKS) + len(LINKS), 8))
    write_embeddings(
        store,
        EmbeddingRows(
            version="v1",
            book_titles=list(BOOKS),
            book_vectors=vectors[: len(BOOKS)].astype(np.float32),
            link_names=list(LINKS),
            link_vectors=vectors[len(BOOKS) :].astype(np.float32),
            properties={},
        ),
    )


@pytest.fixture(scope="module")
def counting(module_store: Store) -> CountingStore:
    fill(module_store)
    module_store.models.load(module_store)
    return CountingStore(module_store)


def ask(counting: CountingStore, query: str) -> Any:
    counting.statements.clear()
    app = build_app(counting)  # type: ignore[arg-type]  # the same methods
    answer = TestClient(app).post("/graphql", json={"query": query}).json()
    assert "errors" not in answer, answer["errors"]
    return answer["data"]


@pytest.mark.parametrize(
    ("asked", "title"),
    [
        ("1984 (novel)", "Nineteen Eighty-Four"),
        ("big brother BOOK", "Nineteen Eighty-Four"),
        ('the \\"Savage\\" book', "Brave New World"),
        ("Мы", "We (novel)"),
        ("Animal Farm", "Animal Farm"),
        ("animal_Farm", "Animal Farm"),
        ("BRAVE new world", "Brave New World"),
        (" we_(NOVEL) ", "We (novel)"),
        ("  Animal%20Farm\u200e ", "Animal Farm"),
        ("1984_(novel)", "Nineteen Eighty-Four"),
    ],
)
def test_a_book_is_found_by_any_of_its_names_in_one_statement(
    counting: CountingStore, asked: str, title: str
) -> None:
    data = ask(counting, f'{{ book(title: "{asked}") {{ title redirects numLinks }} }}')
    expected = {
        "title": title,
        "redirects": sorted(BOOKS[title]),
        "numLinks": len(EDGES[title]),
    }
    assert {**data["book"], "redirects": sorted(data["book"]["redirects"])} == expected
    assert len(counting.statements) == 1


def test_a_link_is_found_by_a_redirect_in_one_statement(counting: CountingStore) -> None:
    data = ask(counting, '{ link(name: "eric arthur BLAIR") { name redirects } }')
    assert data["link"] == {"name": "george orwell", "redirects": list(LINKS["george orwell"][1])}
    assert len(counting.statements) == 1
    for spelling in ("Satire", "Satire#Forms", ":satire_", "S%61tire"):
        data = ask(counting, f'{{ link(name: "{spelling}") {{ name redirects }} }}')
        assert data == {"link": {"name": "satire", "redirects": None}}
        assert len(counting.statements) == 1


@pytest.mark.parametrize(
    ("other", "canonical"),
    [
        (
            'similarBooks(like: ["1984 (novel)"], unlike: ["Animal Farm: A Fairy Story"])',
            'similarBooks(like: ["Nineteen Eighty-Four"], unlike: ["Animal Farm"])',
        ),
        ('similarBooks(likeLinks: ["Orwell"])', 'similarBooks(likeLinks: ["George Orwell"])'),
        ('similarBooks(like: ["animal_Farm"])', 'similarBooks(like: ["Animal Farm"])'),
        (
            'similarBooks(likeLinks: [":George_Orwell#Life"], exclude: ["brave_New World"])',
            'similarBooks(likeLinks: ["George Orwell"], exclude: ["Brave New World"])',
        ),
    ],
)
def test_near_to_a_redirect_is_near_to_its_page(
    counting: CountingStore, other: str, canonical: str
) -> None:
    wanted = " { edges { score node { title } why { link { name } } } }"
    found = ask(counting, "{ " + other + wanted + " }")
    # One statement finds the names that are no keys, and one reads the nodes.
    assert len(counting.statements) == 2
    assert found == ask(counting, "{ " + canonical + wanted + " }")
    titles = [edge["node"]["title"] for edge in found["similarBooks"]["edges"]]
    if "unlike:" in other:
        # What was given is not answered, under whichever title it was given.
        assert sorted(titles) == ["Brave New World", "We (novel)"]


def test_paths_and_comparisons_take_redirects(counting: CountingStore) -> None:
    data = ask(
        counting,
        '{ path(from: { book: "1984_(novel)" }, to: { link: ":Satire" }) { length } '
        'compare(a: "1984 (novel)", b: "Animal Farm: A Fairy Story") { numShared '
        "firstBook { title } secondBook { title } } }",
    )
    assert data["path"][0] == {"length": 3}
    assert data["compare"] == {
        "numShared": 1,
        "firstBook": {"title": "Nineteen Eighty-Four"},
        "secondBook": {"title": "Animal Farm"},
    }
    assert len(counting.statements) == 2


def test_a_path_from_a_page_to_itself_is_none(counting: CountingStore) -> None:
    query = (
        '{ path(from: { book: "1984 (novel)" }, to: { book: "Nineteen Eighty-Four" }) { length } }'
    )
    assert ask(counting, query) == {"path": []}


@pytest.mark.parametrize(
    ("text", "title", "redirect"),
    [
        ("1984", "Nineteen Eighty-Four", "1984 (novel)"),
        ("1984 (NOVEL)", "Nineteen Eighty-Four", "1984 (novel)"),
        ("bigg brother book", "Nineteen Eighty-Four", "Big Brother book"),
        ("мы", "We (novel)", "Мы"),
        ("nineteen eighty-four", "Nineteen Eighty-Four", None),
        ("we", "We (novel)", None),
        ("Animal_Farm", "Animal Farm", None),
        ("anti-utopia", "Dystopia", "Anti-utopia"),
    ],
)
def test_search_knows_redirects_and_says_by_which_it_found(
    counting: CountingStore, text: str, title: str, redirect: str | None
) -> None:
    data = ask(
        counting,
        f'{{ search(text: "{text}") {{ didYouMean hits {{ score redirect '
        "node { ... on Book { title } ... on Link { title } } } } }",
    )
    assert len(counting.statements) == 1
    best = data["search"]["hits"][0]
    assert (best["node"]["title"], best["redirect"]) == (title, redirect)
    assert 0.6 < best["score"] <= (1 if redirect is None else 0.98)
    is_its_title = best["score"] == 1
    assert data["search"]["didYouMean"] == (None if is_its_title else title)


def test_a_mistyped_redirect_is_answered_with_the_page(counting: CountingStore) -> None:
    query = '{ book(title: "Bigg Brother book") { title } }'
    app = build_app(counting)  # type: ignore[arg-type]  # the same methods
    (error,) = TestClient(app).post("/graphql", json={"query": query}).json()["errors"]
    assert error["extensions"]["nearest"] == ["Nineteen Eighty-Four"]


def test_an_index_of_an_earlier_version_is_replaced(store: Store) -> None:
    for name in ("book_title_text", "link_title_text"):
        store.run(f"DROP INDEX {name} IF EXISTS")  # type: ignore[arg-type]  # a constant
    store.run("CREATE FULLTEXT INDEX book_title_text FOR (n:Book) ON EACH [n.title]")
    fill(store)
    rows = store.run("SHOW FULLTEXT INDEXES YIELD name, properties RETURN name, properties")
    found = {row["name"]: row["properties"] for row in rows}
    assert found == {
        "book_title_text": ["title", "redirects"],
        "link_title_text": ["title", "redirects"],
    }
    counting = CountingStore(store)
    assert ask(counting, '{ book(title: "1984 (novel)") { title } }')
