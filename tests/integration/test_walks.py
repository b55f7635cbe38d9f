"""Walking lists page by page: each walk is the list, whole and in its order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from bookgraph.api import build_app
from bookgraph.embed.config import TrainConfig
from bookgraph.embed.pipeline import train_graph
from bookgraph.graph.query.nodes import BOOK_ORDERS, LINK_ORDERS
from bookgraph.graph.schema import BOOK
from bookgraph.graph.store import Store
from bookgraph.graph.vectors.models import read_table
from bookgraph.graph.write.edit import remove_book, save_book
from bookgraph.graph.write.wanted import BookEdit
from bookgraph.ingest.clean.options import CleaningOptions
from bookgraph.ingest.pipeline import ingest_files
from bookgraph.testing.serving import running_app

PAGE = "edges { cursor node { %s } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }"


@pytest.fixture(scope="module")
def real_store(
    module_store: Store, shared_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> Store:
    """1,411 real books, trained for two epochs."""
    ingest_files([shared_data / "books_p15.ndjson"], module_store, options=CleaningOptions())
    train_graph(
        module_store,
        TrainConfig(epochs=2, holdout_share=0),
        models_dir=tmp_path_factory.mktemp("models"),
    )
    return module_store


@pytest.fixture(scope="module")
def client(real_store: Store) -> Iterator[httpx.Client]:
    with running_app(build_app(real_store)) as site, httpx.Client(base_url=site) as client:
        yield client


def ask(client: httpx.Client, query: str, **variables: Any) -> dict[str, Any]:
    answer = client.post(
        "/graphql", json={"query": query, "variables": variables}, timeout=60
    ).json()
    assert "errors" not in answer, answer["errors"]
    data: dict[str, Any] = answer["data"]
    return data


def walk(
    client: httpx.Client,
    field: str,
    node: str,
    *,
    size: int,
    path: tuple[str, ...] = (),
    most: int | None = None,
    is_backward: bool = False,
    **variables: Any,
) -> list[dict[str, Any]]:
    """The nodes of a list in its order, read page by page.

    Args:
        client: of the API.
        field: the query up to the list, with `PAGING` among its arguments and `WHOLE` as selection.
        node: selection of each node.
        size: items of a page.
        path: keys from the data to the list.
        most: number of items after which to end.
        is_backward: whether to walk from the end to the beginning.
        **variables: of the query.
    """
    paging = "last: $size, before: $cursor" if is_backward else "first: $size, after: $cursor"
    query = field.replace("PAGING", paging).replace("WHOLE", PAGE % node)
    found: list[dict[str, Any]] = []
    cursor = None
    while True:
        value: Any = ask(client, query, size=size, cursor=cursor, **variables)
        for key in path:
            value = value[key]
        nodes = [edge["node"] for edge in value["edges"]]
        info = value["pageInfo"]
        found = nodes + found if is_backward else found + nodes
        side = "hasPreviousPage" if is_backward else "hasNextPage"
        assert value["edges"] or not info[side]
        if nodes:
            assert info["startCursor"] == value["edges"][0]["cursor"]
            assert info["endCursor"] == value["edges"][-1]["cursor"]
        if not info[side] or (most is not None and len(found) >= most):
            return found
        cursor = info["startCursor" if is_backward else "endCursor"]


def test_walks_from_two_hundred_books_equal_the_exact_order(
    client: httpx.Client, real_store: Store
) -> None:
    model = real_store.models.newest(real_store)
    table = read_table(real_store, BOOK, model.version)
    vectors = table.vectors.astype(np.float64)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    rows = np.random.default_rng(0).choice(len(table), 200, replace=False)
    root = (
        "query ($t: String!, $size: Int, $cursor: String) "
        "{ similarBooks(like: [$t], PAGING) { WHOLE } }"
    )
    nested = (
        "query ($t: String!, $size: Int, $cursor: String) "
        "{ book(title: $t) { similarBooks(PAGING) { WHOLE } } }"
    )
    for row in rows:
        title = table.keys[row]
        scores = (unit @ unit[row]).round(12)
        order = sorted((n for n in range(len(table)) if n != row), key=lambda n: (-scores[n], n))
        expected = [table.keys[n] for n in order[:60]]
        walks = [
            walk(client, query, "title", size=10, path=path, most=60, t=title)
            for query, path in (
                (root, ("similarBooks",)),
                (nested, ("book", "similarBooks")),
            )
        ]
        for found in walks:
            assert [node["title"] for node in found] == expected, title


@pytest.mark.parametrize("is_backward", [False, True])
@pytest.mark.parametrize(
    ("field", "path", "node"),
    [
        ("book(title: $t) { similarBooks(PAGING) { WHOLE } }", ("book", "similarBooks"), "title"),
        ("similarBooks(like: [$t], PAGING) { WHOLE }", ("similarBooks",), "title"),
        (
            "similarBooks(like: [$t], filter: { yearFrom: 1900 }, PAGING) { WHOLE }",
            ("similarBooks",),
            "title",
        ),
        ("book(title: $t) { links(PAGING) { WHOLE } }", ("book", "links"), "name"),
        ("book(title: $t) { externalLinks(PAGING) { WHOLE } }", ("book", "externalLinks"), "url"),
        ("book(title: $t) { relatedBooks(PAGING) { WHOLE } }", ("book", "relatedBooks"), "title"),
        (
            "book(title: $t) { predictedLinks(PAGING) { WHOLE } }",
            ("book", "predictedLinks"),
            "name",
        ),
    ],
)
def test_every_list_walks_the_same_in_pages_of_any_size(
    client: httpx.Client,
    real_store: Store,
    field: str,
    path: tuple[str, ...],
    node: str,
    is_backward: bool,
) -> None:
    title = real_store.read(
        "MATCH (b:Book) WHERE b.embedding IS NOT NULL "
        "RETURN b.title AS title ORDER BY COUNT { (b)-[:CITES]->() } DESC LIMIT 1"
    )[0]["title"]
    query = "query ($t: String!, $size: Int, $cursor: String) { " + field + " }"
    most = 300
    whole = walk(
        client, query, node, size=100, path=path, most=most, is_backward=is_backward, t=title
    )
    assert len(whole) > 5
    keys = [one[node] for one in whole]
    assert len({*keys}) == len(keys)
    part = walk(
        client, query, node, size=13, path=path, most=most, is_backward=is_backward, t=title
    )
    num = min(len(part), len(whole))
    ends = (part[-num:], whole[-num:]) if is_backward else (part[:num], whole[:num])
    assert ends[0] == ends[1]


@pytest.mark.parametrize("order", [one.name.upper() for one in BOOK_ORDERS])
def test_books_walk_in_every_order_and_both_ways(client: httpx.Client, order: str) -> None:
    query = (
        "query ($size: Int, $cursor: String) { books(orderBy: " + order + ", PAGING) { WHOLE } }"
    )
    forward = walk(client, query, "title", size=97, path=("books",))
    titles = [one["title"] for one in forward]
    total = ask(client, "{ stats { numBooks } }")["stats"]["numBooks"]
    assert len(titles) == len({*titles}) == total
    assert walk(client, query, "title", size=89, path=("books",), is_backward=True) == forward


def test_the_server_accepts_each_cursor_that_it_gave(client: httpx.Client) -> None:
    """More than 10,100 links, in each of their orders."""
    total = ask(client, "{ stats { numLinks } }")["stats"]["numLinks"]
    orders = [one.name.upper() for one in LINK_ORDERS]
    if total < 10_200:
        orders = orders[:1]
    for order in orders:
        query = (
            "query ($size: Int, $cursor: String) { links(orderBy: "
            + order
            + ", PAGING) { WHOLE } }"
        )
        names = [one["name"] for one in walk(client, query, "name", size=100, path=("links",))]
        assert len(names) == len({*names}) == total


def test_a_save_or_a_removal_between_two_pages_shifts_nothing(
    client: httpx.Client, real_store: Store
) -> None:
    query = (
        "query ($a: String) "
        "{ books(first: 5, after: $a) { nodes { title } pageInfo { endCursor } } }"
    )
    first = ask(client, query)["books"]
    second = ask(client, query, a=first["pageInfo"]["endCursor"])["books"]["nodes"]
    save_book(real_store, BookEdit("!!! A book in front of all", ["Novel"]))
    try:
        assert ask(client, query, a=first["pageInfo"]["endCursor"])["books"]["nodes"] == second
        assert ask(client, query)["books"]["nodes"][0]["title"].startswith("!!!")
    finally:
        remove_book(real_store, "!!! A book in front of all")
    assert ask(client, query, a=first["pageInfo"]["endCursor"])["books"]["nodes"] == second


def test_a_walk_goes_on_with_its_model_after_a_training(
    client: httpx.Client, real_store: Store, tmp_path: Path
) -> None:
    query = (
        'query ($a: String) { similarBooks(like: ["An Infamous Army"], first: 5, after: $a) '
        "{ modelVersion nodes { title } pageInfo { endCursor } } }"
    )
    first = ask(client, query)["similarBooks"]
    cursor = first["pageInfo"]["endCursor"]
    second = ask(client, query, a=cursor)["similarBooks"]
    for seed in (1, 2):
        train_graph(
            real_store, TrainConfig(epochs=1, holdout_share=0, seed=seed), models_dir=tmp_path
        )
        if seed == 1:
            assert ask(client, query, a=cursor)["similarBooks"] == second
    real_store.models.forget()
    answer = client.post("/graphql", json={"query": query, "variables": {"a": cursor}}).json()
    (error,) = answer["errors"]
    assert f"does not hold the model {first['modelVersion']!r}" in error["message"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("first: 3, last: 3", "first and last are both given"),
        ("last: 101", "last: 101 is out of bounds"),
        ("last: -1", "last: -1 is out of bounds"),
        ('after: "YXJyYXljb25uZWN0aW9uOjQ="', "after: 'YXJyYXljb25uZWN0aW9uOjQ=' is not a cursor"),
        ('before: "x"', "before: 'x' is not a cursor"),
        ('after: "W10="', "is not a cursor"),
        ('after: "WyJ5ZWFyIixudWxsLDE5MDAsIngiXQ=="', "of another list"),
        ('after: "WyJ0aXRsZSIsbnVsbCwxLDJd"', "of another list"),
    ],
)
def test_wrong_pages_are_refused(client: httpx.Client, arguments: str, says: str) -> None:
    answer = client.post(
        "/graphql", json={"query": "{ books(" + arguments + ") { nodes { title } } }"}
    ).json()
    (error,) = answer["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert says in error["message"]


def test_a_cursor_of_a_similarity_list_fits_no_other_list(client: httpx.Client) -> None:
    found = ask(
        client,
        '{ similarBooks(like: ["An Infamous Army"], first: 1) { pageInfo { endCursor } } '
        'book(title: "An Infamous Army") { predictedLinks(first: 1) { pageInfo { endCursor } } } }',
    )
    cursor = found["book"]["predictedLinks"]["pageInfo"]["endCursor"]
    query = (
        'query ($a: String) { similarBooks(like: ["An Infamous Army"], after: $a) '
        "{ nodes { title } } }"
    )
    answer = client.post("/graphql", json={"query": query, "variables": {"a": cursor}}).json()
    assert "of another list" in answer["errors"][0]["message"]
