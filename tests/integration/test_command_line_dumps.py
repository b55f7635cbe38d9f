"""Dumps as a user meets them: fetched, ingested, interrupted, and gone on with."""

from __future__ import annotations

import functools
import hashlib
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from bookgraph.core.settings import Settings
from bookgraph.graph.store import Store
from bookgraph.testing.command_line import environment, parse, refused, run_with
from bookgraph.testing.dump_site import open_dump_site
from bookgraph.testing.dumps import GeneratedDump, write_dump
from bookgraph.testing.wiki_api import open_wiki

NAME = "testwiki-20180901-pages-articles1.xml-p1p900.bz2"


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> GeneratedDump:
    folder = tmp_path_factory.mktemp("site") / "testwiki" / "20180901"
    folder.mkdir(parents=True)
    dump = write_dump(folder / NAME, num_bytes=3_000_000, form="multistream")
    data = dump.path.read_bytes()
    entry = {
        "size": len(data),
        "url": f"/testwiki/20180901/{NAME}",
        "sha1": hashlib.sha1(data).hexdigest(),
    }
    status = {"jobs": {"articlesdump": {"status": "done", "files": {NAME: entry}}}}
    (folder / "dumpstatus.json").write_text(json.dumps(status), "utf-8")
    return dump


@pytest.fixture
def mirror(generated: GeneratedDump) -> Iterator[str]:
    folder = generated.path.parents[2]
    server = ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(QuietHandler, directory=str(folder))
    )
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_dump_is_fetched_and_ingested_and_not_read_again(
    generated: GeneratedDump, mirror: str, settings: Settings, store: Store, tmp_path: Path
) -> None:
    fetch = ("fetch", "--wiki", "testwiki", "--mirror", mirror, "--to", tmp_path)
    fetched = parse(run_with(*fetch, "--json"))
    assert (fetched["wiki"], fetched["date"]) == ("testwiki", "20180901")
    (path,) = fetched["paths"]
    assert path == str(tmp_path / "testwiki" / "20180901" / NAME)
    assert Path(path).read_bytes() == generated.path.read_bytes()
    again = run_with(*fetch)
    assert "verified. Downloaded 0.0 MB in" in again.stdout
    assert f"ingest {Path(path).parent}/*.bz2" in again.stdout

    home = {"BOOKGRAPH_HOME": str(settings.home)}
    report = parse(run_with("ingest", path, "--min-links", 2, "--json", **home))
    assert report["num_books"] == generated.num_books > 2
    assert report["loaded"]["num_added"] == generated.num_books
    assert report["sources"] == [f"{NAME} (generated, books edited until 2018-08-25)"]
    rows = store.read("MATCH (n:Link) WHERE n.redirects IS NOT NULL RETURN n.redirects AS names")
    assert all(name.startswith("Alias ") for row in rows for name in row["names"])

    second = run_with("ingest", path, "--min-links", 2, **home)
    assert "read before" in second.stderr
    assert f"unchanged: {generated.num_books:,}, deleted: 0" in second.stdout
    assert f"Read {NAME} (generated" in second.stdout


def test_an_ingest_that_was_killed_goes_on_where_it_stopped(
    settings: Settings, store: Store, tmp_path: Path
) -> None:
    dump = write_dump(tmp_path / "large.xml", num_bytes=150_000_000, form="plain", seed=3)
    command = [sys.executable, "-m", "bookgraph", "ingest", str(dump.path), "--min-links", "2"]
    variables = environment(BOOKGRAPH_HOME=str(settings.home))
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=variables)
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("Reading dumps: "):
            break
    process.send_signal(signal.SIGINT)
    _, last_words = process.communicate(timeout=120)
    assert process.returncode == 130, last_words
    assert store.read("MATCH (n:Book) RETURN count(n) AS num") == [{"num": 0}]

    done = run_with(*command[3:], "--json", BOOKGRAPH_HOME=str(settings.home))
    assert "resumed" in done.stderr
    assert parse(done)["num_books"] == dump.num_books
    assert store.read("MATCH (n:Book) RETURN count(n) AS num") == [{"num": dump.num_books}]


def test_a_content_export_is_fetched_looked_at_loaded_and_asked(
    settings: Settings, store: Store, tmp_path: Path
) -> None:
    name = "testwiki-2026-09-01-p1p90000.xml.bz2"
    dump = write_dump(tmp_path / name, num_bytes=12_000_000, form="multistream", layout="content")
    home = {"BOOKGRAPH_HOME": str(settings.home)}
    with open_dump_site() as site:
        site.add_export("2026-09-01", {name: dump.path.read_bytes()})
        site.faults[name] = ["429", "cut"]
        fetch = ("fetch", "--wiki", "testwiki", "--mirror", site.url, "--to", tmp_path)
        fetched = run_with(*fetch, **home)
        listed = run_with("fetch", "--list", "--wiki", "testwiki", "--mirror", site.url, **home)
    assert "It is the newest complete content export." in fetched.stdout
    assert "2026-09-01" in listed.stdout
    path = tmp_path / "testwiki" / "2026-09-01" / name

    shown = run_with("preview", "--json", path, **home)
    assert len(shown.stdout.splitlines()) == dump.num_books > 2
    report = parse(run_with("ingest", path, "--min-links", 1, "--json", **home))
    assert report["num_books"] == dump.num_books
    (reason,) = report["left_out"]
    assert reason == "the page is in a namespace that is not read"
    run_with("train", "--epochs", 1, **home)
    title = json.loads(shown.stdout.splitlines()[0])["title"]
    similar = run_with("similar", f" {title.upper()}_", "--json", **home)
    assert len(parse(similar)) == dump.num_books - 1
    assert "after the current model was trained" not in similar.stderr
    added = tmp_path / "one.json"
    added.write_text(json.dumps({"title": "One More", "links": ["Article 1"]}, indent=1), "utf-8")
    kept = run_with("ingest", added, "--keep-others", **home)
    assert f"The graph holds {dump.num_books + 1:,} books" in kept.stdout
    again = run_with("similar", title, **home)
    assert "after the current model was trained" in again.stderr
    assert "Run `bookgraph train`." in again.stderr


def test_the_books_alone_are_fetched_and_loaded(
    settings: Settings, store: Store, tmp_path: Path
) -> None:
    home = {"BOOKGRAPH_HOME": str(settings.home)}
    with open_wiki() as wiki:
        for number in range(60):
            wiki.add(f"Book {number}", "{{Infobox book|name=x}} [[Old name]] [[Other]]")
        wiki.redirects = {"Old name": "New name"}
        fetch = ("fetch", "--pages", "--wiki", "testwiki", "--api", wiki.url, "--to", tmp_path)
        done = run_with(*fetch, **home)
        again = run_with(*fetch, **home)
    assert "testwiki: 60 books and 1 redirect. Fetched 60 pages and dropped 0 in " in done.stdout
    assert "Pass --update to fetch what changed since." in again.stdout
    paths = sorted((tmp_path / "testwiki" / "pages").glob("*.bz2"))
    report = parse(run_with("ingest", *paths, "--json", **home))
    assert (report["num_books"], report["num_links"]) == (60, 2)
    rows = store.read("MATCH (n:Link) RETURN n.name AS name, n.redirects AS redirects")
    assert {row["name"]: row["redirects"] for row in rows} == {
        "new name": ["Old name"],
        "other": None,
    }


@pytest.mark.parametrize(
    ("args", "exit_code", "message"),
    [
        (("--wiki", "../etc"), 2, "Invalid --wiki '../etc'"),
        (("--wiki", "testwiki", "--date", "yesterday"), 2, "Invalid --date 'yesterday'"),
        (("--wiki", "testwiki", "--mirror", "ftp://x"), 2, "Invalid URL in --mirror: 'ftp://x'"),
        (
            ("--wiki", "testwiki", "--mirror", "{mirror}", "--date", "20170101"),
            1,
            "no finished classic dump of 20170101",
        ),
        (("--wiki", "otherwiki", "--mirror", "{mirror}"), 1, "Check --wiki, --date and --mirror"),
        (("--limit", "5"), 2, "--limit needs --pages"),
        (("--pages", "--source", "classic"), 2, "--source has no effect with --pages"),
    ],
)
def test_what_cannot_be_fetched_is_said_in_one_line(
    mirror: str, tmp_path: Path, args: tuple[str, ...], exit_code: int, message: str
) -> None:
    done = run_with(
        "fetch", "--to", tmp_path, *[argument.format(mirror=mirror) for argument in args]
    )
    assert message in refused(done, exit_code=exit_code)
    assert list(tmp_path.rglob("*.bz2")) == []


def test_benchmarks_are_listed_and_an_unknown_one_is_named() -> None:
    listed = run_with("bench")
    assert listed.returncode == 0
    assert "ingest" in listed.stdout
    assert "Reading dumps, side by side" in listed.stdout
    assert "Use one of: api, " in refused(run_with("bench", "nothing"), exit_code=2)
    helped = run_with("bench", "ingest", "--help")
    assert "--flat MB" in helped.stdout
