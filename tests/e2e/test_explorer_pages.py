"""The pages beside the map that join several books: compare, mix, and what a book could have."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import httpx
from playwright.sync_api import Page, expect

from .conftest import open_map, settle


def ask(site: str, query: str) -> dict[str, object]:
    answer = httpx.post(f"{site}/graphql", json={"query": query}).json()
    assert "errors" not in answer, answer["errors"]
    data: dict[str, object] = answer["data"]
    return data


def expect_loaded(page: Page) -> None:
    expect(page.locator("detail-panel .part").first).to_be_visible()
    settle(page)


def query_of(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


def lit_titles(page: Page) -> set[str]:
    return {*page.evaluate("document.querySelector('book-map').litTitles")}


def test_why_leads_to_a_comparison(page: Page, site: str) -> None:
    open_map(page, f"{site}/?book=Dune")
    expect_loaded(page)
    other = page.locator(".near-title").nth(3).inner_text()
    page.get_by_role("link", name=f"Compare Dune with {other}").click()
    expect(page.locator(".kicker")).to_have_text("Why these two")
    expect_loaded(page)
    assert query_of(page)["other"] == [other]
    answer = ask(
        site,
        f'{{ compare(a: "Dune", b: "{other}", first: 40) {{ score numShared jaccard '
        "shared { link { title numBooks } } } }",
    )["compare"]
    assert isinstance(answer, dict)
    expect(page.locator(".pair-score .score-number")).to_have_text(f"{answer['score']:.2f}")
    rows = page.locator(".weights li")
    assert rows.locator(".chip").all_inner_texts() == [
        one["link"]["title"] for one in answer["shared"]
    ]
    widths = rows.locator(".weight-bar span").evaluate_all("(all) => all.map((o) => o.offsetWidth)")
    assert widths == sorted(widths, reverse=True)
    assert len({*widths}) > 1
    assert lit_titles(page) == {other}
    chain = page.locator(".chain").first
    assert chain.locator("a").first.inner_text() == "Dune"
    assert chain.locator("a").last.inner_text() == other


def test_a_mix_grows_turns_and_shrinks(page: Page, site: str) -> None:
    open_map(page, f"{site}/?book=Dune")
    expect_loaded(page)
    near = page.locator(".near-title").nth(2).inner_text()
    page.get_by_role("link", name=f"Books like Dune and {near}").click()
    expect(page.locator(".kicker")).to_have_text("Books like")
    expect_loaded(page)
    assert query_of(page)["like"] == ["Dune", near]
    answer = ask(
        site,
        f'{{ similarBooks(like: ["Dune", "{near}"], first: 20) '
        "{ edges { node { title } } } }",
    )["similarBooks"]
    assert isinstance(answer, dict)
    assert page.locator(".near-title").all_inner_texts() == [
        edge["node"]["title"] for edge in answer["edges"]
    ]
    with_both = page.locator(".near-title").all_inner_texts()
    page.get_by_role("link", name=f"Rather unlike {near}").click()
    expect(page.locator(".mix-part.is-minus .mix-title")).to_have_text(near)
    expect_loaded(page)
    assert query_of(page)["unlike"] == [near]
    assert page.locator(".near-title").all_inner_texts() != with_both
    page.get_by_role("link", name=f"Leave {near} out").click()
    expect(page.locator(".mix-part")).to_have_count(1)
    page.get_by_role("link", name="Leave Dune out").click()
    expect(page.locator("detail-panel")).to_be_hidden()
    page.go_back()
    expect(page.locator(".mix-part")).to_have_count(1)


def test_a_mix_lights_its_books_and_their_nearest(page: Page, site: str) -> None:
    open_map(page, f"{site}/?like=Dune&like=Emma")
    expect_loaded(page)
    near = {*page.locator(".near-title").all_inner_texts()}
    assert lit_titles(page) == near | {"Dune", "Emma"}


def test_links_that_a_book_could_have_are_not_its_own(page: Page, site: str) -> None:
    open_map(page, f"{site}/?book=Dune")
    expect_loaded(page)
    part = page.locator(".part", has=page.get_by_text("Links it could have"))
    predicted = {*part.locator(".chip").all_inner_texts()}
    own = page.locator(".part", has=page.locator("h3", has_text="in all"))
    assert len(predicted) == 8
    assert not predicted & {*own.locator(".chip").all_inner_texts()}


def test_a_link_opens_in_a_tab_of_its_own_with_the_same_page(page: Page, site: str) -> None:
    open_map(page, f"{site}/?book=Dune")
    expect_loaded(page)
    link = page.locator(".near-title").first
    title = link.inner_text()
    with page.context.expect_page() as opened:
        link.click(modifiers=["ControlOrMeta"])
    other = opened.value
    expect(other.locator("detail-panel h2")).to_have_text(title)
    expect(page.locator("detail-panel h2")).to_have_text("Dune")


def test_an_unknown_book_of_a_comparison_is_named(page: Page, site: str) -> None:
    open_map(page, f"{site}/?book=Dune&other=Foundatoin")
    expect(page.locator("detail-panel [role=alert]")).to_contain_text("Foundatoin")
    expect(page.get_by_role("button", name="Foundation", exact=True)).to_be_visible()


def test_the_ego_view_shows_true_links_and_true_books(page: Page, site: str) -> None:
    open_map(page, f"{site}/?book=Dune")
    expect_loaded(page)
    page.get_by_role("link", name="Its links and the books beyond").click()
    expect(page.locator("ego-view svg")).to_be_visible()
    assert query_of(page)["view"] == ["ego"]
    answer = ask(
        site,
        """{ book(title: "Dune") { links(first: 60) { nodes { title
          books(first: 100) { nodes { title } } } } } }""",
    )["book"]
    assert isinstance(answer, dict)
    books_of = {
        link["title"]: {book["title"] for book in link["books"]["nodes"]}
        for link in answer["links"]["nodes"]
    }
    shown = page.evaluate(
        """() => {
          const text = (id) => document.querySelector(`[data-node="${id}"] text`).textContent;
          return [...document.querySelectorAll(".ego-edge")]
            .map((edge) => edge.dataset.ends.split(" "))
            .filter(([from]) => from !== "book")
            .map((ends) => ends.map(text));
        }"""
    )
    assert len(shown) > 30
    for link, book in shown:
        if "…" not in link + book:
            assert book in books_of[link], (link, book)
    assert page.locator(".ego-node.is-link").count() <= 26


def test_the_ego_view_goes_from_book_to_book_and_back(page: Page, site: str) -> None:
    open_map(page, f"{site}/?book=Dune&view=ego")
    beyond = page.locator(".ego-node:not(.is-link)").first
    title = beyond.locator("text").text_content()
    assert title is not None
    beyond.hover()
    expect(page.locator(".ego-edge.is-lit").first).to_be_visible()
    beyond.click()
    expect(page.locator(".ego-centre text")).to_have_text(title)
    expect(page.locator("detail-panel h2")).to_have_text(title)
    page.go_back()
    expect(page.locator(".ego-centre text")).to_have_text("Dune")
    expect_loaded(page)
    page.get_by_role("link", name="Back to the map").click()
    expect(page.locator("ego-view")).to_be_hidden()
    expect(page.locator("map-legend")).to_be_visible()
