"""The books of a wiki through its API, from a local server that behaves and misbehaves like one."""

from __future__ import annotations

import bz2
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from lxml import etree

from bookgraph.core.errors import (
    BookgraphError,
    DataMissingError,
    DownloadError,
    InputError,
    UsageError,
)
from bookgraph.core.progress import OnProgress, Progress, ignore_progress
from bookgraph.core.types import BookRecord
from bookgraph.ingest import iter_records
from bookgraph.ingest.fetch.api import api_url
from bookgraph.ingest.fetch.archive import PageArchive
from bookgraph.ingest.fetch.pages import FetchedPages, fetch_pages
from bookgraph.ingest.fetch.site import RetryPolicy
from bookgraph.ingest.preview import preview_files
from bookgraph.testing.wiki_api import Wiki, open_wiki

_QUICK = RetryPolicy(num_attempts=3, timeout_s=2.0, pause_s=0.01)


def _text(number: int) -> str:
    return (
        f'{{{{Infobox book|name=Book {number}|author="A & B" [[Writer {number % 7}]]}}}}\n'
        f"[[old name {number % 5}]] [[Only {number}]] [[Category:Novels]]"
    )


@pytest.fixture
def wiki() -> Iterator[Wiki]:
    with open_wiki() as opened:
        for number in range(1, 131):
            opened.add(f"Book {number}", _text(number))
        opened.redirects = {"Old name 1": "New name", "Old name 2": "Book 3", "Only 5": "Book 5"}
        yield opened


def _fetch(
    wiki: Wiki,
    folder: Path,
    *,
    limit: int | None = None,
    is_update: bool = False,
    on_progress: OnProgress = ignore_progress,
) -> FetchedPages:
    return fetch_pages(
        "testwiki",
        folder=folder / "dumps",
        work_dir=folder / "spools",
        limit=limit,
        is_update=is_update,
        api=wiki.url,
        contact="me@example.org",
        policy=_QUICK,
        on_progress=on_progress,
    )


def _records(fetched: FetchedPages) -> dict[str, BookRecord]:
    def fail(bad: object) -> None:
        pytest.fail(repr(bad))

    records = list(iter_records(fetched.paths[0], on_bad=fail))
    assert len({record.title for record in records}) == len(records)
    return {record.title: record for record in records}


def _is_whole(fetched: FetchedPages, wiki: Wiki) -> bool:
    links = {title: record.wikilinks[-2] for title, record in _records(fetched).items()}
    return links == {
        page.title: f"Only {page.text.partition('[[Only ')[2].partition(']')[0]}"
        for page in wiki.pages.values()
        if page.templates
    }


def test_what_the_wiki_has_is_a_dump_that_an_ingest_reads(wiki: Wiki, tmp_path: Path) -> None:
    seen: list[Progress] = []
    fetched = _fetch(wiki, tmp_path, on_progress=seen.append)
    assert _is_whole(fetched, wiki)
    assert (fetched.num_pages, fetched.num_fetched, fetched.num_removed) == (130, 130, 0)
    assert {path.parent for path in fetched.paths} == {tmp_path / "dumps" / "testwiki" / "pages"}
    data = b"".join(bz2.decompress(path.read_bytes()) for path in fetched.paths)
    assert data.count(b"<mediawiki ") == data.count(b"</mediawiki>") == 2
    # Redirects of titles that at least two books link to are resolved; `Only 5` is one book's.
    books = {book["title"]: book for book in preview_files(fetched.paths).to_json()}
    names = {link["name"] for link in books["Book 1"]["links"]}  # type: ignore[attr-defined]
    assert names == {"writer 1", "new name", "only 1", "category:novels"}
    names = {link["name"] for link in books["Book 7"]["links"]}  # type: ignore[attr-defined]
    assert "book 3" in names
    assert "only 5" in {link["name"] for link in books["Book 5"]["links"]}  # type: ignore[attr-defined]
    assert fetched.num_redirects == 2
    assert seen[-1].is_finished
    stages = {progress.stage for progress in seen}
    assert {"Listing pages", "Fetching pages", "Resolving redirects"} <= stages


def test_the_wiki_is_asked_by_its_etiquette(wiki: Wiki, tmp_path: Path) -> None:
    wiki.batch = 40
    fetched = _fetch(wiki, tmp_path)
    assert _is_whole(fetched, wiki)
    assert wiki.most_open == 1
    assert fetched.num_requests == len(wiki.requests)
    assert all(request["maxlag"] == "5" for request in wiki.requests)
    assert max(request.get("pageids", "").count("|") for request in wiki.requests) == 49
    assert max(request.get("titles", "").count("|") for request in wiki.requests) < 50
    assert sum("geicontinue" in request for request in wiki.requests) == 3
    (agent,) = wiki.agents
    assert agent is not None
    assert agent.startswith("bookgraph/")
    assert "me@example.org" in agent


@pytest.mark.parametrize(
    "fault", ["maxlag", "ratelimited", "internal", "429", "503", "html", "cut"]
)
def test_a_busy_wiki_is_asked_again(wiki: Wiki, tmp_path: Path, fault: str) -> None:
    for num_before in range(6):
        folder = tmp_path / str(num_before)
        wiki.faults = [""] * num_before + [fault, fault]
        assert _is_whole(_fetch(wiki, folder), wiki)


def test_lag_may_last_longer_than_a_failure(wiki: Wiki, tmp_path: Path) -> None:
    wiki.faults = ["maxlag"] * 20
    assert _is_whole(_fetch(wiki, tmp_path), wiki)


@pytest.mark.parametrize("num_before", [0, 1, 2, 3, 4, 5])
def test_a_run_that_failed_resumes_where_it_stopped(
    wiki: Wiki, tmp_path: Path, num_before: int
) -> None:
    wiki.faults = [""] * num_before + ["html"] * 3
    with pytest.raises(DownloadError, match=r"run the command again to resume"):
        _fetch(wiki, tmp_path)
    num_had = sum("pageids" in request for request in wiki.requests[:num_before])
    wiki.requests.clear()
    assert _is_whole(_fetch(wiki, tmp_path), wiki)
    assert sum("pageids" in request for request in wiki.requests) == 3 - num_had
    wiki.requests.clear()
    again = _fetch(wiki, tmp_path)
    assert (again.num_fetched, again.num_requests, wiki.requests) == (0, 0, [])


def test_bytes_of_a_run_that_was_killed_are_cut_off(wiki: Wiki, tmp_path: Path) -> None:
    wiki.faults = ["", "", "", "html", "html", "html"]
    with pytest.raises(DownloadError):
        _fetch(wiki, tmp_path)
    (draft,) = tmp_path.rglob("*.part")
    with draft.open("ab") as file:
        file.write(b"half a stream")
    assert _is_whole(_fetch(wiki, tmp_path), wiki)
    assert list(tmp_path.rglob("*.part")) == []


def test_an_update_fetches_only_what_changed(wiki: Wiki, tmp_path: Path) -> None:
    first = _fetch(wiki, tmp_path)
    wiki.edit(7, _text(7).replace("Only 7", "Only seven"))
    wiki.pages[8].templates = frozenset()
    del wiki.pages[9]
    wiki.edit(10, _text(10))
    wiki.pages[10].title = "Moved"
    wiki.pages[200] = wiki.pages[10].__class__("Book 200", _text(200), 7_000)
    unchanged = _fetch(wiki, tmp_path)
    assert (unchanged.num_fetched, unchanged.num_pages) == (0, first.num_pages)
    wiki.requests.clear()
    updated = _fetch(wiki, tmp_path, is_update=True)
    assert _is_whole(updated, wiki)
    assert (updated.num_fetched, updated.num_removed, updated.num_pages) == (3, 2, 129)
    (request,) = (request for request in wiki.requests if "pageids" in request)
    assert sorted(request["pageids"].split("|"), key=int) == ["7", "10", "200"]
    assert "Moved" in _records(updated)
    assert "Book 10" not in _records(updated)


def test_a_limit_is_for_a_try_and_the_rest_may_follow(wiki: Wiki, tmp_path: Path) -> None:
    tried = _fetch(wiki, tmp_path, limit=60)
    assert len(_records(tried)) == tried.num_pages == 60
    assert _fetch(wiki, tmp_path, limit=30).num_requests == 0
    whole = _fetch(wiki, tmp_path)
    assert _is_whole(whole, wiki)
    assert whole.num_fetched == 70


def test_pages_that_vanish_between_list_and_fetch_are_left_out(wiki: Wiki, tmp_path: Path) -> None:
    def vanish(progress: Progress) -> None:
        if progress.stage == "Fetching pages":
            wiki.pages.pop(50, None)

    fetched = _fetch(wiki, tmp_path, on_progress=vanish)
    assert _is_whole(fetched, wiki)
    assert fetched.num_pages == 129


def test_any_order_of_faults_gives_the_same_pages(wiki: Wiki, tmp_path: Path) -> None:
    generator = random.Random(4)
    wiki.batch = 60
    faults = ["", "", "maxlag", "429", "503", "html", "cut", "ratelimited"]
    for trial in range(15):
        wiki.faults = generator.choices(faults, k=40)
        folder = tmp_path / str(trial)
        for _ in range(20):
            try:
                fetched = _fetch(wiki, folder)
            except DownloadError:
                continue
            break
        assert _is_whole(fetched, wiki)


@pytest.mark.parametrize("num_appends", range(1, 12))
def test_an_interruption_at_any_moment_loses_and_doubles_nothing(
    wiki: Wiki, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, num_appends: int
) -> None:
    left = num_appends
    append = PageArchive.append

    def interrupted(self: PageArchive, data: bytes, pages: dict[int, int]) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise KeyboardInterrupt
        append(self, data, pages)

    with monkeypatch.context() as patch:
        patch.setattr(PageArchive, "append", interrupted)
        with pytest.raises(KeyboardInterrupt):
            _fetch(wiki, tmp_path)
    wiki.edit(3, _text(3).replace("Only 3", "Only three"))
    del wiki.pages[4]
    fetched = _fetch(wiki, tmp_path)
    assert _is_whole(fetched, wiki)
    for path in fetched.paths:
        data = bz2.decompress(path.read_bytes())
        assert data.count(b"<mediawiki ") == data.count(b"</mediawiki>") == 1
    assert fetched.num_redirects == 2


def test_redirects_that_a_stop_left_out_are_resolved_by_the_next_run(
    wiki: Wiki, tmp_path: Path
) -> None:
    _fetch(wiki, tmp_path)
    wiki.edit(7, _text(7))
    wiki.redirects["Old name 3"] = "Another name"
    wiki.faults = ["", "", "", "html", "html", "html"]
    with pytest.raises(DownloadError):
        _fetch(wiki, tmp_path, is_update=True)
    fetched = _fetch(wiki, tmp_path)
    assert _is_whole(fetched, wiki)
    assert fetched.num_redirects == 3
    assert _fetch(wiki, tmp_path).num_requests == 0


def test_an_update_keeps_the_limit_and_looks_redirects_up_again(wiki: Wiki, tmp_path: Path) -> None:
    assert _fetch(wiki, tmp_path, limit=60).num_redirects == 2
    wiki.redirects = {"Old name 1": "Newest name"}
    updated = _fetch(wiki, tmp_path, is_update=True)
    assert (updated.num_pages, updated.num_fetched, updated.num_redirects) == (60, 0, 1)
    assert b"Newest name" in bz2.decompress(updated.paths[1].read_bytes())


def test_a_limit_above_the_number_of_books_is_none(wiki: Wiki, tmp_path: Path) -> None:
    assert _fetch(wiki, tmp_path, limit=500).num_pages == 130
    assert _fetch(wiki, tmp_path, limit=1_000).num_requests == 0
    assert _fetch(wiki, tmp_path).num_requests == 0


def test_a_batch_of_pages_that_are_all_gone_is_no_end(wiki: Wiki, tmp_path: Path) -> None:
    def vanish(progress: Progress) -> None:
        if progress.stage == "Fetching pages":
            for number in range(1, 51):
                wiki.pages.pop(number, None)

    fetched = _fetch(wiki, tmp_path, on_progress=vanish)
    assert _is_whole(fetched, wiki)
    etree.fromstring(bz2.decompress(fetched.paths[0].read_bytes()))


def test_a_damaged_file_is_not_updated_but_named(wiki: Wiki, tmp_path: Path) -> None:
    path = _fetch(wiki, tmp_path).paths[0]
    packed = path.read_bytes()
    wiki.edit(7, _text(7))
    for position in range(20, len(packed), len(packed) // 9):
        path.write_bytes(packed[:position] + bytes([packed[position] ^ 1]) + packed[position + 1 :])
        with pytest.raises(InputError, match=r"is damaged|is cut"):
            _fetch(wiki, tmp_path, is_update=True)
    path.write_bytes(packed)
    assert _is_whole(_fetch(wiki, tmp_path, is_update=True), wiki)


def test_two_runs_at_once_do_not_mix(wiki: Wiki, tmp_path: Path) -> None:
    refused: list[str] = []

    def run_another(progress: Progress) -> None:
        if progress.stage == "Fetching pages" and not refused:
            with pytest.raises(BookgraphError) as error:
                _fetch(wiki, tmp_path)
            refused.append(str(error.value))

    assert _is_whole(_fetch(wiki, tmp_path, on_progress=run_another), wiki)
    assert "Another bookgraph process is fetching pages" in refused[0]


@pytest.mark.parametrize("query", [[], None, "x"])
def test_answers_of_another_form_are_asked_again(
    wiki: Wiki, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, query: object
) -> None:
    monkeypatch.setattr(Wiki, "answer", lambda *_: {"query": query})
    with pytest.raises(DownloadError, match=r"no JSON object of the API|uses Template"):
        _fetch(wiki, tmp_path)


@pytest.mark.parametrize("contact", ["J\u00f6rg", "a\nb"])
def test_a_contact_that_no_header_can_hold_is_refused(
    wiki: Wiki, tmp_path: Path, contact: str
) -> None:
    with pytest.raises(UsageError, match="Use an e-mail address or URL in ASCII letters"):
        fetch_pages("testwiki", folder=tmp_path, work_dir=tmp_path, api=wiki.url, contact=contact)


@pytest.mark.parametrize("api", ["wiki.example", "ftp://x/y", "https://"])
def test_an_address_that_is_none_is_refused(tmp_path: Path, api: str) -> None:
    with pytest.raises(UsageError, match="Invalid URL in --api"):
        fetch_pages("testwiki", folder=tmp_path, work_dir=tmp_path, api=api)


def test_what_cannot_be_fetched_is_said(wiki: Wiki, tmp_path: Path) -> None:
    wiki.faults = ["error"]
    with pytest.raises(DownloadError, match="the API refuses with the code badvalue"):
        _fetch(wiki, tmp_path)
    for page in wiki.pages.values():
        page.templates = frozenset()
    with pytest.raises(DataMissingError, match=r"No page of http.* uses Template:Infobox book"):
        _fetch(wiki, tmp_path)


def test_the_address_of_an_api_follows_from_the_wiki() -> None:
    assert api_url("enwiki") == "https://en.wikipedia.org/w/api.php"
    assert api_url("zh_min_nanwiki") == "https://zh-min-nan.wikipedia.org/w/api.php"
    assert api_url("dewiktionary") == "https://de.wiktionary.org/w/api.php"
    assert api_url("commonswiki") == "https://commons.wikimedia.org/w/api.php"
    with pytest.raises(UsageError, match="Name one with --api"):
        api_url("english")
