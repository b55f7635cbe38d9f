"""Whole dumps against a real Neo4j: redirects, another dump, another wiki, and what is said."""

from __future__ import annotations

import bz2
import json
from pathlib import Path
from typing import Any

import pytest

from bookgraph.core.errors import InputError
from bookgraph.core.progress import Progress
from bookgraph.graph.store import Store
from bookgraph.ingest import CleaningOptions, ingest_files

_OPTIONS = CleaningOptions(min_links=1)


def _book(title: str, text: str, *, edited: str = "2018-09-01T00:00:00Z", ns: int = 0) -> str:
    return (
        f"<page><title>{title}</title><ns>{ns}</ns><id>1</id><revision>"
        f"<timestamp>{edited}</timestamp><text>{{{{Infobox book|name={title}}}}} {text}</text>"
        "</revision></page>"
    )


def _redirect(title: str, target: str) -> str:
    return (
        f'<page><title>{title}</title><ns>0</ns><id>1</id><redirect title="{target}" />'
        f"<revision><text>#REDIRECT [[{target}]]</text></revision></page>"
    )


def _write(path: Path, *pages: str, wiki: str = "enwiki") -> Path:
    text = f"<mediawiki><siteinfo><dbname>{wiki}</dbname></siteinfo>{''.join(pages)}</mediawiki>"
    path.write_bytes(bz2.compress(text.encode()))
    return path


def _links(store: Store) -> dict[str, list[str]]:
    rows = store.read_all(
        "MATCH (b:Book) OPTIONAL MATCH (b)-[:LINKS_TO]->(l:Link) "
        "WITH b, l ORDER BY l.name RETURN b.title, collect(l.name)"
    )
    return dict(rows)


def _references(store: Store) -> list[tuple[str, str]]:
    rows = store.read_all(
        "MATCH (l:Link)-[:REFERS_TO]->(b:Book) RETURN l.name, b.title ORDER BY l.name"
    )
    return list(rows)


def test_redirects_make_one_node_also_across_files(store: Store, tmp_path: Path) -> None:
    first = _write(
        tmp_path / "1.bz2",
        _book("Dune (novel)", "[[New York Times]] [[the New York Times]] [[Emma (book)#Plot]]"),
        _redirect("NYT", "New York Times"),
        _book("Template:Infobox book/doc", "[[Dune (novel)]]", ns=10),
    )
    second = _write(
        tmp_path / "2.bz2",
        _redirect("New York Times", "The New York Times"),
        _redirect("Emma (book)", "Emma"),
        _book("Emma", "[[NYT]] [http://a.org/x y] [[Category:Novels]]"),
    )
    report = ingest_files([first, second], store, options=_OPTIONS, num_workers=1)
    assert _links(store) == {
        "Dune (novel)": ["emma", "the new york times"],
        "Emma": ["category:novels", "the new york times"],
    }
    assert _references(store) == [("emma", "Emma")]
    (row,) = store.read(
        "MATCH (:Book {title: 'Dune (novel)'})-[e:LINKS_TO]->(l {name: 'the new york times'}) "
        "RETURN e.count AS count, l.title AS title, l.num_books AS num_books, "
        "l.redirects AS redirects"
    )
    assert row == {
        "count": 2,
        "title": "The New York Times",
        "num_books": 2,
        "redirects": ["New York Times"],
    }
    (emma,) = store.read("MATCH (n:Book {title: 'Emma'}) RETURN n.redirects AS redirects")
    assert emma["redirects"] == ["Emma (book)"]
    assert store.read("MATCH (n:ExternalLink) RETURN n.url AS url") == [{"url": "http://a.org/x"}]
    as_json: Any = report.to_json()
    steps = {step["name"]: step for step in as_json["steps"]}
    assert steps["redirects resolved"]["num_changed"] == 3
    assert as_json["left_out"] == {"the page is in a namespace that is not read": 1}


def test_a_newer_dump_changes_only_what_changed_and_says_so(store: Store, tmp_path: Path) -> None:
    old = _write(
        tmp_path / "enwiki-20180901.xml.bz2",
        _book("Dune", "[[Arrakis]]"),
        _book("Emma", "[[England]]"),
        _book("Gone", "[[England]]"),
    )
    ingest_files([old], store, options=_OPTIONS)
    (dataset,) = store.read("MATCH (n:Dataset) RETURN n.sources AS sources")
    assert dataset["sources"] == ["enwiki-20180901.xml.bz2 (enwiki, books edited until 2018-09-01)"]
    new = _write(
        tmp_path / "enwiki-20181001.xml.bz2",
        _book("Dune", "[[Arrakis]]"),
        _book("Emma", "[[England]] [[Surrey]]", edited="2018-09-20T00:00:00Z"),
        _book("New", "[[Surrey]]"),
    )
    report = ingest_files([new], store, options=_OPTIONS).to_json()["loaded"]
    names = ("num_added", "num_changed", "num_unchanged", "num_removed")
    assert tuple(report[name] for name in names) == (1, 1, 1, 1)
    titles = tuple(report[name] for name in ("added", "changed", "removed"))
    assert titles == (("New",), ("Emma",), ("Gone",))
    assert _links(store) == {"Dune": ["arrakis"], "Emma": ["england", "surrey"], "New": ["surrey"]}
    (dataset,) = store.read("MATCH (n:Dataset) RETURN n.sources AS sources")
    assert dataset["sources"] == ["enwiki-20181001.xml.bz2 (enwiki, books edited until 2018-09-20)"]


def test_records_and_a_dump_together_are_one_set(store: Store, tmp_path: Path) -> None:
    dump = _write(tmp_path / "dump", _book("Dune", "[[NYT]]"), _redirect("NYT", "The Times"))
    records = tmp_path / "books"
    records.write_text(json.dumps(["Emma", {}, ["NYT"], [], "2018", 1]) + "\n")
    report = ingest_files([records, dump], store, options=_OPTIONS)
    assert _links(store) == {"Dune": ["the times"], "Emma": ["the times"]}
    assert report.num_records == 2


def test_a_second_ingest_with_a_work_folder_reads_the_dump_no_more(
    store: Store, tmp_path: Path
) -> None:
    dump = _write(
        tmp_path / "dump", _book("Dune", "[[Arrakis]] [[Spice]]"), _book("Emma", "[[Spice]]")
    )
    work_dir = tmp_path / "work"
    ingest_files([dump], store, options=_OPTIONS, work_dir=work_dir)
    seen: list[Progress] = []
    ingest_files(
        [dump],
        store,
        options=CleaningOptions(min_links=2),
        work_dir=work_dir,
        on_progress=seen.append,
    )
    assert _links(store) == {"Dune": ["spice"], "Emma": ["spice"]}
    assert [item.note.rpartition(", ")[2] for item in seen if item.stage == "Reading dumps"] == [
        "read before"
    ]


def test_a_dump_of_a_wiki_without_the_template_changes_nothing(
    store: Store, tmp_path: Path
) -> None:
    ingest_files([_write(tmp_path / "en", _book("Dune", "[[Arrakis]]"))], store, options=_OPTIONS)
    page = (
        "<page><title>Faust</title><ns>0</ns><id>1</id><revision><text>x</text></revision></page>"
    )
    german = _write(tmp_path / "de", page, wiki="dewiki")
    with pytest.raises(InputError, match=r"holds no books: none of 1 pages of dewiki has the"):
        ingest_files([german], store, options=_OPTIONS)
    assert _links(store) == {"Dune": ["arrakis"]}


def test_the_index_of_a_multistream_dump_is_passed_over(store: Store, tmp_path: Path) -> None:
    index = tmp_path / "index.txt.bz2"
    index.write_bytes(bz2.compress(b"600:10:AccessibleComputing\n600:12:Anarchism\n"))
    dump = _write(tmp_path / "dump", _book("Dune", "[[Arrakis]]"))
    report = ingest_files([index, dump], store, options=_OPTIONS).to_json()
    assert (report["num_books"], report["num_skipped"]) == (1, 0)
    with pytest.raises(InputError, match="holds no books"):
        ingest_files([index], store, options=_OPTIONS)


def test_the_real_excerpt_becomes_three_books(store: Store, shared_data: Path) -> None:
    path = shared_data / "dumps" / "enwiki-10k.xml.bz2"
    ingest_files([path], store, options=_OPTIONS)
    links = _links(store)
    assert set(links) == {"Wall Around a Star", "The Crime at Black Dudley", "Saga of Cuckoo"}
    assert "frederik pohl" in links["Saga of Cuckoo"]
    assert ("saga of cuckoo", "Saga of Cuckoo") in _references(store)
    (row,) = store.read(
        "MATCH (n:Book {title: 'Wall Around a Star'}) "
        "RETURN n.authors AS authors, n.year AS year, n.pages AS pages, n.genre AS genre"
    )
    assert row == {
        "authors": ["Frederik Pohl", "Jack Williamson"],
        "year": 1983,
        "pages": 275,
        "genre": "Science fiction",
    }
