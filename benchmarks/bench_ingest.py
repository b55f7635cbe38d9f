"""Reading dumps, side by side with the published notebook's way.

    python benchmarks/bench_ingest.py read --mb 100            both ways on one generated dump
    python benchmarks/bench_ingest.py flat --mb 10 100 2000    cost a page and memory by size
    python benchmarks/bench_ingest.py fields SEED_BOOKS_TSV_GZ usable fields before and after

The peer is the notebook's pipeline with the libraries that it used: the standard library's `bz2`
read line by line into `xml.sax`, and mwparserfromhell on pages that name the template.
"""

from __future__ import annotations

import argparse
import bz2
import gzip
import json
import logging
import resource
import subprocess
import sys
import tempfile
import threading
import time
import xml.sax
import xml.sax.handler
from collections import Counter
from pathlib import Path
from typing import Any

import mwparserfromhell
import psutil

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from ingest.extract import Dump, extract_dumps
from ingest.fields import parse_fields
from ingest.generate import DumpForm, GeneratedDump, write_dump

_SAMPLE_EVERY_S = 0.05
_TARGET_RATIO = 5.0
_MAX_RESIDENT_MB = 1024
_EXIT_MISSED = 5


class _PeerHandler(xml.sax.handler.ContentHandler):
    """Collects title, text and timestamp of each page, as the notebook's handler does."""

    _WANTED = frozenset({"title", "text", "timestamp"})

    def __init__(self) -> None:
        super().__init__()
        self.num_pages = 0
        self.books: list[tuple[str, list[str], list[str]]] = []
        self._name: str | None = None
        self._pieces: list[str] = []
        self._values: dict[str, str] = {}

    def startElement(self, name: str, attrs: object) -> None:  # noqa: N802  # xml.sax names it
        if name in self._WANTED:
            self._name, self._pieces = name, []

    def characters(self, content: str) -> None:
        if self._name is not None:
            self._pieces.append(content)

    def endElement(self, name: str) -> None:  # noqa: N802  # xml.sax names it
        if name == self._name:
            self._values[name] = " ".join(self._pieces)
            self._name = None
        if name == "page":
            self.num_pages += 1
            if "Infobox book" in self._values.get("text", ""):
                self._parse()

    def _parse(self) -> None:
        code = mwparserfromhell.parse(self._values["text"])
        boxes = code.filter_templates(
            matches=lambda item: item.name.strip_code().strip().lower() == "infobox book"
        )
        if boxes:
            links = [link.title.strip_code().strip() for link in code.filter_wikilinks()]
            urls = [link.url.strip_code().strip() for link in code.filter_external_links()]
            code.strip_code().strip()
            self.books.append((self._values["title"], links, urls))


def read_as_peer(path: Path) -> dict[str, int]:
    """Read a dump the notebook's way."""
    parser = xml.sax.make_parser()  # noqa: S317  # the file is our own
    handler = _PeerHandler()
    parser.setContentHandler(handler)
    with bz2.open(path) as lines:
        for line in lines:
            parser.feed(line)
    links = sum(len(links) for _, links, _ in handler.books)
    return {"num_pages": handler.num_pages, "num_books": len(handler.books), "num_links": links}


def read_as_bookgraph(path: Path, num_workers: int) -> dict[str, int]:
    """Read a dump as `bookgraph ingest` does, up to the records."""
    with tempfile.TemporaryDirectory() as work_dir:
        dump = Dump(path, "none" if path.suffix == ".xml" else "bzip2")
        (spool,) = extract_dumps([dump], work_dir=Path(work_dir), num_workers=num_workers)
        records = list(spool.iter_records(on_bad=_refuse))
    links = sum(len(record.wikilinks) for record in records)
    return {"num_pages": spool.state.num_pages, "num_books": len(records), "num_links": links}


def _refuse(bad: object) -> None:
    raise AssertionError(bad)


def measure(arguments: list[str]) -> dict[str, Any]:
    """Run this script in a process of its own and measure all that it starts."""
    start_s = time.perf_counter()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    process = subprocess.Popen(
        [sys.executable, __file__, *arguments], stdout=subprocess.PIPE, text=True
    )
    peak = 0
    is_running = True

    def sample() -> None:
        nonlocal peak
        while is_running:
            peak = max(peak, _resident_bytes(process.pid))
            time.sleep(_SAMPLE_EVERY_S)

    sampler = threading.Thread(target=sample)
    sampler.start()
    output, _ = process.communicate()
    elapsed_s = time.perf_counter() - start_s
    is_running = False
    sampler.join()
    if process.returncode:
        raise SystemExit(process.returncode)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {
        **json.loads(output),
        "elapsed_s": elapsed_s,
        "cpu_s": cpu_s,
        "peak_mb": peak / 2**20,
    }


def _resident_bytes(pid: int) -> int:
    try:
        root = psutil.Process(pid)
        members = [root, *root.children(recursive=True)]
        return sum(member.memory_info().rss for member in members)
    except psutil.NoSuchProcess:
        return 0


def _generate(folder: Path, mb: int, form: DumpForm) -> GeneratedDump:
    start_s = time.perf_counter()
    suffix = ".xml" if form == "plain" else ".xml.bz2"
    dump = write_dump(folder / f"{form}-{mb}{suffix}", num_bytes=mb * 10**6, form=form)
    print(
        f"generated {dump.num_bytes / 1e6:,.0f} MB of XML, {dump.num_pages:,} pages, "
        f"{dump.num_books:,} books, {form}, {dump.path.stat().st_size / 1e6:,.1f} MB on disk, "
        f"in {time.perf_counter() - start_s:.0f} s",
        flush=True,
    )
    return dump


def bench_read(folder: Path, *, mb: int, form: DumpForm, num_workers: int, repeats: int) -> bool:
    """Both ways on one dump; True when the target is met."""
    dump = _generate(folder, mb, form)
    times: dict[str, list[float]] = {"peer": [], "bookgraph": []}
    found: dict[str, dict[str, Any]] = {}
    for _ in range(repeats):
        # In turn, so that what else the machine does meets both.
        for name, seconds in times.items():
            found[name] = measure(["child", name, str(dump.path), "--workers", str(num_workers)])
            seconds.append(found[name]["elapsed_s"])
    for name, row in found.items():
        best = min(times[name])
        print(
            f"{name:>10}: {best:7.2f} s ({row['cpu_s']:.1f} s of CPU), "
            f"{dump.num_bytes / 1e6 / best:6.1f} MB/s of XML, "
            f"{best / dump.num_pages * 1e6:6.1f} us a page, {row['peak_mb']:5.0f} MiB resident, "
            f"{row['num_books']:,} books, {row['num_links']:,} links"
        )
    keys = ("num_pages", "num_books", "num_links")
    is_same = all(found["peer"][key] == found["bookgraph"][key] for key in keys)
    ratio = min(times["peer"]) / min(times["bookgraph"])
    print(f"ratio {ratio:.1f} (target {_TARGET_RATIO}), same pages, books and links: {is_same}")
    return is_same and ratio >= _TARGET_RATIO


def bench_flat(folder: Path, *, sizes: list[int], form: DumpForm, num_workers: int) -> bool:
    """Cost a page and memory over sizes; True when memory stays in its bound."""
    costs = []
    peaks = []
    for mb in sizes:
        dump = _generate(folder, mb, form)
        row = measure(["child", "bookgraph", str(dump.path), "--workers", str(num_workers)])
        # Starting Python costs the same at any size.
        empty = measure(["child", "nothing", str(dump.path)])
        cost = (row["elapsed_s"] - empty["elapsed_s"]) / dump.num_pages * 1e6
        costs.append(cost)
        peaks.append(row["peak_mb"])
        print(
            f"{mb:>6} MB: {row['elapsed_s']:7.2f} s, {cost:6.1f} us a page without the start, "
            f"{row['peak_mb']:5.0f} MiB resident",
            flush=True,
        )
        dump.path.unlink()
    print(f"largest cost a page over smallest: {max(costs) / min(costs):.2f}")
    return max(peaks) < _MAX_RESIDENT_MB


def bench_fields(path: Path) -> bool:
    """How many books have a usable value before and after cleaning."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        names = file.readline().rstrip("\n").split("\t")
        rows = [dict(zip(names, line.rstrip("\n").split("\t"), strict=True)) for line in file]
    cleaned: list[dict[str, Any]] = [parse_fields(row) for row in rows]
    for name, plural in (("genre", "genres"), ("country", "countries"), ("language", "languages")):
        before = Counter(row[name] for row in rows if row[name])
        after = Counter(value for fields in cleaned for value in fields.get(plural, ()))
        common = {value for value, _ in before.most_common(100)}
        num_before = sum(row[name] in common for row in rows)
        num_after = sum(bool(common & set(fields.get(plural, ()))) for fields in cleaned)
        print(f"{name}: {len(before):,} distinct values before, {len(after):,} after cleaning")
        print(f"  books with one of the 100 commonest raw values: {num_before:,} -> {num_after:,}")
        for value, count in before.most_common(10):
            print(f"  {value}: {count:,} -> {after[value]:,}")
    num_plain = sum(row["pages"].isdecimal() for row in rows)
    num_pages = sum("pages" in fields for fields in cleaned)
    print(f"pages as a number: {num_plain:,} -> {num_pages:,}")
    return True


def main() -> int:
    """Parse the arguments and run one benchmark; exits with 5 when a target is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("read", "flat"):
        command = commands.add_parser(name)
        command.add_argument("--mb", type=int, nargs="+", default=[100])
        command.add_argument("--form", choices=("plain", "single", "multistream"), default="single")
        command.add_argument("--workers", type=int, default=2)
        command.add_argument("--repeats", type=int, default=3)
        command.add_argument("--folder", type=Path, default=None)
    commands.add_parser("fields").add_argument("path", type=Path)
    child = commands.add_parser("child")
    child.add_argument("way", choices=("peer", "bookgraph", "nothing"))
    child.add_argument("path", type=Path)
    child.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    if arguments.command == "child":
        return _run_child(arguments)
    if arguments.command == "fields":
        return 0 if bench_fields(arguments.path) else _EXIT_MISSED
    with tempfile.TemporaryDirectory() as temporary:
        is_met = _run(arguments, arguments.folder or Path(temporary))
    return 0 if is_met else _EXIT_MISSED


def _run(arguments: argparse.Namespace, folder: Path) -> bool:
    form, num_workers = arguments.form, arguments.workers
    if arguments.command == "flat":
        return bench_flat(folder, sizes=arguments.mb, form=form, num_workers=num_workers)
    results = [
        bench_read(folder, mb=mb, form=form, num_workers=num_workers, repeats=arguments.repeats)
        for mb in arguments.mb
    ]
    return all(results)


def _run_child(arguments: argparse.Namespace) -> int:
    logging.disable()
    result: dict[str, int] = {}
    if arguments.way == "peer":
        result = read_as_peer(arguments.path)
    elif arguments.way == "bookgraph":
        result = read_as_bookgraph(arguments.path, arguments.workers)
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
