"""Many clients write at once: counts, links and answers are those of some order of the edits."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bookgraph.core.errors import BookNotFoundError
from bookgraph.core.types import BookRow, LinkRow
from bookgraph.graph.store import Store
from bookgraph.graph.write.edit import EditReport, remove_book, save_book, save_books
from bookgraph.graph.write.load import GraphRows, load_graph
from bookgraph.graph.write.wanted import BookEdit
from bookgraph.testing.recount import wrong_counts

NUM_WRITERS = 8
TITLES = ("Alpha", "Beta", "Gamma")
T = TypeVar("T")
Wish = tuple[str, list[str] | None]
"""A book, and its links; None removes the book."""


@pytest.fixture
def loaded(store: Store) -> Store:
    """A graph of one book that no test changes."""
    book = BookRow("Base", {}, {"one": 1}, {"http://cited.org": 1})
    load_graph(store, GraphRows([book], [LinkRow("one", "One", "article", 1)]))
    return store


def run_at_once(works: Sequence[Callable[[], T]]) -> list[T]:
    """The results of all, started together in threads of their own."""
    start = threading.Barrier(len(works))

    def run(work: Callable[[], T]) -> T:
        start.wait(30)
        return work()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))


def links_of(store: Store, title: str) -> list[str] | None:
    rows = store.read(
        "MATCH (b:Book {title: $t}) RETURN COLLECT { MATCH (b)-[:LINKS_TO]->(l) "
        "RETURN l.name AS name ORDER BY name } AS names",
        t=title,
    )
    return rows[0]["names"] if rows else None


def test_of_eight_saves_of_a_new_book_one_adds_it(loaded: Store) -> None:
    for turn in range(3):
        title = f"New {turn}"

        def save(title: str = title) -> EditReport:
            return save_book(loaded, BookEdit(title, ["One", "Only in it"]))

        reports = run_at_once([save] * NUM_WRITERS)
        assert [report.is_new for report in reports].count(True) == 1
        assert links_of(loaded, title) == ["one", "only in it"]
        assert wrong_counts(loaded) == []


def test_of_eight_removals_of_a_book_one_removes_it(loaded: Store) -> None:
    save_book(loaded, BookEdit("Gone", ["One", "Only in it"]))

    def remove() -> str:
        try:
            return remove_book(loaded, "gone")
        except BookNotFoundError:
            return ""

    assert Counter(run_at_once([remove] * NUM_WRITERS)) == {"": NUM_WRITERS - 1, "Gone": 1}
    assert wrong_counts(loaded) == []


def test_saves_of_several_books_in_different_orders_do_not_fail(loaded: Store) -> None:
    def save(order: int) -> list[bool]:
        titles = TITLES[::order]
        edits = [BookEdit(title, ["One", title, f"Of {order}"]) for title in titles]
        reports = save_books(loaded, edits)
        return [isinstance(report, EditReport) and report.is_new for report in reports]

    works = [partial(save, order) for order in (1, -1) * (NUM_WRITERS // 2)]
    assert sum(map(sum, run_at_once(works))) == len(TITLES)
    assert wrong_counts(loaded) == []


# One writer's edits, one after the other.
edits = st.lists(
    st.tuples(
        st.sampled_from(TITLES),
        st.none() | st.lists(st.sampled_from(["One", "two", "Three", "Base"]), max_size=3),
    ),
    min_size=1,
    max_size=4,
)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(writers=st.lists(edits, min_size=2, max_size=4))
def test_any_interleaving_leaves_the_graph_of_some_order(
    loaded: Store, writers: list[list[Wish]]
) -> None:
    for title in TITLES:
        if links_of(loaded, title) is not None:
            remove_book(loaded, title)
    loaded.run("MATCH (e:Edit) DELETE e")

    def write(one: list[Wish]) -> Counter[tuple[str, str]]:
        done: Counter[tuple[str, str]] = Counter()
        for title, links in one:
            if links is not None:
                done["new", title] += save_book(loaded, BookEdit(title, links)).is_new
                continue
            try:
                done["removed", remove_book(loaded, title)] += 1
            except BookNotFoundError:
                continue
        return done

    done = sum(run_at_once([partial(write, one) for one in writers]), Counter())
    assert wrong_counts(loaded) == []
    for title in TITLES:
        links = links_of(loaded, title)
        # Each removal is of a book that a save added.
        assert done["new", title] - done["removed", title] == (links is not None)
        wanted = [
            sorted({*map(str.lower, given)})
            for one in writers
            for saved, given in one
            if saved == title and given is not None
        ]
        assert links is None or links in wanted
    log = loaded.read("MATCH (e:Edit) RETURN e.kind AS kind, e.title AS title ORDER BY e.number")
    for title in TITLES:
        kinds = [row["kind"] for row in log if row["title"] == title]
        assert kinds.count("REMOVED") == done["removed", title]
        assert not kinds or (kinds[-1] == "SAVED") == (links_of(loaded, title) is not None)


@pytest.mark.parametrize("turn", range(3))
def test_edits_during_a_load_leave_right_counts(loaded: Store, turn: int) -> None:
    names = [f"link {place}" for place in range(300)]
    links = [LinkRow(name, name, "article", 1) for name in ["one", *names]]
    large = [BookRow(f"Large {place}", {}, dict.fromkeys(names, 1)) for place in range(100)]
    books = [BookRow("Base", {}, {"one": 1}), *large]
    save_books(loaded, [BookEdit(f"Book {place}", [f"Link {place}"]) for place in range(40)])

    def load() -> None:
        load_graph(loaded, GraphRows(books, links), keep_others=True)

    def edit() -> None:
        # Without the load, each of these links has no other book.
        for place in range(40):
            remove_book(loaded, f"Book {place}")
            save_book(loaded, BookEdit(f"Own {turn}", [f"Own {place}", f"Link {place}"]))

    run_at_once([load, edit])
    assert wrong_counts(loaded) == []
    assert links_of(loaded, "Large 99") == sorted(names)
    assert links_of(loaded, f"Own {turn}") == ["link 39", "own 39"]


def test_after_an_interrupted_load_the_next_one_deletes_links_that_nothing_uses(
    loaded: Store,
) -> None:
    loaded.run("MATCH (d:Dataset) SET d.is_complete = false")
    save_book(loaded, BookEdit("Brief", ["Brief"]))
    remove_book(loaded, "Brief")
    assert wrong_counts(loaded) == ["brief"]
    book = BookRow("Base", {}, {"one": 1}, {"http://cited.org": 1})
    load_graph(loaded, GraphRows([book], [LinkRow("one", "One", "article", 1)]))
    assert wrong_counts(loaded) == []
