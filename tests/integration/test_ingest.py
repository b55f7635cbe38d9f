"""Ingest against a real Neo4j: what is in the graph afterwards, compared as whole sets."""

from __future__ import annotations

import json
import random
import threading
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bookgraph.core.errors import BookgraphError, ForeignDataError, InputError
from bookgraph.core.names import book_title
from bookgraph.core.progress import Progress
from bookgraph.core.types import BookRecord, BookRow, LinkRow
from bookgraph.graph.connection import connect
from bookgraph.graph.store import Store
from bookgraph.graph.write import load
from bookgraph.graph.write.load import GraphRows, load_graph
from bookgraph.ingest import CleaningOptions, clean_books, ingest_files, iter_records

Graph = dict[str, set[tuple[Any, ...]]]


def read_graph(store: Store) -> Graph:
    """Every node and edge that a load makes, with all of their properties."""
    statements = {
        "books": "MATCH (n:Book) RETURN n.title, properties(n)",
        "links": "MATCH (n:Link) RETURN n.name, properties(n)",
        "urls": "MATCH (n:ExternalLink) RETURN n.url, properties(n)",
        "mentions": "MATCH (b:Book)-[e:LINKS_TO]->(l:Link) RETURN b.title, l.name, e.count",
        "cites": "MATCH (b:Book)-[e:CITES]->(l:ExternalLink) RETURN b.title, l.url, e.count",
        "refers": "MATCH (l:Link)-[:REFERS_TO]->(b:Book) RETURN l.name, b.title",
    }
    graph: Graph = {}
    for name, statement in statements.items():
        rows = [tuple(map(_freeze, row)) for row in store.read_all(statement)]
        graph[name] = set(rows)
        assert len(graph[name]) == len(rows), f"two equal {name}"
    return graph


def _freeze(value: object) -> object:
    return json.dumps(value, sort_keys=True) if isinstance(value, dict) else value


def write_records(path: Path, records: list[BookRecord]) -> Path:
    """Write records as NDJSON."""
    lines = [
        json.dumps(
            [
                *(record.title, record.infobox, record.wikilinks, record.external_links),
                *(record.edited_at, record.length),
            ]
        )
        for record in records
    ]
    path.write_text("\n".join(lines) + "\n")
    return path


def record(title: str, *wikilinks: str, urls: tuple[str, ...] = (), **infobox: str) -> BookRecord:
    """A record of which only this matters."""
    return BookRecord(title, infobox, wikilinks, urls, edited_at="2018", length=3)


def _count(store: Store) -> tuple[int, ...]:
    (row,) = store.read(
        """
        MATCH (b:Book) WITH count(b) AS books, count(CASE WHEN b.num_links > 0 THEN 1 END) AS full
        MATCH (l:Link) WITH books, full, count(l) AS links
        MATCH (:Book)-[e:LINKS_TO]->(:Link)
        RETURN books, links, sum(e.count) AS pairs, count(e) AS edges, full
        """
    )
    return tuple(row[name] for name in ("books", "links", "pairs", "edges", "full"))


@pytest.mark.parametrize(
    ("cleaning", "min_links", "expected"),
    [
        ("reference", 4, (1_411, 1_163, 13_302, 10_985, 1_396)),
        ("reference", 2, (1_411, 4_024, 21_002, 17_342, 1_410)),
        ("default", 4, (1_411, 1_153, 13_252, 10_968, 1_396)),
        ("default", 2, (1_411, 3_977, 20_909, 17_315, 1_410)),
    ],
)
def test_the_published_file_gives_the_known_counts_out_of_cypher(
    store: Store, shared_data: Path, cleaning: str, min_links: int, expected: tuple[int, ...]
) -> None:
    options = CleaningOptions(cleaning=cleaning, min_links=min_links)
    report = ingest_files([shared_data / "books_p15.ndjson"], store, options=options)
    assert _count(store) == expected
    data = report.to_json()
    names = ("num_books", "num_links", "num_pairs", "num_edges", "num_books_with_link")
    assert tuple(data[name] for name in names) == expected
    assert data["num_skipped"] == 2
    (cites,) = store.read("MATCH ()-[e:CITES]->() RETURN sum(e.count) AS num")
    assert cites["num"] == 4_170
    if cleaning == "default":
        folding = data["folding_only"]
        known = {4: (1_154, 13_238, 10_960, 1_396), 2: (3_970, 20_839, 17_290, 1_410)}
        assert tuple(folding[name] for name in (*names[1:4], names[4])) == known[min_links]


def test_the_graph_equals_the_cleaned_rows_exactly(store: Store, shared_data: Path) -> None:
    path = shared_data / "books_p15.ndjson"
    ingest_files([path], store, options=CleaningOptions())
    clean = clean_books(iter_records(path), CleaningOptions())
    graph = read_graph(store)
    assert graph["mentions"] == {
        (book.title, name, count) for book in clean.books for name, count in book.links.items()
    }
    assert graph["cites"] == {
        (book.title, url, count)
        for book in clean.books
        for url, count in book.external_links.items()
    }
    assert graph["refers"] == set(clean.refers_to)
    assert len(graph["refers"]) > 5
    num_books = {name: json.loads(text)["num_books"] for name, text in graph["links"]}
    assert num_books == {link.name: link.num_books for link in clean.links}
    properties = {title: json.loads(text) for title, text in graph["books"]}
    for book in clean.books:
        known = {name: value for name, value in book.properties.items() if value is not None}
        assert {**properties[book.title], **known} == properties[book.title]


def test_loading_twice_writes_nothing_and_the_order_does_not_matter(
    store: Store, shared_data: Path, tmp_path: Path
) -> None:
    records = list(iter_records(shared_data / "books_p15.ndjson"))[500:900]
    path = write_records(tmp_path / "books", records)
    first = ingest_files([path], store, options=CleaningOptions())
    assert (first.loaded.num_added, first.loaded.num_changed) == (400, 0)
    graph = read_graph(store)
    again = ingest_files([path], store, options=CleaningOptions())
    assert (again.loaded.num_added, again.loaded.num_changed, again.loaded.num_removed) == (0, 0, 0)
    assert again.loaded.num_unchanged == 400
    assert read_graph(store) == graph
    random.Random(0).shuffle(records)
    half = len(records) // 2
    paths = [
        write_records(tmp_path / "b", records[half:]),
        write_records(tmp_path / "a", records[:half]),
    ]
    shuffled = ingest_files(paths, store, options=CleaningOptions())
    assert shuffled.loaded.num_unchanged == 400
    assert read_graph(store) == graph


def test_a_changed_threshold_gives_what_a_clean_load_gives(
    store: Store, shared_data: Path, tmp_path: Path
) -> None:
    records = list(iter_records(shared_data / "books_p15.ndjson"))[:300]
    path = write_records(tmp_path / "books", records)
    ingest_files([path], store, options=CleaningOptions(min_links=2))
    expected = read_graph(store)
    ingest_files([path], store, options=CleaningOptions(min_links=5))
    assert len(read_graph(store)["links"]) < len(expected["links"])
    ingest_files([path], store, options=CleaningOptions(min_links=2))
    assert read_graph(store) == expected


def test_books_that_are_gone_are_removed_with_what_only_they_had(
    store: Store, tmp_path: Path
) -> None:
    options = CleaningOptions(min_links=1)
    dune = record("Dune", "Arrakis", "Novel", "Emma", urls=("http://dune.org",), genre="Novel")
    emma = record("Emma", "Novel", "England")
    ingest_files([write_records(tmp_path / "both", [dune, emma])], store, options=options)
    assert read_graph(store)["refers"] == {("emma", "Emma")}
    only_emma = write_records(tmp_path / "one", [emma])
    report = ingest_files([only_emma], store, options=options)
    assert report.loaded.num_removed == 1
    graph = read_graph(store)
    assert {title for title, _ in graph["books"]} == {"Emma"}
    assert {name for name, _ in graph["links"]} == {"novel", "england"}
    assert graph["urls"] == graph["refers"] == set()


def test_keep_others_leaves_them(store: Store, tmp_path: Path) -> None:
    options = CleaningOptions(min_links=1)
    dune = record("Dune", "Arrakis", "Novel")
    emma = record("Emma", "Novel", "Dune")
    ingest_files([write_records(tmp_path / "dune", [dune])], store, options=options)
    report = ingest_files(
        [write_records(tmp_path / "emma", [emma])], store, options=options, keep_others=True
    )
    assert (report.loaded.num_added, report.loaded.num_removed) == (1, 0)
    graph = read_graph(store)
    assert {title for title, _ in graph["books"]} == {"Dune", "Emma"}
    assert ("Dune", "arrakis", 1) in graph["mentions"]
    num_books = {name: json.loads(text)["num_books"] for name, text in graph["links"]}
    assert num_books == {"novel": 2, "arrakis": 1, "dune": 1}


def test_a_book_added_to_a_loaded_graph_keeps_its_links(store: Store, tmp_path: Path) -> None:
    options = CleaningOptions(min_links=3)
    books = [record(f"Book {n}", "Novel", "Old Name", "England", "Dune") for n in range(3)]
    ingest_files([write_records(tmp_path / "all", books)], store, options=options)
    store.run("MATCH (n:Link {name: 'old name'}) SET n.redirects = ['Alias']")
    before = read_graph(store)
    dune = record("Dune", "novel", "England", "England", "Alias", "Arrakis", "Book 1")
    added = [write_records(tmp_path / "dune", [dune])]
    for num_added in (1, 0):
        report = ingest_files(added, store, options=options, keep_others=True)
        assert report.loaded.num_added == num_added
        graph = read_graph(store)
        assert {name for title, name, _ in graph["mentions"] if title == "Dune"} == {
            "novel",
            "england",
            "old name",
        }
        assert {entry for entry in graph["mentions"] if entry[0] != "Dune"} == before["mentions"]
        links = {name: json.loads(text) for name, text in graph["links"]}
        assert {name: link["num_books"] for name, link in links.items()} == {
            "novel": 4,
            "england": 4,
            "old name": 4,
            "dune": 3,
        }
        # The spelling and the redirects come from more books than the new one.
        assert links["novel"]["title"] == "Novel"
        assert links["old name"]["redirects"] == ["Alias"]
        assert graph["refers"] == {("dune", "Dune")}
        as_json = report.to_json()
        assert (as_json["num_books"], as_json["num_edges"], as_json["num_pairs"]) == (4, 15, 16)
        assert as_json["in_files"]["num_books"] == 1  # type: ignore[index]


def test_books_loaded_again_beside_others_change_nothing(store: Store, tmp_path: Path) -> None:
    options = CleaningOptions(min_links=3)
    books = [record(f"Book {n}", "Novel", "England", f"Only {n}") for n in range(4)]
    ingest_files([write_records(tmp_path / "all", books)], store, options=options)
    before = read_graph(store)
    again = write_records(tmp_path / "two", books[:2])
    report = ingest_files([again], store, options=options, keep_others=True)
    assert (report.loaded.num_changed, report.loaded.num_unchanged) == (0, 2)
    assert read_graph(store) == before


def test_a_property_that_is_gone_is_removed(store: Store, tmp_path: Path) -> None:
    options = CleaningOptions(min_links=1)
    paths = [
        write_records(tmp_path / "a", [record("Dune", "Novel", genre="Novel, Satire", pages="9")]),
        write_records(tmp_path / "b", [record("Dune", "Novel", genre="Novel")]),
    ]
    for path in paths:
        report = ingest_files([path], store, options=options)
    assert (report.loaded.num_added, report.loaded.num_changed) == (0, 1)
    (row,) = store.read("MATCH (n:Book) RETURN properties(n) AS properties")
    assert row["properties"]["genres"] == ["Novel"]
    assert "pages" not in row["properties"]


def test_foreign_data_are_refused_and_left_alone(store: Store, tmp_path: Path) -> None:
    store.run("CREATE (:Book {title: 'Mine', shelf: 7})")
    path = write_records(tmp_path / "books", [record("Dune", "Novel")])
    with pytest.raises(ForeignDataError, match=r"did not load. Nothing was changed"):
        ingest_files([path], store, options=CleaningOptions())
    rows = store.read("MATCH (n) RETURN labels(n) AS labels, properties(n) AS properties")
    assert rows == [{"labels": ["Book"], "properties": {"title": "Mine", "shelf": 7}}]


@pytest.mark.parametrize(
    "bad_text", ["", "prose\n" * 3, "[" + "\n[" * 40, '["Wikipedia:X", {}, [], [], "", 1]']
)
def test_input_that_cannot_be_used_changes_nothing(
    store: Store, tmp_path: Path, bad_text: str
) -> None:
    options = CleaningOptions(min_links=1)
    good = write_records(tmp_path / "good", [record("Dune", "Novel")])
    ingest_files([good], store, options=options)
    graph = read_graph(store)
    bad = tmp_path / "bad"
    bad.write_text(bad_text)
    with pytest.raises(InputError):
        ingest_files([bad], store, options=options)
    assert read_graph(store) == graph


def test_bad_lines_are_counted_with_examples_and_not_fatal(store: Store, tmp_path: Path) -> None:
    path = write_records(tmp_path / "books", [record(f"Book {n}", "Novel") for n in range(9)])
    path.write_text(path.read_text() + "oops\n[]\n{}\n")
    report: Any = ingest_files([path], store, options=CleaningOptions()).to_json()
    assert report["num_books"] == 9
    assert report["num_skipped"] == 3
    bad = report["bad_records"]
    assert {reason: entry["num"] for reason, entry in bad.items()} == {
        "neither an array of six values nor an object with a title": 2,
        "not JSON": 1,
    }
    assert bad["not JSON"]["examples"] == [
        {"source": str(path), "position": 10, "reason": "not JSON", "example": "oops"}
    ]
    json.dumps(report, default=pytest.fail)


def test_odd_titles_and_huge_values_survive(store: Store, tmp_path: Path) -> None:
    titles = [
        *(
            "Война и мир",
            "戦争と平和",
            "🜁 \U0001d509",
            "e\u0301 and \u00e9",
            "a\tb",
            '"quoted" \\n',
        ),
        *("x" * 255, "\U0001f4d6" * 63, "null", "$param {title}", "`", "-1", "\u202eRTL"),
    ]
    url = "http://x.org/" + "\U0001f4d6" * 490
    records = [
        record(title, title, "shared", urls=(url, "mailto:a@b", "//x", "http://[bad"), text=title)
        for title in titles
    ]
    records.append(record("Huge", *(f"Link {n}" for n in range(20_000)), text="z" * 5_000_000))
    ingest_files(
        [write_records(tmp_path / "books", records)], store, options=CleaningOptions(min_links=1)
    )
    graph = read_graph(store)
    books = {title: json.loads(text) for title, text in graph["books"]}
    assert set(books) == {*map(book_title, titles), "Huge"}
    assert {"é and é", "a b", "RTL"} <= set(books)
    assert json.loads(books["Huge"]["infobox"])["text"] == "z" * 5_000_000
    assert books["Huge"]["num_links"] == 20_000
    for title in titles:
        assert json.loads(books[book_title(title)]["infobox"])["text"] == title
    assert (titles[0], url, 1) in graph["cites"]
    assert {name for name, _ in graph["refers"]} >= {"война и мир", "戦争と平和", "null", "`"}


def _rows(num_books: int) -> GraphRows:
    links = [LinkRow(f"link {n}", f"Link {n}", "article", 0) for n in range(50)]
    books = [
        BookRow(
            f"Book {n}",
            {"article_length": n},
            {f"link {(n * k) % 50}": k for k in range(1, 20)},
            {f"http://x/{n % 7}": 1},
        )
        for n in range(num_books)
    ]
    return GraphRows(books, links, [("link 1", "Book 1")], ["planted"])


def test_a_batch_whose_links_are_gone_is_refused_whole(store: Store) -> None:
    load_graph(
        store, GraphRows([_book("Emma", "novel")], [LinkRow("novel", "Novel", "article", 1)])
    )
    two = [_book("Dune", "novel"), _book("Ulysses", "novel", "dublin")]
    (novel,), (emma,) = (
        store.read_all(f"MATCH (n:{label}) RETURN elementId(n)") for label in ("Link", "Book")
    )
    # Not there, removed meanwhile, and removed with its id given to another node.
    for ids in ({}, {"dublin": f"{novel[0]}999"}, {"dublin": emma[0]}, {"dublin": novel[0]}):
        with pytest.raises(BookgraphError, match="Another load removed links of this graph"):
            store.write(
                partial(load._write_book_batch, books=two, link_ids={"novel": novel[0], **ids})
            )
    rows = store.read("MATCH (b:Book)-[:LINKS_TO]->(l) RETURN b.title AS book, l.name AS link")
    assert rows == [{"book": "Emma", "link": "novel"}]
    assert store.read("MATCH (b:Book) RETURN count(*) AS num") == [{"num": 1}]


def _book(title: str, *links: str) -> BookRow:
    return BookRow(title, {"year": 1900}, dict.fromkeys(links, 1), {})


def test_kill_9_in_the_middle_of_a_load_loses_nothing_and_halves_no_book(
    own_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load, "_EDGES_PER_BATCH", 1_000)
    rows = _rows(3_000)
    acknowledged = 0
    killers: list[threading.Thread] = []

    def on_progress(progress: Progress) -> None:
        nonlocal acknowledged
        if progress.stage == "Loading books":
            acknowledged = int(progress.done)
            if acknowledged > 500 and not killers:
                # Beside the load, so that the blow falls at any point of a later transaction.
                killers.append(threading.Thread(target=own_server.kill))
                killers[0].start()

    with connect(own_server.settings) as store, pytest.raises(BookgraphError):
        load_graph(store, rows, on_progress=on_progress)
    killers[0].join()
    assert 500 < acknowledged < 3_000

    with connect(own_server.settings) as store:
        wanted = {book.title: book for book in rows.books}
        graph = read_graph(store)
        titles = {title for title, _ in graph["books"]}
        assert titles >= {f"Book {n}" for n in range(acknowledged)}
        assert graph["mentions"] == {
            (title, name, count) for title in titles for name, count in wanted[title].links.items()
        }
        assert len(graph["cites"]) == len(titles)
        (dataset,) = store.read("MATCH (n:Dataset) RETURN n.is_complete AS is_complete")
        assert dataset["is_complete"] is False

        report = load_graph(store, rows)
        assert report.num_unchanged == len(titles)
        assert report.num_added == 3_000 - len(titles)
        finished = read_graph(store)
        store.run("MATCH (n) CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 1000 ROWS")
        load_graph(store, rows)
        assert read_graph(store) == finished
