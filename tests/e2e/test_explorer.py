"""What a reader does with the map: look, hover, click, search, colour, go back, send an address."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect
from starlette.applications import Starlette
from starlette.routing import Mount

from bookgraph.api import build_app
from bookgraph.graph.store import Store
from bookgraph.testing.running import running_app

from .conftest import Watch, open_map, settle, watched_page

NUM_BOOKS = 1310

# The picture's pixel at a point's place, as "#rrggbb".
PIXEL = """(title) => {
  const map = document.querySelector("book-map");
  const { x, y } = map.screenOf(map.rowOf(title));
  const canvas = map.querySelector("canvas");
  const share = canvas.width / map.clientWidth;
  const pixel = canvas.getContext("2d").getImageData(x * share, y * share, 1, 1).data;
  return "#" + [...pixel.slice(0, 3)].map((v) => v.toString(16).padStart(2, "0")).join("");
}"""
PLACE = """(title) => {
  const map = document.querySelector("book-map");
  return map.screenOf(map.rowOf(title));
}"""


def ask(site: str, query: str, **variables: object) -> dict[str, object]:
    answer = httpx.post(f"{site}/graphql", json={"query": query, "variables": variables}).json()
    assert "errors" not in answer, answer["errors"]
    data: dict[str, object] = answer["data"]
    return data


def query_of(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


def click_on(page: Page, title: str) -> None:
    place = page.evaluate(PLACE, title)
    page.mouse.move(place["x"], place["y"])
    page.mouse.click(place["x"], place["y"])


def expect_page(page: Page, title: str) -> None:
    """Wait until the page of a book or topic is there, and the map has answered to it."""
    expect(page.locator("detail-panel h2")).to_have_text(title)
    expect(page.locator("detail-panel .skeleton")).to_have_count(0)
    settle(page)


def lone_book(page: Page) -> str:
    """A title whose point no card covers and no other point is near."""
    title = page.evaluate(
        """() => {
          const map = document.querySelector("book-map");
          const places = map.titles.map((title) => ({ title, ...map.screenOf(map.rowOf(title)) }));
          const free = places.filter((p) => p.x > 340 && p.x < 1000 && p.y > 90 && p.y < 700);
          const isFar = (p, o) => o === p || Math.hypot(o.x - p.x, o.y - p.y) > 14;
          return free.find((p) => places.every((o) => isFar(p, o))).title;
        }"""
    )
    assert isinstance(title, str)
    return title


def test_shows_every_book_and_how_far_the_map_can_be_trusted(page: Page, site: str) -> None:
    open_map(page, site)
    expect(page.locator("status-line")).to_contain_text("1,310 books")
    expect(page.locator("status-line")).to_contain_text(re.compile(r"t-SNE keeps \d\d % of"))
    entries = page.locator("map-legend .legend-entry")
    counts = [
        int(text.replace(",", "")) for text in page.locator(".legend-count").all_inner_texts()
    ]
    assert sum(counts) == NUM_BOOKS
    assert entries.count() <= 13
    colours = page.locator("map-legend .swatch").evaluate_all(
        "(all) => all.map((one) => getComputedStyle(one).backgroundColor)"
    )
    assert len({*colours}) == len(colours)


def test_the_answers_are_the_pages_only_requests(page: Page, site: str) -> None:
    paths: list[str] = []
    page.on("request", lambda request: paths.append(urlsplit(request.url).path))
    open_map(page, f"{site}/?book=Dune")
    expect_page(page, "Dune")
    files = {path for path in paths if path != "/graphql"}
    assert all(re.fullmatch(r"/|/[\w/-]+\.(js|css|svg)", path) for path in files), files
    assert "/graphql" in paths


def test_the_policy_forbids_what_is_not_ours(page: Page, site: str, watch: Watch) -> None:
    open_map(page, site)
    watch.allowed += ["Content Security Policy", "example.org", "left loopback"]
    blocked = page.evaluate(
        """() => new Promise((done) => {
          document.addEventListener("securitypolicyviolation", (e) => done(e.blockedURI));
          const script = document.createElement("script");
          script.src = "https://example.org/x.js";
          document.head.append(script);
        })"""
    )
    assert blocked.startswith("https://example.org")


def test_hover_shows_a_card(page: Page, site: str) -> None:
    open_map(page, site)
    title = lone_book(page)
    place = page.evaluate(PLACE, title)
    expect(page.locator("hover-card")).to_be_hidden()
    page.mouse.move(place["x"] + 2, place["y"] + 1)
    card = page.locator("hover-card")
    expect(card.locator(".title")).to_have_text(title)
    book = ask(site, "query($t: String!) { book(title: $t) { author year } }", t=title)["book"]
    expect(card).to_contain_text(book["author"])  # type: ignore[index]  # checked by the answer
    page.mouse.move(20, 740)
    expect(card).to_be_hidden()


def test_click_shows_the_nearest_with_scores_and_reasons(page: Page, site: str) -> None:
    open_map(page, site)
    title = lone_book(page)
    click_on(page, title)
    expect_page(page, title)
    assert query_of(page)["book"] == [title]
    answer = ask(
        site,
        """query($t: String!) { similarBooks(like: [$t], first: 15) { edges { score node { title }
          why(first: 6) { link { title } } } } }""",
        t=title,
    )
    edges = answer["similarBooks"]["edges"]  # type: ignore[index]  # as above
    near = page.locator("detail-panel .near > li")
    assert near.locator(".near-title").all_inner_texts()[:15] == [e["node"]["title"] for e in edges]
    assert near.locator(".score-number").all_inner_texts()[:15] == [
        f"{e['score']:.2f}" for e in edges
    ]
    shown = near.first.locator(".chip").all_inner_texts()
    assert shown
    assert shown == [why["link"]["title"] for why in edges[0]["why"]][: len(shown)]


def test_the_nearest_are_lit_and_the_rest_is_dimmed(page: Page, site: str) -> None:
    open_map(page, f"{site}/?book=Dune&at=0,0,1")
    expect_page(page, "Dune")
    settle(page)
    near = page.locator("detail-panel .near-title").first.inner_text()
    far = "Pride and Prejudice"
    lit = {title: page.evaluate(PIXEL, title) for title in (near, far)}
    page.get_by_role("button", name="Close").click()
    settle(page)
    # Where no card covers anything the middle is another pixel: the colours stay the points' own.
    plain = {title: page.evaluate(PIXEL, title) for title in (near, far)}
    assert lit[near] == plain[near]
    assert lit[far] != plain[far]
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    distance = [
        sum(abs(a - b) for a, b in zip(rgb(c[far]), rgb(ground), strict=True)) for c in (lit, plain)
    ]
    assert distance[0] < distance[1] / 2


def rgb(colour: str) -> list[int]:
    if colour.startswith("#"):
        return [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    return [int(value) for value in re.findall(r"\d+", colour)[:3]]


def test_search_forgives_and_flies_there(page: Page, site: str) -> None:
    open_map(page, site)
    page.keyboard.press("/")
    page.keyboard.type("war and pece")
    expect(page.get_by_role("option").first).to_contain_text("War and Peace")
    page.keyboard.press("Enter")
    expect_page(page, "War and Peace")
    settle(page)
    place = page.evaluate(PLACE, "War and Peace")
    panel = page.locator("detail-panel").bounding_box()
    assert panel is not None
    assert 0 < place["x"] < panel["x"]
    assert 0 < place["y"] < 760
    assert page.evaluate("document.querySelector('book-map').view.zoom") > 1.05


def test_search_by_keys_alone(page: Page, site: str) -> None:
    open_map(page, site)
    field = page.get_by_role("combobox", name="Find a book")
    field.focus()
    page.keyboard.type("london")
    expect(page.get_by_role("option").first).to_be_visible()
    for _ in range(12):
        page.keyboard.press("ArrowDown")
        active = field.get_attribute("aria-activedescendant")
        assert active is not None
        if "in 1" in page.locator(f"#{active}").inner_text():
            break
    page.keyboard.press("Enter")
    expect(page.locator("detail-panel .kicker")).to_have_text("Topic")
    assert "link" in query_of(page)


def test_nothing_found_says_so(page: Page, site: str) -> None:
    open_map(page, site)
    page.get_by_role("combobox", name="Find a book").fill("qqqqzzzzxxxx")
    expect(page.get_by_text("Nothing is called like that.")).to_be_visible()


def test_colours_follow_the_property(page: Page, site: str) -> None:
    open_map(page, site)
    before = page.evaluate(PIXEL, "Anna Karenina")
    for color in ("country", "language", "year", "author", "degree"):
        page.get_by_label("Colour", exact=True).select_option(color)
        assert query_of(page)["color"] == [color]
        labels = page.locator(".legend-label").all_inner_texts()
        assert len(labels) <= 13
        settle(page)
        if color == "language":
            assert "Russian" in labels
            entry = page.locator(".legend-entry", has_text="Russian").locator(".swatch")
            swatch = entry.evaluate("(one) => getComputedStyle(one).backgroundColor")
            assert rgb(swatch) == rgb(page.evaluate(PIXEL, "Anna Karenina"))
            assert page.evaluate(PIXEL, "Anna Karenina") != before


def test_a_legend_entry_is_seen_alone(page: Page, site: str) -> None:
    open_map(page, f"{site}/?color=language")
    english, russian = "Moby-Dick", "Anna Karenina"
    before = page.evaluate(PIXEL, english)
    entry = page.locator(".legend-entry", has_text="Russian")
    entry.click()
    settle(page)
    assert query_of(page)["only"] == ["Russian"]
    expect(entry).to_have_attribute("aria-pressed", "true")
    assert page.evaluate(PIXEL, english) != before
    alone = page.evaluate(PIXEL, russian)
    entry.click()
    settle(page)
    assert "only" not in query_of(page)
    assert page.evaluate(PIXEL, english) == before
    assert page.evaluate(PIXEL, russian) == alone


def test_an_address_shows_what_it_was_sent_for(page: Page, site: str) -> None:
    open_map(page, f"{site}/?color=country&book=Dune&at=3,4,2.5")
    expect_page(page, "Dune")
    assert page.get_by_label("Colour", exact=True).input_value() == "country"
    view = page.evaluate("document.querySelector('book-map').view")
    assert view == {"x": 3, "y": 4, "zoom": 2.5}
    assert page.title().startswith("Dune")


def test_an_address_of_nonsense_shows_the_map(page: Page, site: str) -> None:
    open_map(page, f"{site}/?color=smell&map=7&at=a,b&only=nothing")
    expect(page.locator("status-line")).to_contain_text("1,310 books")
    assert page.get_by_label("Colour", exact=True).input_value() == "genre"


def test_back_undoes_each_step(page: Page, site: str) -> None:
    open_map(page, site)
    page.get_by_label("Colour", exact=True).select_option("country")
    click_on(page, lone_book(page))
    first = page.locator("detail-panel h2").inner_text()
    page.locator("detail-panel .near-title").first.click()
    expect(page.locator("detail-panel h2")).not_to_have_text(first)
    page.go_back()
    expect_page(page, first)
    page.go_back()
    expect(page.locator("detail-panel")).to_be_hidden()
    assert page.get_by_label("Colour", exact=True).input_value() == "country"
    page.go_back()
    assert page.get_by_label("Colour", exact=True).input_value() == "genre"
    page.go_forward()
    assert page.get_by_label("Colour", exact=True).input_value() == "country"


def test_a_topics_page_lights_its_books(page: Page, site: str) -> None:
    open_map(page, f"{site}/?book=Dune")
    page.locator("detail-panel .chip", has_text="Frank Herbert").first.click()
    expect_page(page, "Frank Herbert")
    assert query_of(page)["link"] == ["frank herbert"]
    settle(page)
    lit = page.evaluate("document.querySelector('book-map').litTitles")
    answer = ask(
        site,
        '{ link(name: "frank herbert") { books(first: 100) { edges { node { title } } } } }',
    )
    books = answer["link"]["books"]["edges"]  # type: ignore[index]  # as above
    assert {*lit} == {edge["node"]["title"] for edge in books}


def test_topics_have_a_map_of_their_own(page: Page, site: str) -> None:
    open_map(page, site)
    page.get_by_role("button", name="Topics").click()
    expect(page.locator("status-line")).to_contain_text("1,302 topics")
    assert query_of(page)["map"] == ["link"]
    page.get_by_role("button", name="Books").click()
    expect(page.locator("status-line")).to_contain_text("1,310 books")


def test_a_pointed_at_book_of_the_list_is_ringed_on_the_map(page: Page, site: str) -> None:
    open_map(page, f"{site}/?book=Dune")
    expect_page(page, "Dune")
    row = page.locator("detail-panel .near > li").nth(1)
    row.hover()
    title = row.locator(".near-title").inner_text()
    assert page.evaluate("document.querySelector('book-map').hoveredTitle") == title
    page.mouse.move(400, 740)
    assert page.evaluate("document.querySelector('book-map').hoveredTitle") is None


def test_an_unknown_book_offers_the_nearest(page: Page, site: str) -> None:
    open_map(page, f"{site}/?book=Waar+and+Peece")
    expect(page.locator("detail-panel [role=alert]")).to_contain_text("Book not found")
    page.get_by_role("button", name="War and Peace").click()
    expect_page(page, "War and Peace")


def test_without_a_server_the_page_says_so_and_recovers(
    page: Page, site: str, watch: Watch
) -> None:
    watch.allowed.append("Failed to load resource")
    page.route("**/graphql", lambda route: route.abort())
    page.goto(site)
    expect(page.get_by_role("alert")).to_contain_text("The server does not answer")
    page.unroute("**/graphql")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator("status-line")).to_contain_text("1,310 books")
    expect(page.locator(".notice")).to_have_count(0)


def test_a_failure_in_the_panel_can_be_tried_again(page: Page, site: str, watch: Watch) -> None:
    watch.allowed.append("Failed to load resource")
    open_map(page, site)
    page.route("**/graphql", lambda route: route.abort())
    click_on(page, lone_book(page))
    expect(page.locator("detail-panel [role=alert]")).to_contain_text("does not answer")
    page.unroute("**/graphql")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator("detail-panel .near > li").first).to_be_visible()


def test_wheel_drag_keys_and_buttons_move_the_view(page: Page, site: str) -> None:
    open_map(page, site)
    view = "document.querySelector('book-map').view"
    start = page.evaluate(view)
    under = page.evaluate(PLACE, "Dune")
    page.mouse.move(under["x"], under["y"])
    page.mouse.wheel(0, -400)
    settle(page)
    assert page.evaluate(view)["zoom"] > 1.5
    held = page.evaluate(PLACE, "Dune")
    assert abs(held["x"] - under["x"]) < 1
    assert abs(held["y"] - under["y"]) < 1
    page.mouse.move(600, 700)
    page.mouse.down()
    page.mouse.move(650, 690, steps=4)
    page.wait_for_timeout(120)
    page.mouse.up()
    settle(page)
    moved = page.evaluate(PLACE, "Dune")
    assert abs(moved["x"] - held["x"] - 50) < 2
    assert abs(moved["y"] - held["y"] + 10) < 2
    page.locator("book-map").focus()
    page.keyboard.press("0")
    settle(page)
    assert page.evaluate(view) == pytest.approx(start)
    page.keyboard.press("ArrowRight")
    settle(page)
    assert page.evaluate(view)["x"] > start["x"]
    page.keyboard.press("+")
    page.wait_for_timeout(400)
    assert page.evaluate(view)["zoom"] == pytest.approx(1.5, abs=0.01)
    page.get_by_role("button", name="Show everything").click()
    settle(page)
    assert page.evaluate(view) == pytest.approx(start)


def test_a_map_of_another_size_is_drawn_anew_in_the_same_frame(page: Page, site: str) -> None:
    open_map(page, site)
    wide, narrow = page.evaluate(
        """async () => {
          const map = document.querySelector("book-map");
          const canvas = map.querySelector("canvas");
          const share = () => canvas.width / canvas.clientWidth;
          const wide = share();
          // A task that a frame's callback starts runs after that frame is drawn.
          const narrow = await new Promise((resolve) => requestAnimationFrame(() => {
            map.style.width = `${Math.round(map.clientWidth / 2)}px`;
            setTimeout(() => resolve(share()));
          }));
          map.style.width = "";
          return [wide, narrow];
        }"""
    )
    assert narrow == pytest.approx(wide, rel=0.01)


def test_enter_opens_the_point_in_the_middle_and_escape_closes_it(page: Page, site: str) -> None:
    open_map(page, site)
    page.locator("book-map").focus()
    page.keyboard.press("Enter")
    expect(page.locator("detail-panel h2")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("detail-panel")).to_be_hidden()


def test_themes_change_and_are_remembered(page: Page, site: str) -> None:
    open_map(page, site)
    light = page.evaluate(PIXEL, "Dune"), page.evaluate("getComputedStyle(document.body).color")
    button = page.get_by_role("button", name="Theme")
    button.click()
    button.click()
    expect(button).to_have_attribute("aria-label", "Theme: dark")
    settle(page)
    dark = page.evaluate(PIXEL, "Dune"), page.evaluate("getComputedStyle(document.body).color")
    assert light[0] != dark[0]
    assert light[1] != dark[1]
    open_map(page, site)
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_a_phone_gets_the_page_below_the_map(browser: Browser, site: str, watch: Watch) -> None:
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, reduced_motion="reduce"
    )
    page = watched_page(context, watch)
    open_map(page, f"{site}/?book=Dune")
    expect_page(page, "Dune")
    settle(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    panel = page.locator("detail-panel").bounding_box()
    assert panel is not None
    assert panel["width"] == 390
    assert 0 < page.evaluate(PLACE, "Dune")["y"] < panel["y"]
    page.get_by_role("button", name="Close").click()
    page.get_by_role("button", name="Show the colours").click()
    expect(page.locator(".legend-entry").first).to_be_visible()
    context.close()


def test_works_under_a_path_prefix(page: Page, mapped_store: Store) -> None:
    app = Starlette(routes=[Mount("/library/books", build_app(mapped_store))])
    with running_app(app) as url:
        open_map(page, f"{url}/library/books/?book=Dune")
        expect_page(page, "Dune")
        page.get_by_label("Colour", exact=True).select_option("country")
        assert urlsplit(page.url).path == "/library/books/"


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?book=Dune",
        "?book=Dune&view=ego",
        "?book=Dune&other=Emma",
        "?like=Dune&unlike=Emma",
        "?link=london&map=link",
        "?area=-30,-30 30,-30 30,30 -30,30",
        "?book=Nope",
    ],
)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_no_serious_fault(
    browser: Browser, site: str, watch: Watch, query: str, theme: str
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    context = browser.new_context(
        viewport={"width": 1200, "height": 760}, reduced_motion="reduce", color_scheme=theme
    )
    page = watched_page(context, watch)
    open_map(page, f"{site}/{query}")
    if query:
        expect(page.locator("detail-panel .kicker, detail-panel .failure")).to_be_visible()
    if query == "":
        page.locator(".about summary").click()
        page.get_by_role("combobox", name="Find a book").fill("dune")
        expect(page.get_by_role("option").first).to_be_visible()
    found = axe.run(page).response["violations"]
    serious = [
        (fault["id"], [node["html"][:120] for node in fault["nodes"][:3]])
        for fault in found
        if fault["impact"] in {"serious", "critical"}
    ]
    context.close()
    assert not serious, serious
