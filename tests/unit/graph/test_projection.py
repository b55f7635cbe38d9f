"""What is compiled: only what is asked for, every value a parameter, every name used once."""

from __future__ import annotations

import re

import pytest

from bookgraph.graph.query.projection import BOOK_PROPERTIES, Compiler
from bookgraph.graph.query.selection import Page, Selection, select


def book(*selections: Selection) -> tuple[str, dict[str, object]]:
    compiler = Compiler()
    return compiler.book("n", selections), compiler.parameters


def test_plain_properties_are_read_and_nothing_else() -> None:
    text, parameters = book(*select("title", "year"))
    assert text == "{`title`: n.title, `year`: n.year}"
    assert parameters == {}


def test_nothing_wanted_is_an_empty_map() -> None:
    assert book()[0] == "{}"


@pytest.mark.parametrize("name", sorted(BOOK_PROPERTIES))
def test_every_property_can_be_asked_for(name: str) -> None:
    assert book(*select(name))[0] == f"{{`{name}`: n.{name}}}"


def test_a_list_takes_its_page_as_parameters() -> None:
    text, parameters = book(Selection("links", "links", Page(7, 21), node=select("name")))
    assert sorted(parameters.values()) == [7, 21]
    assert "7" not in re.sub(r"\$?\w*\d+", "", text)
    assert ":LINKS_TO]->" in text
    assert "total: n.num_links" in text


def test_two_lists_of_one_field_have_names_of_their_own() -> None:
    text, parameters = book(
        Selection("a", "links", Page(1), node=select("name")),
        Selection("b", "links", Page(2), node=select("name")),
    )
    assert len(parameters) == 4
    assert len(set(re.findall(r"\((link\d+):Link\)", text))) == 2


def nested(depth: int) -> Selection:
    inner = (nested(depth - 1),) if depth else select("title")
    why = Selection("why", "why", Page(3), node=(Selection("link", "link", node=select("name")),))
    return Selection("similar_books", "similar_books", Page(2), edge=(why,), node=inner)


def test_a_nested_search_shadows_no_name_of_the_one_around_it() -> None:
    text, _ = book(nested(3))
    for stem in ("near", "score", "model", "via", "weight", "source"):
        bound = re.findall(rf"(?:AS |\()({stem}\d+)(?=[ :){{])", text)
        assert len(set(bound)) == 4, stem


@pytest.mark.parametrize(
    "key", ["a`b", "a b", "1a", "", "é", "a-b", "a}) RETURN 1 //", "x`: 1} //"]
)
def test_a_key_that_could_end_its_quotes_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="cannot be a key"):
        book(Selection(key, "title"))


@pytest.mark.parametrize("name", ["nothing", "name", "books", "title) DELETE n //"])
def test_a_field_that_a_book_has_not_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="has no field"):
        book(Selection("key", name))


def test_a_field_that_a_link_has_not_is_refused() -> None:
    with pytest.raises(ValueError, match="A link has no field 'author'"):
        Compiler().link("n", select("author"))


def test_vectors_are_fetched_only_when_asked_for() -> None:
    assert "embedding" not in book(*select("title"))[0]
    assert "`embedding`: n.embedding" in book(*select("embedding"))[0]


def test_reasons_are_weighted_by_rarity_and_the_best_come_first() -> None:
    text, parameters = book(nested(0))
    assert re.search(
        r"count\(\*\) \* log\(toFloat\(COUNT { \(:Book\) }\) / via\d+\.num_books", text
    )
    assert re.search(r"ORDER BY weight\d+ DESC, via\d+\.name LIMIT", text)
    assert 3 in parameters.values()


def test_a_search_sees_one_model_only() -> None:
    text, _ = book(nested(0))
    assert re.search(r"WHERE n\.embedding_version = model\d+\.version", text)
    assert re.search(r"WHERE near\d+\.embedding_version = model\d+\.version LIMIT", text)


def test_predicted_links_leave_out_those_that_the_page_has() -> None:
    text, _ = book(Selection("p", "predicted_links", Page(5), node=select("name")))
    assert re.search(r"WHERE NOT EXISTS { \(n\)-\[:LINKS_TO\]->\(near\d+\) }", text)


def test_predicted_books_leave_out_those_that_have_the_link() -> None:
    wanted = Selection("p", "predicted_books", Page(5), node=select("title"))
    text = Compiler().link("n", [wanted])
    assert re.search(r"WHERE NOT EXISTS { \(near\d+\)-\[:LINKS_TO\]->\(n\) }", text)
    assert "VECTOR INDEX book_embedding" in text


def test_related_books_do_not_go_over_links_that_all_books_have() -> None:
    text, parameters = book(Selection("r", "related_books", Page(5), node=select("title")))
    assert re.search(r"\.num_books <= \$p\d+", text)
    assert 2_000 in parameters.values()
    assert "embedding" not in text
