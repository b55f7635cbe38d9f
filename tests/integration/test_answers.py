"""Queries on the real sample, compared with results computed in numpy and in Python."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bookgraph.core.errors import (
    BookNotFoundError,
    LinkNotFoundError,
    QueryTimeoutError,
    UsageError,
)
from bookgraph.graph.query import nodes as answers
from bookgraph.graph.query import overview
from bookgraph.graph.query.filters import BookFilter, LinkFilter
from bookgraph.graph.query.paths import End, compare_books, find_paths
from bookgraph.graph.query.search import search
from bookgraph.graph.query.selection import NodeList, Page, Position, Selection, select
from bookgraph.graph.query.similar import SimilarityRequest, similar_books, similar_links
from bookgraph.graph.read.model import read_model
from bookgraph.graph.schema import BOOK, LINK
from bookgraph.graph.store import Store


@dataclass(frozen=True)
class Books:
    """The whole sample in memory."""

    rows: dict[str, dict[str, Any]]
    unit: dict[str, NDArray[np.float64]]
    links: dict[str, set[str]]
    link_unit: dict[str, NDArray[np.float64]]
    num_books_of: dict[str, int]


@pytest.fixture(scope="module")
def books(sample_store: Store) -> Books:
    rows = {
        row["n"]["title"]: row["n"]
        for row in sample_store.read(
            "MATCH (n:Book) RETURN n {.*, links: COLLECT { MATCH (n)-[:LINKS_TO]->(l) "
            "RETURN l.name }} AS n"
        )
    }
    links = sample_store.read(
        "MATCH (n:Link) RETURN n.name AS name, n.embedding AS v, n.num_books AS num"
    )
    return Books(
        rows=rows,
        unit={title: unit(row["embedding"]) for title, row in rows.items()},
        links={title: set(row["links"]) for title, row in rows.items()},
        link_unit={row["name"]: unit(row["v"]) for row in links},
        num_books_of={row["name"]: row["num"] for row in links},
    )


def unit(vector: list[float]) -> NDArray[np.float64]:
    array = np.array(vector)
    return array / np.linalg.norm(array)


def expected(
    vectors: dict[str, NDArray[np.float64]], centre: NDArray[np.float64], names: list[str], k: int
) -> list[tuple[str, float]]:
    direction = centre / np.linalg.norm(centre)
    scored = [(name, float(vectors[name] @ direction)) for name in names]
    return sorted(scored, key=lambda one: (-one[1], one[0]))[:k]


def check(found: NodeList, wanted: list[tuple[str, float]], key: str = "title") -> None:
    assert [item["node"][key] for item in found.items] == [name for name, _ in wanted]
    np.testing.assert_allclose(
        [item["score"] for item in found.items], [score for _, score in wanted], atol=2e-5
    )


FILTERS: list[tuple[BookFilter, Any]] = [
    (BookFilter(year_from=1800, year_to=1900), lambda b: 1800 <= b.get("year", -9999) <= 1900),
    (BookFilter(genre=["Novel"]), lambda b: "Novel" in b["genres"]),
    # One that few match, so that a search would have to look at nearly everything.
    (BookFilter(author=["Homer", "Virgil"]), lambda b: {*b["authors"]} & {"Homer", "Virgil"}),
    (
        BookFilter(language=["French"], none_of=(BookFilter(genre=["Novel"]),)),
        lambda b: "French" in b["languages"] and "Novel" not in b["genres"],
    ),
    (
        BookFilter(any_of=(BookFilter(year_to=0), BookFilter(country=["Japan"]))),
        lambda b: b.get("year", 1) <= 0 or "Japan" in b["countries"],
    ),
    (
        BookFilter(year_from=1900, all_of=(BookFilter(num_links_from=22),)),
        lambda b: b.get("year", 0) >= 1900 and b["num_links"] >= 22,
    ),
    (BookFilter(none_of=(BookFilter(year_from=1850),)), lambda b: not b.get("year", 0) >= 1850),
    (
        BookFilter(num_links_to=18, year_from=1900),
        lambda b: b["num_links"] <= 18 and _year(b) >= 1900,
    ),
    # An empty filter holds for every book.
    (
        BookFilter(genre=["Novel"], any_of=(BookFilter(), BookFilter(year_to=1))),
        lambda b: "Novel" in b["genres"],
    ),
]


def _year(book: dict[str, Any]) -> float:
    return float(book.get("year", -math.inf))


def test_what_an_empty_filter_holds_for_and_what_not(sample_store: Store, books: Books) -> None:
    nothing = BookFilter(none_of=(BookFilter(),))
    assert answers.list_books(sample_store, Page(1), (), where=nothing).total == 0
    everything = BookFilter(any_of=(BookFilter(),))
    assert answers.list_books(sample_store, Page(1), (), where=everything).total == len(books.rows)


def test_link_filters(sample_store: Store, books: Books) -> None:
    where = LinkFilter(kind=["article", "file"], num_books_from=4, num_books_to=9)
    found = answers.list_links(sample_store, Page(100), select("kind", "num_books"), where=where)
    wanted = {name: num for name, num in books.num_books_of.items() if 4 <= num <= 9}
    nodes = [one["node"] for one in found.items]
    assert {node["kind"] for node in nodes} <= {"article", "file"}
    assert all(4 <= node["num_books"] <= 9 for node in nodes)
    others = LinkFilter(num_books_from=4, num_books_to=9, none_of=(where,))
    rest = answers.list_links(sample_store, Page(1), (), where=others).total
    assert (found.total or 0) + (rest or 0) == len(wanted)


def test_every_property_comes_as_it_is_stored(sample_store: Store, books: Books) -> None:
    names = tuple(BOOK.stored("answer"))
    node = answers.find_book(sample_store, "Dracula", select(*names))
    assert node == {name: books.rows["Dracula"].get(name) for name in names}
    link = answers.find_link(sample_store, "vampire", select(*LINK.stored("answer")))
    assert (link["name"], link["num_books"]) == ("vampire", books.num_books_of["vampire"])


def nested(depth: int) -> Selection:
    """Similar books of similar books, with reasons at each depth."""
    inner = (nested(depth - 1),) if depth else ()
    return Selection(
        "s", "similar_books", Page(2), edge=(why_of(2),), node=(*select("title"), *inner)
    )


def test_a_nested_search_does_not_mix_with_the_one_around_it(
    sample_store: Store, books: Books
) -> None:
    def check_level(title: str, value: dict[str, Any], depth: int) -> None:
        others = [name for name in books.rows if name != title]
        wanted = [name for name, _ in expected(books.unit, books.unit[title], others, 2)]
        assert [one["node"]["title"] for one in value["items"]] == wanted
        for one in value["items"]:
            shared = books.links[title] & books.links[one["node"]["title"]]
            assert {reason["link"]["name"] for reason in one["why"]} <= shared
            if depth:
                check_level(one["node"]["title"], one["node"]["s"], depth - 1)

    node = answers.find_book(sample_store, "Dracula", (nested(2),))
    check_level("Dracula", node["s"], 2)


def test_two_parts_of_one_list_stand_side_by_side(sample_store: Store, books: Books) -> None:
    begin, end = (
        Selection(key, "links", Page(3, is_backward=key == "end"), node=select("name"))
        for key in ("begin", "end")
    )
    node = answers.find_book(sample_store, "Dracula", (begin, end))
    names = [one["node"]["name"] for key in ("begin", "end") for one in node[key]["items"][:3]]
    assert len({*names}) == 6
    assert {*names} <= books.links["Dracula"]
    assert node["begin"]["total"] == node["end"]["total"] == len(books.links["Dracula"])


def test_books_are_listed_in_every_order(sample_store: Store, books: Books) -> None:
    for order in answers.BOOK_ORDERS:
        name = order.name.removesuffix("_descending")
        selected = select("title", name) if name != "title" else select("title")
        found = answers.list_books(sample_store, Page(100), selected, order=order.name)
        values = [one["node"][name] for one in found.items]
        known = [value for value in values if value is not None]
        # Books without the value come last.
        assert values[: len(known)] == known
        assert known == sorted(known, reverse=order.name.endswith("descending"))
        assert found.total == len(books.rows)


def test_a_search_for_one_kind_finds_only_that(sample_store: Store) -> None:
    found = search(sample_store, "vampire", first=20, book=None, link=select("name"))
    assert {one["label"] for one in found.items} == {"Link"}
    both = search(sample_store, "vampire", first=20, book=select("title"), link=select("name"))
    assert {one["label"] for one in both.items} == {"Book", "Link"}


@pytest.mark.parametrize(("where", "holds"), FILTERS)
def test_a_filtered_search_fills_its_page_with_the_nearest(
    sample_store: Store, books: Books, where: BookFilter, holds: Any
) -> None:
    matching = [title for title, row in books.rows.items() if holds(row) and title != "Dune"]
    assert 0 < len(matching) < len(books.rows) - 1
    found = similar_books(sample_store, SimilarityRequest(like=["Dune"], where=where), Page(12))
    check(found, expected(books.unit, books.unit["Dune"], matching, 12))
    listed = answers.list_books(sample_store, Page(100), select("title"), where=where)
    everything = [title for title, row in books.rows.items() if holds(row)]
    assert listed.total == len(everything)
    assert {one["node"]["title"] for one in listed.items} <= {*everything}


def test_pages_of_a_filtered_search_continue_each_other(sample_store: Store, books: Books) -> None:
    request = SimilarityRequest(like=["Dune"], where=BookFilter(genre=["Fantasy"]))
    matching = [
        title for title, row in books.rows.items() if "Fantasy" in row["genres"] and title != "Dune"
    ]
    found: list[str] = []
    after = None
    while True:
        part = similar_books(sample_store, request, Page(20, after))
        found += [item["node"]["title"] for item in part.items]
        if not part.has_more:
            break
        after = Position(part.order, tuple(part.items[-1]["at"]), part.version)
    everything = expected(books.unit, books.unit["Dune"], matching, 10_000)
    assert found == [name for name, _ in everything]


def test_unlike_turns_the_direction_away(sample_store: Store, books: Books) -> None:
    like, unlike = ["War and Peace", "Emma"], ["Anna Karenina", "Dune"]
    centre = sum(books.unit[t] for t in like) / 2 - 0.5 * sum(books.unit[t] for t in unlike) / 2
    names = [title for title in books.rows if title not in {*like, *unlike}]
    found = similar_books(sample_store, SimilarityRequest(like=like, unlike=unlike), Page(10))
    check(found, expected(books.unit, centre, names, 10))


def test_same_authors_exclusions_and_least_score(sample_store: Store, books: Books) -> None:
    author = {*books.rows["Dune"]["authors"]}
    nearest = expected(
        books.unit,
        books.unit["Dune"],
        [t for t, row in books.rows.items() if not {*row["authors"]} & author],
        20,
    )
    # Between two neighbours, however near they are to each other.
    excluded, least = nearest[0][0], (nearest[5][1] + nearest[6][1]) / 2
    request = SimilarityRequest(
        like=["Dune"], exclude=[excluded], min_score=least, is_author_excluded=True
    )
    found = similar_books(sample_store, request, Page(20))
    check(found, nearest[1:6])
    assert not found.has_more


def test_books_near_a_link_and_links_near_a_book(sample_store: Store, books: Books) -> None:
    near_link = similar_books(sample_store, SimilarityRequest(like_others=[" Vampire "]), Page(8))
    check(near_link, expected(books.unit, books.link_unit["vampire"], list(books.rows), 8))
    rare = [name for name, num in books.num_books_of.items() if num <= 10]
    request = SimilarityRequest(like_others=["Dracula"], where=LinkFilter(num_books_to=10))
    near_book = similar_links(sample_store, request, Page(8))
    check(near_book, expected(books.link_unit, books.unit["Dracula"], rare, 8), "name")


def why_of(num: int) -> Selection:
    return Selection(
        "why", "why", Page(num), node=(Selection("link", "link", node=select("name")),)
    )


def test_why_is_what_they_share_weighted_by_rarity(sample_store: Store, books: Books) -> None:
    liked = ["Dune", "Foundation"]
    found = similar_books(sample_store, SimilarityRequest(like=liked), Page(5), edge=(why_of(100),))
    for item in found.items:
        own = books.links[item["node"]["title"]]
        weights = {
            name: times * math.log(len(books.rows) / books.num_books_of[name])
            for name in own
            if (times := sum(name in books.links[title] for title in liked))
        }
        given = {one["link"]["name"]: one["score"] for one in item["why"]}
        assert given == pytest.approx(weights)
        assert list(given.values()) == sorted(given.values(), reverse=True)


def test_why_a_book_is_near_a_link_may_be_the_link_itself(sample_store: Store) -> None:
    request = SimilarityRequest(like_others=["vampire"])
    found = similar_books(sample_store, request, Page(1), edge=(why_of(5),))
    assert [one["link"]["name"] for one in found.items[0]["why"]] == ["vampire"]


def test_related_books_sum_what_they_share(sample_store: Store, books: Books) -> None:
    wanted = Selection("r", "related_books", Page(5), node=select("title"))
    found = answers.find_book(sample_store, "Dracula", (wanted,))["r"]["items"][:5]
    own = books.links["Dracula"]
    weights = {
        title: sum(math.log(len(books.rows) / books.num_books_of[name]) for name in own & links)
        for title, links in books.links.items()
        if title != "Dracula"
    }
    best = sorted(weights, key=lambda title: (-weights[title], title))[:5]
    assert [one["node"]["title"] for one in found] == best
    assert [one["score"] for one in found] == pytest.approx([weights[title] for title in best])


def test_predicted_links_are_those_that_the_page_lacks(sample_store: Store, books: Books) -> None:
    wanted = Selection("p", "predicted_links", Page(20), node=select("name", "embedding"))
    found = answers.find_book(sample_store, "Dracula", (wanted,))["p"]["items"]
    assert len(found) == 20
    vector = np.array(books.rows["Dracula"]["embedding"])
    for one in found:
        assert one["node"]["name"] not in books.links["Dracula"]
        assert one["score"] == pytest.approx(float(vector @ np.array(one["node"]["embedding"])))
    scores = [one["score"] for one in found]
    assert scores == sorted(scores, reverse=True)


def test_no_page_is_predicted_to_link_to_itself(sample_store: Store) -> None:
    wanted = Selection("p", "predicted_links", Page(50), node=select("name"))
    found = answers.find_book(sample_store, "War and Peace", (wanted,))["p"]["items"]
    assert "war and peace" not in {one["node"]["name"] for one in found}
    back = Selection("p", "predicted_books", Page(50), node=select("title"))
    found = answers.find_link(sample_store, "war and peace", (back,))["p"]["items"]
    assert "War and Peace" not in {one["node"]["title"] for one in found}


def test_predicted_books_are_those_that_lack_the_link(sample_store: Store, books: Books) -> None:
    wanted = Selection("p", "predicted_books", Page(20), node=select("title"))
    found = answers.find_link(sample_store, "leo tolstoy", (*select("embedding"), wanted))
    vector = np.array(found["embedding"])
    scores = {one["node"]["title"]: one["score"] for one in found["p"]["items"]}
    assert len(scores) == 20
    lacking = [title for title, links in books.links.items() if "leo tolstoy" not in links]
    products = {
        title: float(vector @ np.array(books.rows[title]["embedding"])) for title in lacking
    }
    best = sorted(products, key=lambda title: -products[title])[:20]
    assert [*scores] == best
    assert list(scores.values()) == pytest.approx([products[title] for title in scores], abs=1e-5)


def test_paths_are_the_shortest_and_follow_existing_edges(
    sample_store: Store, books: Books
) -> None:
    ends = (End(BOOK, "Dracula"), End(LINK, "Leo Tolstoy"))
    chains = find_paths(sample_store, ends, first=5, book=select("title"), link=select("name"))
    assert len(chains) == 5
    for chain in chains:
        assert chain[0]["node"] == {"title": "Dracula"}
        assert chain[-1]["node"] == {"name": "leo tolstoy"}
        assert [one["label"] for one in chain] == ["Book", "Link"] * (len(chain) // 2)
        for one, other in pairwise(chain):
            book, link = (one, other) if one["label"] == "Book" else (other, one)
            assert link["node"]["name"] in books.links[book["node"]["title"]]
    # Shorter would be a book of Dracula's own links that mentions him.
    shared = [t for t, links in books.links.items() if "leo tolstoy" in links]
    assert "leo tolstoy" not in books.links["Dracula"]
    is_two_away = any(books.links[title] & books.links["Dracula"] for title in shared)
    assert is_two_away
    assert {len(chain) - 1 for chain in chains} == {3}


def test_a_missing_end_is_named(sample_store: Store) -> None:
    with pytest.raises(BookNotFoundError, match="'Dracula'"):
        find_paths(
            sample_store,
            (End(BOOK, "Dracla"), End(LINK, "love")),
            first=1,
            book=(),
            link=(),
        )
    with pytest.raises(LinkNotFoundError):
        find_paths(
            sample_store,
            (End(BOOK, "Dracula"), End(LINK, "no such thing")),
            first=1,
            book=(),
            link=(),
        )


def test_two_books_side_by_side(sample_store: Store, books: Books) -> None:
    found = compare_books(
        sample_store, ("Dracula", "Carmilla"), first=100, book=select("title"), link=select("name")
    )
    first, second = books.links["Dracula"], books.links["Carmilla"]
    assert [node["title"] for node in found.nodes] == ["Dracula", "Carmilla"]
    assert found.score == pytest.approx(
        float(books.unit["Dracula"] @ books.unit["Carmilla"]), abs=1e-5
    )
    assert {one["link"]["name"] for one in found.shared} == first & second
    assert {one["link"]["name"] for one in found.only[0]} == first - second
    assert {one["link"]["name"] for one in found.only[1]} == second - first
    assert found.num_shared == len(first & second)
    assert found.jaccard == pytest.approx(len(first & second) / len(first | second))
    with pytest.raises(BookNotFoundError):
        compare_books(sample_store, ("Dracula", "Carmila"), first=1, book=(), link=())


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("War and Peace", "War and Peace"),
        ("war and peace", "War and Peace"),
        ("les miserables", "Les Misérables"),
        ("Les Miserables (novel)", "Les Misérables"),
        ("anna karenena", "Anna Karenina"),
        ("hobit", "The Hobbit"),
        ("crime punishment", "Crime and Punishment"),
        ("war and pea", "War and Peace"),
        ("fahrenheit", "Fahrenheit 451"),
        ("childhood tolstoy", "Childhood (Tolstoy novel)"),
    ],
)
def test_search_tolerates_typos_and_missing_accents(
    sample_store: Store, text: str, title: str
) -> None:
    found = search(sample_store, text, first=3, book=select("title"), link=None)
    assert found.items[0]["node"]["title"] == title
    scores = [one["score"] for one in found.items]
    assert scores == sorted(scores, reverse=True)
    assert found.did_you_mean == (None if scores[0] == 1 else title)


@pytest.mark.parametrize("text", ["qqqxyz", '"', "AND OR NOT", "* ~ ^ : /", "(", "\\", "a" * 300])
def test_search_accepts_any_text(sample_store: Store, text: str) -> None:
    found = search(sample_store, text, first=5, book=select("title"), link=select("name"))
    assert all(0 < one["score"] <= 1 for one in found.items)


def test_facets_count_every_value(sample_store: Store, books: Books) -> None:
    genres = [genre for row in books.rows.values() for genre in {*row["genres"]}]
    found = overview.count_facets(sample_store, "genre", first=5)
    assert found.num_values == len({*genres})
    assert all(genres.count(value) == count for value, count in found.values)
    counts = [count for _, count in found.values]
    assert counts == sorted(counts, reverse=True)
    decades = overview.count_facets(sample_store, "decade", first=500)
    years = [row["year"] // 10 * 10 for row in books.rows.values() if "year" in row]
    assert dict(decades.values) == {str(decade): years.count(decade) for decade in {*years}}
    assert decades.num_missing == len(books.rows) - len(years)


def test_stats_and_model(sample_store: Store, books: Books) -> None:
    stats = overview.read_stats(sample_store)
    assert stats["num_books"] == stats["num_placed_books"] == len(books.rows)
    assert stats["num_edges"] == sum(len(links) for links in books.links.values())
    assert read_model(sample_store)["dim"] == 50


def test_links_are_listed_in_every_order(sample_store: Store, books: Books) -> None:
    for order in (one.name for one in answers.LINK_ORDERS):
        found = answers.list_links(sample_store, Page(50), select("name", "num_books"), order=order)
        counts = [one["node"]["num_books"] for one in found.items]
        if order != "name":
            assert counts == sorted(counts, reverse=order.endswith("descending"))
    assert found.total == len(books.num_books_of)


def test_neo4j_stops_a_query_at_its_timeout(sample_store: Store) -> None:
    with pytest.raises(QueryTimeoutError, match="took too long"):
        sample_store.with_timeout(0.3).read(
            "UNWIND range(1, 1000) AS a UNWIND range(1, 100000) AS b RETURN sum(sin(a * b)) AS s"
        )
    rows = sample_store.read("SHOW TRANSACTIONS YIELD currentQuery RETURN currentQuery AS q")
    assert not any("sin(a * b)" in row["q"] and "SHOW" not in row["q"] for row in rows)


def test_a_request_without_a_liked_node_is_refused(sample_store: Store) -> None:
    with pytest.raises(UsageError):
        similar_books(sample_store, SimilarityRequest(), Page(1))
