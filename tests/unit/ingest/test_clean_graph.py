"""Cleaning: a small graph counted by hand, the published file's known numbers, and invariants."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookgraph.core.types import BookRecord
from bookgraph.ingest import CleanGraph, CleaningOptions, clean_books, iter_records, read_too_common
from bookgraph.ingest.clean.graph import name_redirects
from bookgraph.ingest.report import GraphCounts, StepReport


def _record(
    title: str,
    *wikilinks: str,
    urls: tuple[str, ...] = (),
    edited_at: str = "2018",
    infobox: dict[str, str] | None = None,
) -> BookRecord:
    return BookRecord(title, infobox or {}, wikilinks, urls, edited_at=edited_at, length=7)


_RECORDS = [
    _record(
        "Dune  (novel)",
        *("Science fiction", "science fiction", "Science_fiction", "Frank Herbert"),
        *("Hardcover", ":Category:Novels", "Wikipedia:WikiProject Novels", "Emma#Plot"),
        urls=("http://a.org", " http://a.org ", ""),
    ),
    _record("Emma", "science fiction", "Category:Novels", "#Plot", "hardcover", "Emma"),
    _record("Wikipedia:About", "Science fiction", "Science fiction"),
    _record("Template:Infobox book/doc", "Science fiction"),
    _record("Ulysses: A Novel", "Science  fiction", "Emma", "Rare"),
]


def _clean(records: list[BookRecord], **options: Any) -> CleanGraph:
    return clean_books(iter(records), CleaningOptions(**options))


def _edges(graph: CleanGraph) -> dict[str, dict[str, int]]:
    return {book.title: book.links for book in graph.books}


def _step(graph: CleanGraph, words: str) -> StepReport:
    (found,) = (step for step in graph.report.steps if words in step.name)
    return found


def test_the_small_graph_in_the_default_cleaning() -> None:
    graph = _clean(_RECORDS, min_links=2)
    assert _edges(graph) == {
        "Dune (novel)": {"science fiction": 3, "category:novels": 1, "emma": 1},
        "Emma": {"science fiction": 1, "category:novels": 1, "emma": 1},
        "Ulysses: A Novel": {"science fiction": 1, "emma": 1},
    }
    assert [(link.name, link.title, link.kind, link.num_books) for link in graph.links] == [
        ("category:novels", "Category:Novels", "category", 2),
        ("emma", "Emma", "article", 3),
        # Three times with a capital (folded), twice without.
        ("science fiction", "Science fiction", "article", 3),
    ]
    assert graph.refers_to == (("emma", "Emma"),)
    assert graph.report.counts == GraphCounts(
        num_links=3, num_pairs=10, num_edges=8, num_books_with_link=3
    )


def test_every_step_of_the_default_counts_what_it_did() -> None:
    graph = _clean(_RECORDS, min_links=2)
    counts = [
        (step.name, step.unit, step.num_in, step.num_changed, step.num_dropped)
        for step in graph.report.steps
    ]
    assert counts == [
        ("pages that are not books dropped", "records", 5, 0, 2),
        ("titles folded", "books", 3, 1, 0),
        ("older records of a title dropped", "books", 3, 0, 0),
        ("white space, underscores and direction marks folded", "link mentions", 16, 2, 0),
        ("percent codes decoded", "link mentions", 16, 0, 0),
        ("leading colons removed", "link mentions", 16, 1, 0),
        ("sections cut", "link mentions", 16, 1, 1),
        ("namespaces spelled out", "link mentions", 15, 0, 0),
        ("titles longer than 255 bytes dropped", "link mentions", 15, 0, 0),
        ("project, user and template pages dropped", "link mentions", 15, 0, 1),
        # All but `science fiction`, twice, and `hardcover`, once.
        ("lowercased", "link mentions", 14, 11, 0),
        ("too common links dropped", "links", 6, 0, 1),
        ("links that fewer than 2 books mention dropped", "links", 5, 0, 2),
        ("empty URLs and those longer than 2,000 bytes dropped", "external links", 3, 0, 1),
    ]
    assert _step(graph, "sections").examples == ("Emma#Plot -> Emma", "#Plot")
    assert _step(graph, "fewer").examples == ("frank herbert", "rare")
    assert _step(graph, "not books").examples == ("Wikipedia:About", "Template:Infobox book/doc")


def test_the_small_graph_in_the_reference_cleaning() -> None:
    graph = _clean(_RECORDS, cleaning="reference", min_links=2)
    # `Science fiction` and `science fiction` count twice for Dune; nothing is folded; the page of
    # the template is a book, for only `Wikipedia:` in the title was dropped.
    assert _edges(graph) == {
        "Dune  (novel)": {"science fiction": 2},
        "Emma": {"science fiction": 1, "emma": 1},
        "Template:Infobox book/doc": {"science fiction": 1},
        "Ulysses: A Novel": {"emma": 1},
    }
    assert graph.report.folding_only is None
    assert [step.name for step in graph.report.steps] == [
        "pages that are not books dropped",
        "older records of a title dropped",
        "lowercased",
        "too common links dropped",
        "links that fewer than 2 books mention dropped",
        "empty URLs and those longer than 2,000 bytes dropped",
    ]


def test_case_variants_in_one_book_pass_the_threshold_only_in_the_reference() -> None:
    records = [_record("A", "Sea", "sea", "SEA", "seA"), _record("B", "Land", "Land", "Land")]
    assert _edges(_clean(records, cleaning="reference", min_links=4)) == {"A": {"sea": 4}, "B": {}}
    assert _edges(_clean(records, min_links=2)) == {"A": {}, "B": {}}
    assert _edges(_clean(records, min_links=1)) == {"A": {"sea": 4}, "B": {"land": 3}}


def test_the_latest_record_of_a_title_counts_and_the_later_one_of_equals() -> None:
    records = [
        _record("A", "new", edited_at="2018-02"),
        _record("A", "old", edited_at="2018-01"),
        _record("B", "first", edited_at="2018"),
        _record("B ", "second", edited_at="2018"),
    ]
    graph = _clean(records, min_links=1)
    assert _edges(graph) == {"A": {"new": 1}, "B": {"second": 1}}
    assert _step(graph, "older records").num_dropped == 2


def test_redirects_make_one_node_and_tie_it_to_the_book() -> None:
    records = [
        _record("Dune (novel)", "NYT", "The New York Times"),
        _record("Emma", "New York Times", "Dune_(book)#Plot"),
    ]
    redirects = {
        "NYT": "The New York Times",
        "New York Times": "The New York Times",
        "Dune (book)": "Dune (novel)",
    }
    graph = clean_books(records, CleaningOptions(min_links=1), redirects=redirects)
    assert _edges(graph) == {
        "Dune (novel)": {"the new york times": 2},
        "Emma": {"the new york times": 1, "dune (novel)": 1},
    }
    assert graph.refers_to == (("dune (novel)", "Dune (novel)"),)
    assert graph.links[1].title == "The New York Times"
    step = _step(graph, "redirects")
    assert (step.num_in, step.num_changed) == (4, 3)
    reference = CleaningOptions(cleaning="reference", min_links=1)
    untouched = clean_books(records, reference, redirects=redirects)
    assert "nyt" in _edges(untouched)["Dune (novel)"]


def test_books_and_links_know_the_other_titles_of_their_pages() -> None:
    graph = _clean([_record("Emma", "satire", "NYT"), _record("iPod", "NYT")], min_links=1)
    assert graph.page_titles() == {"Emma", "IPod", "Satire", "NYT"}
    redirects = {
        "Emma": ("Emma (book)", "Emma (novel)"),
        "IPod": ("Ipod classic",),
        "Satire": ("NYT", "Satirical"),
        "Other": ("Another",),
    }
    named = name_redirects(graph, redirects)
    assert [book.properties["redirects"] for book in named.books] == [
        ["Emma (book)", "Emma (novel)"],
        ["Ipod classic"],
    ]
    # `NYT` is a link of its own here, so it is no second name of another one.
    assert {link.name: link.redirects for link in named.links} == {
        "nyt": (),
        "satire": ("Satirical",),
    }
    assert [book.properties["redirects"] for book in graph.books] == [None, None]


def test_a_link_is_tied_to_the_exact_title_first() -> None:
    records = [_record("it", "It"), _record("It", "It"), _record("EMMA", "emma")]
    graph = _clean(records, min_links=1)
    assert graph.refers_to == (("emma", "EMMA"), ("it", "It"))


def test_another_list_of_too_common_links() -> None:
    names = read_too_common("# comment\n Sea_Side  # why\n\nLAND\n")
    assert names == {"sea side", "land"}
    graph = _clean([_record("A", "sea side", "Land", "Hardcover")], min_links=1, too_common=names)
    assert _edges(graph) == {"A": {"hardcover": 1}}


def test_external_links_are_counted_and_impossible_ones_dropped() -> None:
    long_url = "http://x/" + "a" * 2_000
    urls = ("http://a", "http://b", "http://a", long_url, "http://" + "é" * 1_000)
    graph = _clean([_record("A", urls=urls)], min_links=1)
    assert graph.books[0].external_links == {"http://a": 2, "http://b": 1}
    step = _step(graph, "URLs")
    assert (step.num_in, step.num_dropped) == (5, 2)
    assert step.examples[0] == long_url[:80]


def test_properties_say_none_where_nothing_is_known() -> None:
    infobox = {"author": "Frank Herbert", "pages": "412 pp", "note": "é"}
    graph = _clean([_record("A", infobox=infobox, edited_at="")], min_links=1)
    properties: dict[str, Any] = graph.books[0].properties
    assert properties["author"] == "Frank Herbert"
    assert properties["pages"] == 412
    assert properties["genre"] is None
    assert properties["edited_at"] is None
    assert properties["article_length"] == 7
    assert json.loads(properties["infobox"]) == infobox
    assert "é" in properties["infobox"]


def test_no_records_and_books_without_links_are_no_error() -> None:
    assert _clean([]).books == ()
    graph = _clean([_record("A")])
    assert _edges(graph) == {"A": {}}
    assert graph.report.counts == GraphCounts(0, 0, 0, 0)


@pytest.mark.parametrize(
    ("min_links", "reference", "folding_only", "default"),
    [
        (
            4,
            GraphCounts(1_163, 13_302, 10_985, 1_396),
            GraphCounts(1_154, 13_238, 10_960, 1_396),
            GraphCounts(1_153, 13_252, 10_968, 1_396),
        ),
        (
            2,
            GraphCounts(4_024, 21_002, 17_342, 1_410),
            GraphCounts(3_970, 20_839, 17_290, 1_410),
            GraphCounts(3_977, 20_909, 17_315, 1_410),
        ),
    ],
)
def test_the_published_file_gives_the_known_numbers(
    shared_data: Path,
    min_links: int,
    reference: GraphCounts,
    folding_only: GraphCounts,
    default: GraphCounts,
) -> None:
    records = list(iter_records(shared_data / "books_p15.ndjson"))
    report = _clean(records, cleaning="reference", min_links=min_links).report
    assert (report.num_books, report.counts) == (1_411, reference)
    report = _clean(records, min_links=min_links).report
    assert (report.num_books, report.counts) == (1_411, default)
    assert report.folding_only == folding_only


_LINKS = st.lists(st.sampled_from(["Sea", "sea", "SEA ", "Land", "#x", "Hardcover", "a_b", "a b"]))
_MANY = st.lists(_LINKS.map(tuple), max_size=8)


def _numbered(many: list[tuple[str, ...]]) -> list[BookRecord]:
    return [_record(f"Book {row}", *links) for row, links in enumerate(many)]


@given(many=_MANY, min_links=st.integers(1, 4), cleaning=st.sampled_from(["default", "reference"]))
def test_counts_agree_with_the_rows(
    many: list[tuple[str, ...]], min_links: int, cleaning: str
) -> None:
    graph = _clean(_numbered(many), min_links=min_links, cleaning=cleaning)
    edges = [(title, name) for title, links in _edges(graph).items() for name in links]
    counts = graph.report.counts
    assert counts.num_edges == len(edges)
    assert counts.num_pairs == sum(sum(book.links.values()) for book in graph.books)
    assert counts.num_links == len(graph.links) == len({name for _, name in edges})
    assert counts.num_books_with_link == len({title for title, _ in edges})
    for link in graph.links:
        assert link.num_books == sum(name == link.name for _, name in edges)
        if cleaning == "default":
            assert link.num_books >= min_links
    for step in graph.report.steps:
        assert step.num_changed + step.num_dropped <= step.num_in


@given(many=_MANY, seed=st.randoms())
def test_the_order_of_records_does_not_matter(
    many: list[tuple[str, ...]], seed: random.Random
) -> None:
    records = _numbered(many)
    expected = _clean(records, min_links=2)
    seed.shuffle(records)
    shuffled = _clean(records, min_links=2)
    assert _edges(shuffled) == _edges(expected)
    assert shuffled.links == expected.links
    assert shuffled.report.counts == expected.report.counts


@given(many=_MANY)
def test_a_higher_threshold_only_takes_away(many: list[tuple[str, ...]]) -> None:
    records = _numbered(many)
    names = [{link.name for link in _clean(records, min_links=n).links} for n in (1, 2, 3)]
    assert names[0] >= names[1] >= names[2]
