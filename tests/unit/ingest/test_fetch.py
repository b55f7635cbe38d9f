"""Fetching from a local server that behaves like the dump site, and misbehaves like a network."""

from __future__ import annotations

import hashlib
import json
import logging
import random
import re
import shutil
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from bookgraph.core.errors import ChecksumError, DiskFullError, DownloadError, UsageError
from bookgraph.core.processes import wait_until
from bookgraph.core.progress import OnProgress, Progress, ignore_progress
from bookgraph.ingest.fetch.download import FetchedDump, fetch_dump
from bookgraph.ingest.fetch.site import Part, RetryPolicy, list_parts

_QUICK = RetryPolicy(num_attempts=3, timeout_s=0.3, pause_s=0.01)


@dataclass
class Site:
    """The files of a dump site, and what goes wrong with the next requests for each."""

    files: dict[str, bytes] = field(default_factory=dict)
    faults: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    agents: set[str | None] = field(default_factory=set)
    num_open: int = 0
    most_open: int = 0
    url: str = ""
    is_closing: threading.Event = field(default_factory=threading.Event)

    def add_dump(self, date: str, parts: dict[str, bytes], *, status: str = "done") -> None:
        """Publish a dump of `testwiki` as the real site does."""
        folder = f"/testwiki/{date}/"
        entries = {}
        for name, data in parts.items():
            self.files[folder + name] = data
            entries[name] = {
                "size": len(data),
                "url": folder + name,
                "md5": hashlib.md5(data).hexdigest(),
                "sha1": hashlib.sha1(data).hexdigest(),
            }
        jobs = {"articlesdump": {"status": status, "files": entries}}
        self.files[folder + "dumpstatus.json"] = json.dumps(
            {"version": "0.8", "jobs": jobs}
        ).encode()
        dates = {path.split("/")[2] for path in self.files if path.count("/") == 3}
        links = "".join(f'<a href="{name}/">{name}/</a>' for name in sorted({*dates, "latest"}))
        self.files["/testwiki/"] = f"<html><a href='../'>../</a>{links}</html>".encode()

    def ranges(self, name: str) -> list[str | None]:
        """The requested ranges of a file."""
        return [wanted for path, wanted in self.requests if path.endswith(name)]


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            site.requests.append((self.path, wanted))
            site.agents.add(self.headers.get("User-Agent"))
            with suppress(BrokenPipeError, ConnectionResetError):
                _answer(self, site, wanted)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    site.url = f"http://127.0.0.1:{server.server_port}/"
    yield site
    site.is_closing.set()
    server.shutdown()
    thread.join()
    server.server_close()


def _answer(handler: BaseHTTPRequestHandler, site: Site, wanted: str | None) -> None:
    data = site.files.get(handler.path)
    faults = site.faults[handler.path.rpartition("/")[2]]
    fault = faults.pop(0) if faults else ""
    if fault.isdecimal():
        handler.send_response(int(fault))
        handler.send_header("Retry-After", "0")
        handler.end_headers()
        return
    if data is None:
        handler.send_error(404)
        return
    if fault == "slow":
        site.is_closing.wait(2 * _QUICK.timeout_s)
    start = int(re.match(r"bytes=(\d+)-", wanted)[1]) if wanted else 0
    if fault == "no ranges":
        wanted, start = None, 0
    body = data[start:]
    shown = start
    if fault == "wrong range":
        body, shown = data[start // 2 :], start // 2
    if fault == "wrong bytes":
        body = bytes(len(body))
    handler.send_response(206 if wanted else 200)
    if wanted:
        handler.send_header("Content-Range", f"bytes {shown}-{len(data) - 1}/{len(data)}")
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    _send(handler, site, body, fault)
    handler.close_connection = True


def _send(handler: BaseHTTPRequestHandler, site: Site, body: bytes, fault: str) -> None:
    if fault in {"cut", "stall"}:
        handler.wfile.write(body[: len(body) // 2])
        handler.wfile.flush()
        if fault == "stall":
            site.is_closing.wait(2 * _QUICK.timeout_s)
    elif fault == "drip":
        site.num_open += 1
        site.most_open = max(site.most_open, site.num_open)
        middle = len(body) // 2
        handler.wfile.write(body[:middle])
        handler.wfile.flush()
        # Time enough for a third connection, if there were one.
        wait_until(lambda: site.num_open > 2, timeout_s=0.2, pause_s=0.01)
        # Before the last bytes leave: the client may request the next file when it has them.
        site.num_open -= 1
        handler.wfile.write(body[middle:])
    elif fault != "nothing":
        handler.wfile.write(body)


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
    assert [path for path, _ in dump.requests] == ["/testwiki/20180901/dumpstatus.json"]


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
    with pytest.raises(DownloadError, match="No finished dump of 20180920"):
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
    with pytest.raises(DownloadError, match=r"Not found: .*/nowiki/. Check --wiki and --date"):
        fetch_dump("nowiki", "latest", folder=tmp_path, site=dump.url, policy=_QUICK)
    with pytest.raises(DownloadError, match=r"Not found: .*19990101/dumpstatus.json"):
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
    date, parts = list_parts("testwiki", "latest", site=f"{site.url}mirror/of", policy=_QUICK)
    assert date == "20180901"
    assert parts[0] == Part(
        _FIRST,
        f"{site.url}mirror/of/testwiki/20180901/{_FIRST}",
        200_000,
        hashlib.sha1(_PARTS[_FIRST]).hexdigest(),
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
    assert policy.pause(1, "Wed, 21 Oct 2026 07:28:00 GMT") == 1
