"""Pages that join several books: comparisons, mixes, predicted topics, and the topics' graph."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from .steps import expect_loaded, highlighted, open_map, query_of, run_query


def test_why_opens_a_comparison(page: Page, site: str) -> None:
    open_map(page, f"{site}/?book=Dune")
    expect_loaded(page)
    other = page.locator(".near-title").nth(3).inner_text()
    page.get_by_role("link", name=f"Compare Dune with {other}").click()
    expect(page.locator(".kicker")).to_have_text("Comparison")
    expect_loaded(page)
    assert query_of(page)["other"] == [other]
    data = run_query(
        site,
        f'{{ compare(a: "Dune", b: "{other}", first: 40) {{ score numShared jaccard '
        "shared { link { title numBooks } } } }",
    )["compare"]
    expect(page.locator(".pair-score .score-number")).to_have_text(f"{data['score']:.2f}")
    rows = page.locator(".weights li")
    assert rows.locator(".chip").all_inner_texts() == [
        one["link"]["title"] for one in data["shared"]
    ]
    widths = rows.locator(".weight-bar span").evaluate_all("(all) => all.map((o) => o.offsetWidth)")
    assert widths == sorted(widths, reverse=True)
    assert len({*widths}) > 1
    assert highlighted(page) == {other}
    chain = page.locator(".chain").first
    assert chain.locator("a").first.inner_text() == "Dune"
    assert chain.locator("a").last.inner_text() == other


def test_books_of_a_mix_can_be_added_turned_and_removed(page: Page, site: str) -> None:
    open_map(page, f"{site}/?book=Dune")
    expect_loaded(page)
    similar = page.locator(".near-title").nth(2).inner_text()
    page.get_by_role("link", name=f"Find books like Dune and {similar}").click()
    expect(page.locator(".kicker")).to_have_text("Mix of books")
    expect_loaded(page)
    assert query_of(page)["like"] == ["Dune", similar]
    data = run_query(
        site,
        f'{{ similarBooks(like: ["Dune", "{similar}"], first: 20) '
        "{ edges { node { title } } } }",
    )["similarBooks"]
    assert page.locator(".near-title").all_inner_texts() == [
        edge["node"]["title"] for edge in data["edges"]
    ]
    with_both = page.locator(".near-title").all_inner_texts()
    page.get_by_role("link", name=f"Find books unlike {similar} instead").click()
    expect(page.locator(".mix-part.is-minus .mix-title")).to_have_text(similar)
    expect_loaded(page)
    assert query_of(page)["unlike"] == [similar]
    assert page.locator(".near-title").all_inner_texts() != with_both
    page.get_by_role("link", name=f"Remove {similar}").click()
    expect(page.locator(".mix-part")).to_have_count(1)
    page.get_by_role("link", name="Remove Dune").click()
    expect(page.locator("detail-panel")).to_be_hidden()
    page.go_back()
    expect(page.locator(".mix-part")).to_have_count(1)


def test_a_mix_highlights_its_books_and_the_similar_ones(page: Page, site: str) -> None:
    open_map(page, f"{site}/?like=Dune&like=Emma")
    expect_loaded(page)
    similar = {*page.locator(".near-title").all_inner_texts()}
    assert highlighted(page) == similar | {"Dune", "Emma"}


def test_predicted_topics_are_not_the_books_own(page: Page, site: str) -> None:
    open_map(page, f"{site}/?book=Dune")
    expect_loaded(page)
    part = page.locator(".part", has=page.get_by_text("Predicted topics"))
    predicted = {*part.locator(".chip").all_inner_texts()}
    own = page.locator(".part", has=page.locator("h3", has_text="in total"))
    assert len(predicted) == 8
    assert not predicted & {*own.locator(".chip").all_inner_texts()}


def test_a_link_opens_the_same_page_in_a_new_tab(page: Page, site: str) -> None:
    open_map(page, f"{site}/?book=Dune")
    expect_loaded(page)
    link = page.locator(".near-title").first
    title = link.inner_text()
    with page.context.expect_page() as opened:
        link.click(modifiers=["ControlOrMeta"])
    other = opened.value
    expect(other.locator("detail-panel h2")).to_have_text(title)
    expect(page.locator("detail-panel h2")).to_have_text("Dune")


def test_a_comparison_names_the_unknown_book(page: Page, site: str) -> None:
    open_map(page, f"{site}/?book=Dune&other=Foundatoin")
    expect(page.locator("detail-panel [role=alert]")).to_contain_text("Foundatoin")
    expect(page.get_by_role("button", name="Foundation", exact=True)).to_be_visible()


def test_the_ego_view_shows_the_graphs_own_links_and_books(page: Page, site: str) -> None:
    open_map(page, f"{site}/?book=Dune")
    expect_loaded(page)
    page.get_by_role("link", name="Explore its topics").click()
    expect(page.locator("ego-view svg")).to_be_visible()
    assert query_of(page)["view"] == ["ego"]
    data = run_query(
        site,
        """{ book(title: "Dune") { links(first: 60) { nodes { title
          books(first: 100) { nodes { title } } } } } }""",
    )["book"]
    books_of = {
        link["title"]: {book["title"] for book in link["books"]["nodes"]}
        for link in data["links"]["nodes"]
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


def test_the_ego_view_leads_from_book_to_book_and_back(page: Page, site: str) -> None:
    open_map(page, f"{site}/?book=Dune&view=ego")
    other = page.locator(".ego-node:not(.is-link)").first
    title = other.locator("text").text_content()
    assert title is not None
    other.hover()
    expect(page.locator(".ego-edge.is-lit").first).to_be_visible()
    other.click()
    expect(page.locator(".ego-centre text")).to_have_text(title)
    expect(page.locator("detail-panel h2")).to_have_text(title)
    page.go_back()
    expect(page.locator(".ego-centre text")).to_have_text("Dune")
    expect_loaded(page)
    page.get_by_role("link", name="Back to the map").click()
    expect(page.locator("ego-view")).to_be_hidden()
    expect(page.locator("map-legend")).to_be_visible()


def test_the_ego_view_and_the_panel_lead_to_each_other(page: Page, site: str) -> None:
    open_map(page, f"{site}/?book=Dune")
    expect_loaded(page)
    for _ in range(2):
        page.get_by_role("link", name="Explore its topics").click()
        expect(page.locator("ego-view")).to_be_visible()
        page.get_by_role("link", name="Back to the map").click()
        expect(page.locator("ego-view")).to_be_hidden()
