"""Dumps: hand-written small XML, cut and chunked in every way, and the real excerpt."""

from __future__ import annotations

import bz2
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bookgraph.core.errors import InputError
from bookgraph.core.types import BookRecord
from bookgraph.ingest import BadRecord
from bookgraph.ingest.read import dump
from bookgraph.ingest.read.dump import OTHER_NAMESPACE, iter_dump, scan_pages
from bookgraph.ingest.report import SkippedPage
from bookgraph.ingest.wikitext.page import NOT_USED

_BOX = "{{Infobox book|name=N|author=[[Frank Herbert]]}}"


def _page(title: str, text: str, *, ns: int = 0, extra: str = "") -> str:
    return (
        f"<page><title>{title}</title><ns>{ns}</ns><id>1</id>{extra}"
        "<revision><timestamp>2018-09-01T00:00:00Z</timestamp>"
        f'<text xml:space="preserve">{text}</text></revision></page>'
    )


def _redirect(title: str, target: str, *, ns: int = 0) -> str:
    return _page(title, f"#REDIRECT [[{target}]]", ns=ns, extra=f'<redirect title="{target}" />')


def _dump(*pages: str) -> bytes:
    info = "<siteinfo><dbname>enwiki</dbname></siteinfo>"
    return f'<mediawiki xml:lang="en">{info}{"".join(pages)}</mediawiki>\n'.encode()


def _read(data: bytes, *, chunk_bytes: int = 2**20) -> tuple[list[BookRecord], list[BadRecord]]:
    bad: list[BadRecord] = []
    chunks = (data[at : at + chunk_bytes] for at in range(0, len(data), chunk_bytes))
    records = list(iter_dump(chunks, source="some.xml", on_bad=bad.append))
    return records, bad


def _refuse(bad: BadRecord) -> None:
    pytest.fail(repr(bad))


def test_a_book_page_becomes_a_record() -> None:
    text = f"{_BOX} A [[novel|book]] on [[Arrakis]]. [http://x.org site] [[Category:Novels]]"
    assert _read(_dump(_page("Dune", text))) == (
        [
            BookRecord(
                title="Dune",
                infobox={"name": "N", "author": "Frank Herbert"},
                wikilinks=("Frank Herbert", "novel", "Arrakis", "Category:Novels"),
                external_links=("http://x.org",),
                edited_at="2018-09-01T00:00:00Z",
                length=len("A book on Arrakis. site Category:Novels"),
            )
        ],
        [],
    )


def test_pages_without_the_template_and_redirects_are_passed_over_and_not_bad() -> None:
    data = _dump(
        _page("Person", "{{Infobox person|name=X}} [[Dune]]"),
        _redirect("Dune (book)", "Dune"),
        # A redirect may keep its old text below.
        _page("Old", f"#REDIRECT [[Dune]] {_BOX}", extra='<redirect title="Dune" />'),
        _page("Dune", _BOX),
        _page("List", "{{Infobox book series|name=X}} {{infobox booklet|a=b}}"),
    )
    records, bad = _read(data)
    assert [record.title for record in records] == ["Dune"]
    assert bad == []


@pytest.mark.parametrize("ns", [1, 2, 3, 4, 10, 14, 118])
def test_pages_of_other_namespaces_are_left_out_and_not_bad(ns: int) -> None:
    data = _dump(_page("Some: page", _BOX, ns=ns), _page("Draft: no prefix", _BOX))
    records, bad = _read(data)
    assert [record.title for record in records] == ["Draft: no prefix"]
    assert bad == []
    scan = scan_pages(data)
    assert scan.skipped == [SkippedPage(1, OTHER_NAMESPACE, "Some: page", is_bad=False)]
    wanted = scan_pages(data, namespaces=frozenset({0, ns}))
    assert [record.title for record in wanted.records] == ["Some: page", "Draft: no prefix"]


def test_a_page_as_the_content_exporter_writes_it() -> None:
    text = _BOX.replace("N", "&quot;N&quot;") + " &lt;ref name=&quot;a&quot; /&gt; [[novel]]"
    page = f"""  <page>
    <title>Dune &quot;novel&quot;</title>
    <ns>0</ns>
    <id>7</id>
    <revision>
      <id>9</id>
      <timestamp>2026-08-31T10:00:00Z</timestamp>
      <contributor deleted="deleted" />
      <comment deleted="deleted" />
      <origin>9</origin>
      <model>wikitext</model>
      <format>text/x-wiki</format>
      <text bytes="{len(text)}" sha1="abc" xml:space="preserve">{text}</text>
      <sha1>abc</sha1>
      <content>
        <role>mediainfo</role>
        <origin>9</origin>
        <model>wikibase-mediainfo</model>
        <format>application/json</format>
        <text bytes="2" sha1="x" xml:space="preserve">{{{{}}}}</text>
      </content>
    </revision>
  </page>
"""
    empty = """<page><title>Empty</title><ns>0</ns><id>8</id><revision><id>1</id>
      <text bytes="0" /></revision></page>"""
    redirect = """<page><title>Old &quot;Dune&quot;</title>
    <ns>0</ns>
    <id>9</id>
    <redirect title="Dune &quot;novel&quot;" />
    <revision><text bytes="9" xml:space="preserve">#REDIRECT</text></revision></page>"""
    data = _dump(page, empty, redirect)
    ((record,), bad) = _read(data)
    assert bad == []
    assert record.title == 'Dune "novel"'
    assert record.infobox == {"name": '"N"', "author": "Frank Herbert"}
    assert record.wikilinks == ("Frank Herbert", "novel")
    assert record.edited_at == "2026-08-31T10:00:00Z"
    assert scan_pages(data).redirects == [('Old "Dune"', 'Dune "novel"')]


@pytest.mark.parametrize("order", [1, -1])
def test_the_latest_revision_of_a_history_counts_in_either_order(order: int) -> None:
    revisions = [
        f"<revision><timestamp>20{year}-01-01T00:00:00Z</timestamp><text>{text}</text></revision>"
        for year, text in (("01", "x"), ("05", _BOX), ("09", _BOX.replace("N", "Last")))
    ]
    page = f"<page><title>Dune</title><ns>0</ns><id>1</id>{''.join(revisions[::order])}</page>"
    ((record,), _) = _read(_dump(page))
    assert record.infobox["name"] == "Last"
    assert record.edited_at.startswith("2009")


@pytest.mark.parametrize(
    "text",
    [
        "#REDIRECT [[Dune (novel)]]",
        "#redirect:[[Dune (novel)#Plot|x]]",
        "#WEITERLEITUNG [[:Dune (novel)]] {{R}}",
        "#REDIRECT [[ Dune (novel) ]]",
    ],
)
def test_redirects_of_old_schemas_name_their_target_in_the_text(text: str) -> None:
    page = (
        f"<page><title>Dune</title><id>1</id><redirect /><revision>"
        f'<text xml:space="preserve">{text}</text></revision></page>'
    )
    broken = (
        "<page><title>No</title><id>2</id><redirect/><revision><text>#R</text></revision></page>"
    )
    plain = _page("Article", "[[Link]]")
    data = _dump(broken, plain, page, plain)
    assert scan_pages(data).redirects == [("Dune", "Dune (novel)")]


def test_documents_one_after_the_other_are_one_dump() -> None:
    data = _dump(_page("A", _BOX)) + _dump(_page("B", _BOX), _page("C", "x"))
    records, bad = _read(data)
    assert [record.title for record in records] == ["A", "B"]
    assert bad == []


@pytest.mark.parametrize(
    "opening",
    [
        "{{Infobox book|",
        "{{infobox Book |",
        "{{Infobox_book\n|",
        "{{ Infobox  book\n |",
        "{{Template:Infobox book|",
        "{{template: infobox book|",
        "{{Infobox book&lt;!-- see the template's page --&gt;|",
        "{{Infobox book &lt;!-- x --&gt;\n|",
        "{{&lt;!-- x --&gt;Infobox book|",
        "{{Infobox novel|",
        "{{Infobox Novel\n|",
    ],
)
def test_the_template_is_found_however_its_name_is_written(opening: str) -> None:
    records, _ = _read(_dump(_page("Dune", f"'''Dune''' {opening}author=Frank Herbert}}}}")))
    assert [record.infobox for record in records] == [{"author": "Frank Herbert"}]


def test_a_template_in_nowiki_or_in_a_comment_makes_no_book_and_is_counted() -> None:
    data = _dump(
        _page("Help", f"&lt;nowiki&gt;{_BOX}&lt;/nowiki&gt;"),
        _page("Note", f"&lt;!-- {_BOX} --&gt; text"),
    )
    records, bad = _read(data)
    assert records == []
    assert [(one.position, one.reason, one.example) for one in bad] == [
        (1, NOT_USED, "Help"),
        (2, NOT_USED, "Note"),
    ]


def test_marks_that_are_never_closed_lose_no_book() -> None:
    page = _page("Tags", _BOX + "&lt;b&gt;" * 100_000 + "{{" * 100_000)
    records, bad = _read(_dump(page))
    assert [record.title for record in records] == ["Tags"]
    assert bad == []


def test_entities_are_decoded_once_in_xml_and_once_in_wikitext() -> None:
    box = "{{Infobox book|publisher=Simon &amp;amp; Schuster|x=&lt;br/&gt;}}"
    text = f"{box} [[AT&amp;T]] [[Q&amp;amp;A]]"
    records, _ = _read(_dump(_page("Simon &amp; &quot;Garfunkel&quot; &#233;", text)))
    assert records[0].title == 'Simon & "Garfunkel" é'
    assert records[0].infobox["publisher"] == "Simon & Schuster"
    assert records[0].wikilinks == ("AT&T", "Q&A")


def test_the_first_of_two_infoboxes_counts() -> None:
    second = "{{Infobox book|name=Second|pages=2}}"
    records, _ = _read(_dump(_page("Two", f"{_BOX} text {second}")))
    assert records[0].infobox == {"name": "N", "author": "Frank Herbert"}


def test_nested_templates_and_links_are_read() -> None:
    text = (
        "{{Infobox book|author={{nowrap|[[Frank Herbert]]}}|genre={{flatlist|\n* [[Novel]]}}}}"
        "[[File:X.jpg|thumb|a [[caption]]]]"
    )
    records, _ = _read(_dump(_page("Dune", text)))
    assert records[0].wikilinks == ("Frank Herbert", "Novel", "File:X.jpg", "caption")


def test_the_last_revision_of_a_history_counts() -> None:
    old = "<revision><timestamp>2001</timestamp><text>{{Infobox book|name=Old}}</text></revision>"
    new = f"<revision><timestamp>2018</timestamp><text>{_BOX}</text></revision>"
    data = _dump(f"<page><title>Dune</title><ns>0</ns><id>1</id>{old}{new}</page>")
    records, _ = _read(data)
    assert [(record.edited_at, record.infobox["name"]) for record in records] == [("2018", "N")]


@pytest.mark.parametrize(
    ("page", "reason"),
    [
        (f"<page><title>A & B</title><text>{_BOX}</text></page>", "not well-formed XML"),
        (f"<page><title>A</titel><text>{_BOX}</text></page>", "not well-formed XML"),
        (f"<page><title>A</title><text>&lol9;{_BOX}</text></page>", "not well-formed XML"),
        (f"<page><title>A</title><text>\x00{_BOX}</text></page>", "not well-formed XML"),
        (f"<page><title>A</title><text>\udcff{_BOX}</text></page>", "not well-formed XML"),
        (f"<page><title> </title><text>{_BOX}</text></page>", "the page has no title"),
        (f"<page><revision><text>{_BOX}</text></revision></page>", "the page has no title"),
        (_page("Huge", _BOX + "x" * (2 * 2**20)), "the page is longer than 2 MiB"),
        (_page("Links", _BOX + "[[a]]" * 1_000_000), "the page is longer than 2 MiB"),
        (_page("Open", "{{Infobox book|name=x"), "the infobox is never closed"),
    ],
)
def test_a_broken_candidate_is_counted_with_its_page_number(page: str, reason: str) -> None:
    pages = (_page("First", "text"), page, _page("Dune", _BOX))
    data = f"<mediawiki>{''.join(pages)}</mediawiki>".encode("utf-8", "surrogateescape")
    records, bad = _read(data)
    assert [record.title for record in records] == ["Dune"]
    assert [(item.source, item.position) for item in bad] == [("some.xml", 2)]
    assert reason in bad[0].reason


def test_entities_of_a_doctype_are_not_expanded_and_no_file_is_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("the secret")
    bomb = '<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">'
    doctype = f'<!DOCTYPE mediawiki [{bomb}<!ENTITY file SYSTEM "{secret}">]>'
    pages = _page("One", f"{_BOX} &b;") + _page("Two", f"{_BOX} &file;") + _page("Dune", _BOX)
    records, bad = _read(f"{doctype}<mediawiki>{pages}</mediawiki>".encode())
    assert [record.title for record in records] == ["Dune"]
    assert [item.position for item in bad] == [1, 2]
    # Inside a page, where one could be parsed, a DOCTYPE is no XML at all.
    records, bad = _read(f"<mediawiki><page>{doctype}{pages[6:]}</mediawiki>".encode())
    assert len(bad) == 2
    assert "the secret" not in repr((records, bad))


_SMALL = _dump(
    _page("Person", "{{Infobox person}}"),
    _redirect("X", "Dune"),
    _page("Dune", f"{_BOX} é — 書"),
    _page("Emma", _BOX),
)


@pytest.mark.parametrize("chunk_bytes", [1, 2, 3, 5, 7, 11, 64, 1000])
def test_chunk_borders_anywhere_change_nothing(chunk_bytes: int) -> None:
    expected = _read(_SMALL)
    assert [record.title for record in expected[0]] == ["Dune", "Emma"]
    assert _read(_SMALL, chunk_bytes=chunk_bytes) == expected


def test_a_border_at_every_offset_changes_nothing() -> None:
    expected, _ = _read(_SMALL)
    for border in range(1, len(_SMALL)):
        chunks = [_SMALL[:border], _SMALL[border:]]
        assert list(iter_dump(chunks, source="some.xml", on_bad=_refuse)) == expected, border


def test_a_dump_cut_anywhere_is_said_to_be_cut_or_no_dump() -> None:
    whole = _SMALL.rindex(b"</mediawiki>") + len(b"</mediawiki>")
    for cut in range(1, whole):
        with pytest.raises(InputError) as caught:
            _read(_SMALL[:cut])
        assert "the dump is cut" in str(caught.value) or "holds no <page>" in str(caught.value)


def test_records_before_a_cut_are_given_first() -> None:
    cut = _SMALL.index(b"Emma")
    records = iter_dump([_SMALL[:cut]], source="some.xml", on_bad=_refuse)
    assert next(records).title == "Dune"
    with pytest.raises(
        InputError, match=r"some.xml ends inside page 4: the dump is cut. .* 3 whole"
    ):
        next(records)


def test_a_dump_without_pages_is_no_dump() -> None:
    with pytest.raises(InputError, match=r"some.xml holds no <page>"):
        _read(b"<html><body>Not found</body></html>")


def test_a_page_that_never_ends_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dump, "MAX_PAGE_BYTES", 2**20)
    data = b"<mediawiki>" + _page("A", "x").encode() + b"<page>" + b"x" * (4 * 2**20)
    with pytest.raises(InputError, match=r"a page is longer than 1 MiB. Is this a MediaWiki dump"):
        _read(data)


def test_a_page_of_50_mb_is_passed_over_in_linear_time() -> None:
    text = "x" * (50 * 2**20)
    records, bad = _read(_dump(_page("Big", text), _page("Dune", _BOX)))
    assert [record.title for record in records] == ["Dune"]
    assert bad == []


def test_reading_is_lazy() -> None:
    page = _page("Book", _BOX).encode()
    chunks = iter([page] * 3)
    next(iter_dump(chunks, source="some.xml", on_bad=_refuse))
    assert len(list(chunks)) == 2


def test_scanning_counts_pages_and_keeps_redirects_of_articles() -> None:
    scan = scan_pages(
        _dump(
            _redirect("The Times &amp; Co", "Times &quot;UK&quot;"),
            _redirect("Category:A", "Category:B", ns=14),
            _page("Dune", _BOX),
        )
    )
    assert scan.num_pages == 3
    assert scan.redirects == [("The Times & Co", 'Times "UK"')]
    assert [record.title for record in scan.records] == ["Dune"]


def test_a_template_outside_any_page_is_no_book() -> None:
    data = _dump(_page("A", "x")).replace(b"</siteinfo>", f"{_BOX}</siteinfo>".encode())
    data = data.replace(b"</page>", f"</page>{_BOX}".encode())
    assert scan_pages(data).records == []
    assert scan_pages(data).skipped == []


@settings(deadline=None)
@given(st.binary(max_size=200), st.integers(0, len(_SMALL)))
def test_no_bytes_raise_anything_but_our_own_error(junk: bytes, where: int) -> None:
    try:
        _read(_SMALL[:where] + junk + _SMALL[where:])
    except InputError as error:
        assert "some.xml" in str(error)  # noqa: PT017  # most inputs raise nothing


def test_the_real_excerpt_has_three_books(shared_data: Path) -> None:
    data = bz2.decompress((shared_data / "dumps" / "enwiki-10k.xml.bz2").read_bytes())
    records, bad = _read(data)
    assert [record.title for record in records] == [
        "Wall Around a Star",
        "The Crime at Black Dudley",
        "Saga of Cuckoo",
    ]
    assert bad == []
    scan = scan_pages(data)
    assert scan.num_pages == 196
    # 97 redirects in all, 12 of them outside the articles.
    assert len(scan.redirects) == 85
    assert ("Kahler metric", "Kähler manifold") in scan.redirects
    assert records[2].infobox["name"] == "Farthest Star"
    assert records[0].edited_at == "2018-09-26T18:42:56Z"
