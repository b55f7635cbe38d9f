"""Generated dumps: what they say of themselves is what a reader finds, in every form."""

from __future__ import annotations

import bz2
from collections import Counter
from pathlib import Path

import mwparserfromhell
import pytest
from lxml import etree

from bookgraph.ingest import iter_records
from bookgraph.ingest.read.dump import OTHER_NAMESPACE, scan_pages
from bookgraph.testing.dumps import DumpForm, write_dump


@pytest.mark.parametrize("form", ["plain", "single", "multistream"])
def test_what_was_written_is_what_is_read(tmp_path: Path, form: DumpForm) -> None:
    dump = write_dump(tmp_path / "dump", num_bytes=2_000_000, form=form)
    data = dump.path.read_bytes()
    xml = data if form == "plain" else bz2.decompress(data)
    assert len(xml) == dump.num_bytes
    assert 2_000_000 <= dump.num_bytes < 2_200_000
    scan = scan_pages(xml)
    assert scan.skipped == []
    assert scan.num_pages == dump.num_pages
    assert len(scan.records) == dump.num_books == sum(1 for _ in iter_records(dump.path))
    assert len(scan.redirects) == dump.num_redirects
    # One in two hundred, the first in the middle.
    assert dump.num_books == (dump.num_pages + 99) // 200
    assert 0.45 < dump.num_redirects / dump.num_pages < 0.55
    if form == "multistream":
        assert data.count(b"BZh91AY&SY") == 1 + -(-(dump.num_pages + 1) // 100)


def test_a_content_export_is_mostly_talk_and_user_pages_which_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "dump.xml"
    dump = write_dump(path, num_bytes=8_000_000, form="plain", layout="content")
    data = path.read_bytes()
    root = etree.fromstring(data)
    namespaces = Counter(int(page.findtext("{*}ns") or "") for page in root.iterfind("{*}page"))
    assert namespaces[1] + namespaces[2] + namespaces[3] > 0.5 * dump.num_pages
    scan = scan_pages(data)
    assert scan.num_pages == dump.num_pages
    assert len(scan.records) == dump.num_books > 0
    assert len(scan.redirects) == dump.num_redirects
    assert {page.reason for page in scan.skipped} == {OTHER_NAMESPACE}
    assert not any(page.is_bad for page in scan.skipped)
    assert all(":" in page.title for page in scan.skipped)
    with_drafts = scan_pages(data, namespaces=frozenset({*namespaces}))
    assert len(with_drafts.records) == len(scan.records) + len(scan.skipped)


def test_one_seed_one_dump(tmp_path: Path) -> None:
    first, again, other = (
        write_dump(
            tmp_path / str(row), num_bytes=300_000, form="plain", seed=seed
        ).path.read_bytes()
        for row, seed in enumerate((1, 1, 2))
    )
    assert first == again
    assert first != other


def test_it_is_well_formed_and_as_dense_in_markup_as_the_real_excerpt(
    tmp_path: Path, shared_data: Path
) -> None:
    path = write_dump(tmp_path / "dump", num_bytes=3_000_000, form="plain").path
    made = path.read_bytes()
    real = bz2.decompress((shared_data / "dumps" / "enwiki-10k.xml.bz2").read_bytes())
    root = etree.fromstring(made)
    assert {page.findtext("{*}ns") for page in root.iterfind("{*}page")} == {
        "0",
        "4",
        "10",
        "14",
        "100",
    }
    # What decides how long each reader takes: lines, entities, pages, and how well it compresses.
    for mark in (b"\n", b"&", b"<page>"):
        ratio = (made.count(mark) / len(made)) / (real.count(mark) / len(real))
        assert 0.6 < ratio < 1.6, mark
    ratio = (len(made) / len(bz2.compress(made))) / (len(real) / len(bz2.compress(real)))
    assert 0.8 < ratio < 1.3


def test_books_have_fields_links_and_urls(tmp_path: Path) -> None:
    path = write_dump(tmp_path / "dump", num_bytes=1_500_000, form="plain").path
    records = list(iter_records(path))
    assert records[0].title == "Book 100"
    assert "genre" in records[0].infobox
    assert records[0].infobox["pages"].endswith(" pp")
    assert min(len(record.wikilinks) for record in records) > 3
    page = etree.fromstring(path.read_bytes()).findall("{*}page")[100]
    text = page.findtext("{*}revision/{*}text")
    code = mwparserfromhell.parse(text)
    assert list(records[0].wikilinks) == [
        str(link.title.strip_code()).strip() for link in code.filter_wikilinks()
    ]


@pytest.mark.slow
def test_books_have_as_many_links_as_real_ones(tmp_path: Path) -> None:
    path = write_dump(tmp_path / "dump", num_bytes=12_000_000, form="plain").path
    num_links = sorted(len(record.wikilinks) for record in iter_records(path))
    # The median of 1,413 real ones is 23.
    assert 15 < num_links[len(num_links) // 2] < 45
