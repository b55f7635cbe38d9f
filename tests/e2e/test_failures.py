"""What goes wrong: unknown books, a server that does not respond, scripts of others."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from playwright.sync_api import Page, expect

from .steps import Watch, click_on, expect_page, lone_book, open_map


def test_the_page_requests_its_own_files_and_the_api_only(page: Page, site: str) -> None:
    paths: list[str] = []
    page.on("request", lambda request: paths.append(urlsplit(request.url).path))
    open_map(page, f"{site}/?book=Dune")
    expect_page(page, "Dune")
    files = {path for path in paths if path != "/graphql"}
    assert all(re.fullmatch(r"/|/[\w/-]+\.(js|json|css|svg)", path) for path in files), files
    assert "/graphql" in paths


def test_the_policy_blocks_scripts_of_other_sites(page: Page, site: str, watch: Watch) -> None:
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


def test_an_unknown_book_offers_similar_titles(page: Page, site: str) -> None:
    open_map(page, f"{site}/?book=Waar+and+Peece")
    expect(page.locator("detail-panel [role=alert]")).to_contain_text("Book not found")
    page.get_by_role("button", name="War and Peace").click()
    expect_page(page, "War and Peace")


def test_the_page_recovers_when_the_server_responds_again(
    page: Page, site: str, watch: Watch
) -> None:
    watch.allowed.append("Failed to load resource")
    page.route("**/graphql", lambda route: route.abort())
    page.goto(site)
    expect(page.get_by_role("alert")).to_contain_text("The server does not respond")
    page.unroute("**/graphql")
    page.get_by_role("button", name="Retry").click()
    expect(page.locator("status-line")).to_contain_text("1,310 books")
    expect(page.locator(".notice")).to_have_count(0)


def test_a_failure_in_the_panel_can_be_retried(page: Page, site: str, watch: Watch) -> None:
    watch.allowed.append("Failed to load resource")
    open_map(page, site)
    page.route("**/graphql", lambda route: route.abort())
    click_on(page, lone_book(page))
    expect(page.locator("detail-panel [role=alert]")).to_contain_text("does not respond")
    page.unroute("**/graphql")
    page.get_by_role("button", name="Retry").click()
    expect(page.locator("detail-panel .near > li").first).to_be_visible()
