"""What an ingest would make of a file, and why, without a database."""

from __future__ import annotations

import json
from pathlib import Path
from xml.sax.saxutils import escape

import pytest
from typer.testing import CliRunner

from bookgraph.cli.app import app
from bookgraph.core.errors import DataMissingError
from bookgraph.ingest.preview import explain_book, preview_files

_BOX = """{{Infobox book
| name = Emma
| author = [[Jane Austen]]<ref>see [[Page]]</ref>
| genre = {{hlist|[[Novel]]|{{odd one|Satire}}}}
| pages = {{nowrap|1,234 pp}} (first edition)
| pub_date = {{start date|1815|12|23}}
}}
"""


def _write(path: Path, *pages: tuple[str, int, str]) -> Path:
    body = "".join(
        f"<page><title>{escape(title)}</title><ns>{ns}</ns><id>1</id>"
        f"<revision><text>{escape(text)}</text></revision></page>"
        for title, ns, text in pages
    )
    path.write_text(f"<mediawiki><siteinfo></siteinfo>{body}</mediawiki>", "utf-8")
    return path


@pytest.fixture(name="dump")
def _dump(tmp_path: Path) -> Path:
    return _write(
        tmp_path / "dump.xml",
        ("Emma", 0, _BOX + "[[Novel]] [[England]] [[novel]] [[:Category:Novels]] https://a.org/x"),
        ("Persuasion", 0, "{{Infobox book|name=P}} [[England]]"),
        ("User:A/Emma", 2, _BOX),
        ("Broken", 0, "{{Infobox book|name=B"),
    )


def test_a_book_is_shown_as_an_ingest_would_load_it_with_all_its_links(dump: Path) -> None:
    first, second = preview_files([dump]).to_json()
    assert first == {
        "title": "Emma",
        "authors": ["Jane Austen"],
        "genres": ["Novel"],
        "countries": [],
        "languages": [],
        "publishers": [],
        "year": 1815,
        "pages": 1234,
        "links": [
            {"name": "jane austen", "title": "Jane Austen", "kind": "article", "count": 1},
            {"name": "page", "title": "Page", "kind": "article", "count": 1},
            {"name": "novel", "title": "Novel", "kind": "article", "count": 3},
            {"name": "england", "title": "England", "kind": "article", "count": 1},
            {"name": "category:novels", "title": "Category:Novels", "kind": "category", "count": 1},
        ],
        "external_links": ["https://a.org/x"],
        "redirects": [],
    }
    assert second["title"] == "Persuasion"


def test_skipped_pages_are_named_with_their_reason(dump: Path) -> None:
    found = preview_files([dump])
    assert [(page.title, page.reason) for _, page in found.skipped] == [
        ("User:A/Emma", "the page is in a namespace that is not read"),
        ("Broken", "the infobox is never closed"),
    ]
    assert found.unknown_templates == {"odd one": 1}
    titles = [book["title"] for book in preview_files([dump], namespaces=frozenset({2})).to_json()]
    assert titles == ["User:A/Emma"]


def test_a_page_explains_its_values(dump: Path) -> None:
    found = preview_files([dump])
    match = found.find("emma")
    assert match is not None
    by_name = {one.reading.name: one for one in explain_book(match[1], [dump])}
    assert by_name["genres"].source == "{{hlist|[[Novel]]|{{odd one|Satire}}}}"
    assert by_name["genres"].templates == (("odd one", None), ("hlist", "\nNovel\n"))
    assert by_name["pages"].reading.rule == "the first number before pp or pages"
    assert by_name["pages"].reading.text == "1,234 pp (first edition)"
    assert by_name["authors"].source == "[[Jane Austen]]<ref>see [[Page]]</ref>"
    assert by_name["authors"].reading.text == "Jane Austen"


def test_the_command_prints_a_line_or_an_object_a_book(
    dump: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOOKGRAPH_HOME", str(tmp_path / "home"))
    run = CliRunner()
    text = run.invoke(app, ["preview", str(dump)])
    assert text.stdout == (
        "Emma: Jane Austen, Novel, 1815, 1,234 pages, 5 links\nPersuasion: 1 link\n"
    )
    assert "Pages skipped: 2. List them with --skipped." in text.stderr
    assert "Templates left out because no rule knows them: odd one (1)" in text.stderr
    as_json = run.invoke(app, ["preview", "--json", str(dump)])
    assert [json.loads(line)["title"] for line in as_json.stdout.splitlines()] == [
        "Emma",
        "Persuasion",
    ]
    skipped = run.invoke(app, ["preview", "--skipped", str(dump)])
    assert skipped.stdout.splitlines() == [
        f"User:A/Emma: the page is in a namespace that is not read (page 3 of {dump})",
        f"Broken: the infobox is never closed (page 4 of {dump})",
    ]
    page = run.invoke(app, ["preview", "--title", "Emma", str(dump)])
    assert "  template   odd one: no rule knows it\n" in page.stdout
    assert "  template   start date: 1815-12-23\n" in page.stdout
    missing = run.invoke(app, ["preview", "--title", "Broken", str(dump)])
    assert isinstance(missing.exception, DataMissingError)
    assert str(missing.exception) == "No book 'Broken': the infobox is never closed."
