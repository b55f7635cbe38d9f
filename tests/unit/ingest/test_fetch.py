"""Fetching from a local server that behaves like the dump site, and misbehaves like a network."""

from __future__ import annotations

import hashlib
import json
import logging
import random
import re
import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from bookgraph.core.errors import ChecksumError, DiskFullError, DownloadError, UsageError
from bookgraph.core.progress import OnProgress, Progress, ignore_progress
from bookgraph.ingest.fetch.choose import choose_dump, list_offers
from bookgraph.ingest.fetch.download import FetchedDump, fetch_dump
from bookgraph.ingest.fetch.site import Part, RetryPolicy
from bookgraph.testing.dump_site import Site, open_dump_site

_QUICK = RetryPolicy(num_attempts=3, timeout_s=0.3, pause_s=0.01)


@pytest.fixture
def site() -> Iterator[Site]:
    with open_dump_site() as opened:
        yield opened


_NAMES = [
    "testwiki-20180901-pages-articles1.xml-p1p900.bz2",
    "testwiki-20180901-pages-articles10.xml-p20000p30000.bz2",
    "testwiki-20180901-pages-articles2.xml-p901p19999.bz2",
]
_PARTS = {name: random.Random(name).randbytes(200_000) for name in _NAMES}
_FIRST = _NAMES[0]


@pytest.fixture
def dump(site: Site) -> Site:
    site.add_dump("20180901", _PARTS)
    return site


def _fetch(
    site: Site,
    folder: Path,
    date: str = "20180901",
    *,
    num_connections: int = 2,
    on_progress: OnProgress = ignore_progress,
) -> FetchedDump:
    return fetch_dump(
        "testwiki",
        date,
        folder=folder,
        site=site.url,
        num_connections=num_connections,
        policy=_QUICK,
        on_progress=on_progress,
    )


def _is_right(fetched: FetchedDump) -> bool:
    return all(path.read_bytes() == _PARTS[path.name] for path in fetched.paths)


def test_files_are_returned_in_the_order_of_their_pages(dump: Site, tmp_path: Path) -> None:
    seen: list[Progress] = []
    fetched = _fetch(dump, tmp_path, on_progress=seen.append)
    assert [path.name for path in fetched.paths] == [_NAMES[0], _NAMES[2], _NAMES[1]]
    assert {path.parent for path in fetched.paths} == {tmp_path / "testwiki" / "20180901"}
    assert _is_right(fetched)
    assert (fetched.num_bytes, fetched.num_fetched_bytes) == (600_000, 600_000)
    assert seen[-1].is_finished
    assert "MB/s" in seen[-1].note
    assert all(agent is not None and "bookgraph" in agent for agent in dump.agents)
    assert sorted(path.suffix for path in tmp_path.rglob("*") if path.is_file()) == [".bz2"] * 3


def test_the_number_of_connections_is_limited(dump: Site, tmp_path: Path) -> None:
    for name in _NAMES:
        dump.faults[name] = ["drip"]
    assert _is_right(_fetch(dump, tmp_path, num_connections=2))
    assert dump.most_open == 2


def test_a_second_call_verifies_and_downloads_nothing(dump: Site, tmp_path: Path) -> None:
    _fetch(dump, tmp_path)
    dump.requests.clear()
    again = _fetch(dump, tmp_path)
    assert again.num_fetched_bytes == 0
    assert _is_right(again)
    assert [path for path, _ in dump.requests] == [
        "/other/mediawiki_content_current/testwiki/",
        "/testwiki/20180901/dumpstatus.json",
    ]


def test_a_file_damaged_on_disk_is_downloaded_again(dump: Site, tmp_path: Path) -> None:
    fetched = _fetch(dump, tmp_path)
    fetched.paths[0].write_bytes(bytes(200_000))
    assert _is_right(_fetch(dump, tmp_path))


@pytest.mark.parametrize("fault", ["cut", "stall"])
def test_an_interrupted_download_resumes_where_it_stopped(
    dump: Site, tmp_path: Path, fault: str
) -> None:
    dump.faults[_FIRST] = [fault, fault, fault]
    fetched = _fetch(dump, tmp_path)
    assert _is_right(fetched)
    assert fetched.num_fetched_bytes == 600_000
    # Three cuts are more than the tries allowed, but each brought something.
    assert dump.ranges(_FIRST) == [None, "bytes=100000-", "bytes=150000-", "bytes=175000-"]


@pytest.mark.parametrize("fault", ["503", "429", "500", "nothing", "slow"])
def test_temporary_failures_are_retried(dump: Site, tmp_path: Path, fault: str) -> None:
    dump.faults[_FIRST] = [fault, fault]
    dump.faults["dumpstatus.json"] = [] if fault == "nothing" else [fault]
    assert _is_right(_fetch(dump, tmp_path))
    assert len(dump.ranges(_FIRST)) == 3


@pytest.mark.parametrize(("fault", "num_requests"), [("no ranges", 2), ("wrong range", 3)])
def test_wrong_ranges_are_noticed(
    dump: Site, tmp_path: Path, fault: str, num_requests: int
) -> None:
    dump.faults[_FIRST] = ["cut", fault]
    assert _is_right(_fetch(dump, tmp_path))
    assert len(dump.ranges(_FIRST)) == num_requests


def test_a_refused_range_starts_over(dump: Site, tmp_path: Path) -> None:
    dump.faults[_FIRST] = ["cut", "416"]
    assert _is_right(_fetch(dump, tmp_path))
    assert dump.ranges(_FIRST)[-1] is None


def test_one_wrong_checksum_is_retried(
    dump: Site, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    dump.faults[_FIRST] = ["wrong bytes"]
    with caplog.at_level(logging.WARNING):
        assert _is_right(_fetch(dump, tmp_path))
    assert "wrong checksum, downloading again" in caplog.text


def test_a_second_wrong_checksum_is_an_error_and_other_files_are_kept(
    dump: Site, tmp_path: Path
) -> None:
    dump.faults[_FIRST] = ["wrong bytes"] * 2
    with pytest.raises(ChecksumError, match=rf"Wrong checksum of .*{_FIRST} after two downloads"):
        _fetch(dump, tmp_path, num_connections=1)
    assert not list(tmp_path.rglob(f"{_FIRST}*"))
    assert _is_right(_fetch(dump, tmp_path))


def test_a_longer_file_than_published_is_not_read_to_its_end(dump: Site, tmp_path: Path) -> None:
    dump.files[f"/testwiki/20180901/{_FIRST}"] = _PARTS[_FIRST] + bytes(50_000)
    assert _is_right(_fetch(dump, tmp_path))


def test_a_server_that_keeps_failing_is_an_error_and_the_bytes_are_kept(
    dump: Site, tmp_path: Path
) -> None:
    dump.faults[_FIRST] = ["cut", "503", "503", "503"]
    with pytest.raises(DownloadError, match=r"503.* 100,000 of 200,000 bytes are kept"):
        _fetch(dump, tmp_path, num_connections=1)
    dump.requests.clear()
    assert _is_right(_fetch(dump, tmp_path))
    assert dump.ranges(_FIRST) == ["bytes=100000-"]


def test_a_file_that_does_not_exist_is_an_error_at_once(dump: Site, tmp_path: Path) -> None:
    dump.faults[_FIRST] = ["404"]
    with pytest.raises(DownloadError, match=r"Cannot download .*: HTTP status 404"):
        _fetch(dump, tmp_path)
    assert len(dump.ranges(_FIRST)) == 1


def test_a_failure_does_not_wait_for_the_other_files(dump: Site, tmp_path: Path) -> None:
    big = {**_PARTS, _NAMES[2]: bytes(8 * 200_000)}
    dump.add_dump("20180901", big)
    dump.faults[_NAMES[2]] = ["drip"]
    dump.faults[_FIRST] = ["404"]
    start_s = time.monotonic()
    with pytest.raises(DownloadError, match="HTTP status 404"):
        _fetch(dump, tmp_path)
    assert time.monotonic() - start_s < 5


def test_latest_is_the_newest_finished_dump(dump: Site, tmp_path: Path) -> None:
    dump.add_dump("20180801", _PARTS)
    dump.add_dump("20180920", _PARTS, status="in-progress")
    assert _fetch(dump, tmp_path, "latest").date == "20180901"
    with pytest.raises(DownloadError, match="no finished classic dump of 20180920"):
        _fetch(dump, tmp_path, "20180920")


def test_indexes_are_left_out_and_multistream_is_the_fallback(site: Site, tmp_path: Path) -> None:
    site.add_dump("20180901", _PARTS)
    path = "/testwiki/20180901/dumpstatus.json"
    jobs = json.loads(site.files[path])["jobs"]
    files = jobs["articlesdump"]["files"]
    files["testwiki-20180901-pages-articles-multistream-index.txt.bz2"] = dict(files[_FIRST])
    changed = {
        "articlesdump": {"status": "waiting"},
        "articlesmultistreamdump": {"status": "done", "files": files},
    }
    site.files[path] = json.dumps({"jobs": changed}).encode()
    assert len(_fetch(site, tmp_path).paths) == 3


@pytest.mark.parametrize(
    ("wiki", "date", "site_url", "message"),
    [
        ("../etc", "latest", "http://x/", "Invalid --wiki '../etc'"),
        ("enwiki", "yesterday", "http://x/", "Invalid --date 'yesterday'"),
        ("enwiki", "latest", "file:///etc/", "Invalid URL in --mirror: 'file:///etc/'"),
        ("enwiki", "latest", "http://[", r"Invalid URL in --mirror: 'http://\['"),
    ],
)
def test_invalid_arguments_are_usage_errors(
    wiki: str, date: str, site_url: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=message):
        fetch_dump(wiki, date, folder=tmp_path, site=site_url)


def test_an_unknown_wiki_or_date_is_named(dump: Site, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match=r"no finished classic dump of nowiki. Check --wiki"):
        fetch_dump("nowiki", "latest", folder=tmp_path, site=dump.url, policy=_QUICK)
    with pytest.raises(DownloadError, match="no finished classic dump of 19990101 of testwiki"):
        _fetch(dump, tmp_path, "19990101")


def test_an_unreachable_site_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(
        DownloadError, match=r"Cannot read .*: connection refused.* another --mirror"
    ):
        fetch_dump("enwiki", "latest", folder=tmp_path, site="http://127.0.0.1:9/", policy=_QUICK)


@pytest.mark.parametrize(
    "status",
    [
        b"<html>busy</html>",
        b"[]",
        b'{"jobs": 1}',
        b'{"jobs": {"articlesdump": {"status": "done"}}}',
        b'{"jobs": {"articlesdump": {"status": "done", "files": {"a.bz2": {}}}}}',
        b'{"jobs": {"articlesdump": {"status": "done", "files": {"../../a.bz2": '
        b'{"size": 1, "url": "/a", "sha1": "' + b"0" * 40 + b'"}}}}}',
        b'{"jobs": {"articlesdump": {"status": "done", "files": {"a.bz2": '
        b'{"size": "1", "url": "/a", "sha1": "' + b"0" * 40 + b'"}}}}}',
    ],
)
def test_an_unreadable_status_is_an_error_and_writes_nothing(
    dump: Site, tmp_path: Path, status: bytes
) -> None:
    dump.files["/testwiki/20180901/dumpstatus.json"] = status
    with pytest.raises(DownloadError, match=r"dumpstatus.json does not have the expected form"):
        _fetch(dump, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_mirror_in_a_folder_keeps_its_folder(site: Site) -> None:
    site.add_dump("20180901", _PARTS)
    site.files = {f"/mirror/of{path}": data for path, data in site.files.items()}
    choice = choose_dump("testwiki", "latest", site=f"{site.url}mirror/of", policy=_QUICK)
    assert choice.listing.date == "20180901"
    assert choice.listing.parts[0] == Part(
        _FIRST,
        f"{site.url}mirror/of/testwiki/20180901/{_FIRST}",
        200_000,
        hashlib.sha1(_PARTS[_FIRST]).hexdigest(),
        "sha1",
    )


def test_too_little_disk_space_prevents_the_download(
    dump: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1_000_000))
    with pytest.raises(DiskFullError, match="needs 68 MB, and 1 MB are free"):
        _fetch(dump, tmp_path)
    assert dump.ranges(_FIRST) == []


def test_a_folder_that_cannot_be_written_is_an_error(dump: Site, tmp_path: Path) -> None:
    (tmp_path / "testwiki").write_text("a file")
    with pytest.raises(DownloadError, match=r"Cannot write to .*: a file is in its place"):
        _fetch(dump, tmp_path)


def test_pauses_double_up_to_a_minute_and_the_server_may_ask_for_more() -> None:
    policy = RetryPolicy()
    assert [policy.pause(n) for n in (1, 2, 3, 4, 10)] == [1, 2, 4, 8, 60]
    assert policy.pause(1, "30") == 30
    assert policy.pause(1, "99999999") == 600
    assert policy.pause(2, "soon") == 2
    in_a_minute = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    assert 50 < policy.pause(1, in_a_minute) <= 60
    assert policy.pause(1, "Wed, 21 Oct 2015 07:28:00 GMT") == 0


_EXPORT_NAMES = [
    "testwiki-2026-09-01-p1p900.xml.bz2",
    "testwiki-2026-09-01-p901r1r5000.xml.bz2",
    "testwiki-2026-09-01-p901r5001r9000.xml.bz2",
    "testwiki-2026-09-01-p902p19999.xml.bz2",
    "testwiki-2026-09-01-p20000p30000.xml.bz2",
]
_EXPORT = {name: random.Random(name).randbytes(100_000) for name in _EXPORT_NAMES}
_EXPORT_FOLDER = "/other/mediawiki_content_current/testwiki/2026-09-01/xml/bzip2/"


@pytest.fixture
def export(site: Site) -> Site:
    site.add_export("2026-09-01", dict(sorted(_EXPORT.items())))
    return site


def _fetch_export(site: Site, folder: Path, date: str = "latest") -> FetchedDump:
    return fetch_dump("testwiki", date, folder=folder, site=site.url, policy=_QUICK)


def _has_export(fetched: FetchedDump) -> bool:
    return {path.name: path.read_bytes() for path in fetched.paths} == _EXPORT


def test_the_newest_complete_content_export_is_the_default(export: Site, tmp_path: Path) -> None:
    export.add_export("2026-08-01", {"testwiki-2026-08-01-p1p9.xml.bz2": b"old"})
    export.add_export("2026-10-01", {"testwiki-2026-10-01-p1p9.xml.bz2": b"x"}, is_complete=False)
    export.add_dump("20261001", _PARTS)
    fetched = _fetch_export(export, tmp_path)
    assert (fetched.source, fetched.date) == ("content", "2026-09-01")
    assert fetched.why == "It is the newest complete content export."
    assert [path.name for path in fetched.paths] == _EXPORT_NAMES
    assert _has_export(fetched)
    assert fetched.num_bytes == fetched.num_fetched_bytes == 500_000


@pytest.mark.parametrize("date", ["2026-09-01", "20260901"])
def test_a_date_may_have_hyphens_or_none(export: Site, tmp_path: Path, date: str) -> None:
    assert _fetch_export(export, tmp_path, date).date == "2026-09-01"


def test_where_there_is_no_content_export_a_classic_dump_is_taken_and_it_says_why(
    dump: Site, tmp_path: Path
) -> None:
    assert "The site has no content exports of testwiki." in _fetch_export(dump, tmp_path).why
    dump.add_export("2026-10-01", _EXPORT, is_complete=False)
    fetched = _fetch_export(dump, tmp_path)
    assert fetched.source == "classic"
    assert fetched.why == (
        "No content export of testwiki is complete yet. This is a classic dump, which Wikimedia "
        "has deprecated."
    )


def test_a_source_may_be_asked_for(export: Site, tmp_path: Path) -> None:
    export.add_dump("20180901", _PARTS)
    classic = fetch_dump(
        "testwiki", "latest", folder=tmp_path, source="classic", site=export.url, policy=_QUICK
    )
    assert (classic.source, classic.date) == ("classic", "20180901")
    with pytest.raises(DownloadError, match=r"of 20180901 does not exist \(there are 2026-09-01\)"):
        fetch_dump(
            *("testwiki", "20180901"),
            folder=tmp_path,
            source="content",
            site=export.url,
            policy=_QUICK,
        )


def test_an_export_without_its_sums_is_still_being_written(export: Site, tmp_path: Path) -> None:
    sums = export.files.pop(f"{_EXPORT_FOLDER}SHA256SUMS")
    with pytest.raises(DownloadError, match="of 20260901 is still being written"):
        _fetch_export(export, tmp_path, "2026-09-01")
    assert list(tmp_path.iterdir()) == []
    export.files[f"{_EXPORT_FOLDER}SHA256SUMS"] = sums
    assert _has_export(_fetch_export(export, tmp_path, "2026-09-01"))


@pytest.mark.parametrize("fault", ["cut", "stall", "429", "503", "wrong bytes", "no ranges"])
@pytest.mark.parametrize("has_length", [True, False])
def test_faults_on_the_way_change_nothing(
    export: Site, tmp_path: Path, fault: str, *, has_length: bool
) -> None:
    first = _EXPORT_NAMES[0]
    if not has_length:
        export.without_length.add(_EXPORT_FOLDER + first)
    export.faults[first] = ["cut", fault] if fault == "no ranges" else [fault]
    export.faults["SHA256SUMS"] = [fault] if fault.isdecimal() else []
    assert _has_export(_fetch_export(export, tmp_path))
    export.requests.clear()
    again = _fetch_export(export, tmp_path)
    assert _has_export(again)
    assert again.num_fetched_bytes == 0


def test_a_changed_file_is_fetched_again(export: Site, tmp_path: Path) -> None:
    _fetch_export(export, tmp_path)
    changed = {**_EXPORT, _EXPORT_NAMES[0]: b"changed" * 9_000}
    export.add_export("2026-09-01", changed)
    fetched = _fetch_export(export, tmp_path)
    assert fetched.paths[0].read_bytes() == b"changed" * 9_000


def test_names_that_are_no_parts_are_left_out(export: Site, tmp_path: Path) -> None:
    path = f"{_EXPORT_FOLDER}SHA256SUMS"
    names = [
        "../../x.bz2",
        "/etc/x",
        "testwiki-2026-09-01-md5.txt",
        "otherwiki-2026-09-01-p1p2.xml.bz2",
    ]
    lines = "".join(f"{'0' * 64}  {name}\n" for name in names)
    export.files[path] = lines.encode() + b"no line\n" + export.files[path].replace(b"  ", b" *")
    assert _has_export(_fetch_export(export, tmp_path))
    assert len(list(tmp_path.rglob("*.bz2"))) == len(_EXPORT)
    export.files[path] = lines.encode()
    with pytest.raises(DownloadError, match="No content export of testwiki is complete yet"):
        fetch_dump(
            *("testwiki", "latest"),
            folder=tmp_path,
            source="content",
            site=export.url,
            policy=_QUICK,
        )


def test_the_site_learns_who_is_asking(export: Site, tmp_path: Path) -> None:
    fetch_dump(
        *("testwiki", "latest"),
        folder=tmp_path,
        site=export.url,
        policy=_QUICK,
        contact="me@example.org",
    )
    (agent,) = export.agents
    assert agent is not None
    assert re.fullmatch(r"bookgraph/\d\S* \(https://\S+; me@example\.org\)", agent)


def test_offers_are_listed_with_dates_and_sizes(export: Site) -> None:
    export.add_export("2026-10-01", {"testwiki-2026-10-01-p1p9.xml.bz2": b"x"}, is_complete=False)
    export.add_dump("20180901", _PARTS)
    offers = list_offers("testwiki", site=export.url, policy=_QUICK)
    assert [(o.source, o.date, o.num_files, o.num_bytes, o.is_complete) for o in offers] == [
        ("content", "2026-10-01", 0, 0, False),
        ("content", "2026-09-01", 5, 500_000, True),
        ("classic", "20180901", 3, 600_000, True),
    ]
    assert [offer.wiki for offer in list_offers(None, site=export.url, policy=_QUICK)] == [
        "testwiki"
    ]
