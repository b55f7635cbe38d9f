"""Reading dumps, side by side with the published notebook's way.

    bookgraph bench ingest --mb 100              both ways on one generated dump
    bookgraph bench ingest --flat 10 100 2000    cost a page and memory by size, too
    bookgraph bench ingest --fields TSV          usable fields before and after cleaning, too
    bookgraph bench ingest --layout content --project 46.45
                                                 a content export, and how long 46.45 GB would take

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
from results import write_results

from bookgraph.core.progress import format_duration
from bookgraph.ingest.clean.fields import parse_fields
from bookgraph.ingest.read.dump import scan_pages
from bookgraph.ingest.read.extract import extract_dumps
from bookgraph.ingest.read.files import detect_file
from bookgraph.testing.dumps import DumpForm, DumpLayout, GeneratedDump, write_dump

_SAMPLE_EVERY_S = 0.05
_TARGET_RATIO = 5.0
_MAX_RESIDENT_MB = 1024
_EXIT_MISSED = 5


class _PeerHandler(xml.sax.handler.ContentHandler):
    """Collects title, text and timestamp of each page, as the notebook's handler does."""

    _WANTED = frozenset({"title", "ns", "text", "timestamp"})

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
            if self._values["ns"] == "0" and "Infobox book" in self._values.get("text", ""):
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
        (spool,) = extract_dumps(
            [detect_file(path)], work_dir=Path(work_dir), num_workers=num_workers
        )
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


def _generate(folder: Path, mb: int, form: DumpForm, layout: DumpLayout) -> GeneratedDump:
    start_s = time.perf_counter()
    suffix = ".xml" if form == "plain" else ".xml.bz2"
    path = folder / f"{layout}-{form}-{mb}{suffix}"
    dump = write_dump(path, num_bytes=mb * 10**6, form=form, layout=layout)
    print(
        f"generated {dump.num_bytes / 1e6:,.0f} MB of XML, {dump.num_pages:,} pages, "
        f"{dump.num_books:,} books, {layout}, {form}, {dump.path.stat().st_size / 1e6:,.1f} MB on "
        f"disk, in {time.perf_counter() - start_s:.0f} s",
        flush=True,
    )
    return dump


def bench_read(dump: GeneratedDump, *, num_workers: int, repeats: int) -> dict[str, Any]:
    """Both ways on one dump, in turn, so that what else the machine does meets both."""
    times: dict[str, list[float]] = {"peer": [], "bookgraph": []}
    found: dict[str, dict[str, Any]] = {}
    for _ in range(repeats):
        for name, seconds in times.items():
            found[name] = measure(["child", name, str(dump.path), "--workers", str(num_workers)])
            seconds.append(found[name]["elapsed_s"])
    for name, row in found.items():
        row["elapsed_s"] = best = min(times[name])
        print(
            f"{name:>10}: {best:7.2f} s ({row['cpu_s']:.1f} s of CPU), "
            f"{dump.num_bytes / 1e6 / best:6.1f} MB/s of XML, "
            f"{best / dump.num_pages * 1e6:6.1f} us a page, {row['peak_mb']:5.0f} MiB resident, "
            f"{row['num_books']:,} books, {row['num_links']:,} links"
        )
    is_same = all(
        found["peer"][key] == found["bookgraph"][key]
        for key in ("num_pages", "num_books", "num_links")
    )
    ratio = min(times["peer"]) / min(times["bookgraph"])
    print(f"ratio {ratio:.1f} (target {_TARGET_RATIO}), same pages, books and links: {is_same}")
    return {**found, "ratio": ratio, "is_same": is_same, "times_s": times}


def bench_namespaces(dump: GeneratedDump, *, repeats: int) -> dict[str, Any]:
    """What it costs to pass over pages of other namespaces that name the infobox.

    The dump is scanned as it is, and with those pages' names of the infobox replaced by others of
    the same length, so that the search never stops at them.
    """
    data = bz2.decompress(dump.path.read_bytes())
    found = scan_pages(data)
    hidden = bytearray(data)
    position = 0
    for page in found.skipped:
        start = data.find(f"<title>{page.title}</title>".encode(), position)
        position = data.find(b"</page>", start)
        name = data.find(b"Infobox book", start, position)
        hidden[name : name + 12] = b"Infobox nook"
    without = bytes(hidden)
    times: dict[str, list[float]] = {"with": [], "without": []}
    for _ in range(repeats):
        for name, variant in (("with", data), ("without", without)):
            start_s = time.perf_counter()
            scan_pages(variant)
            times[name].append(time.perf_counter() - start_s)
    seconds = {name: min(values) for name, values in times.items()}
    ratio = seconds["with"] / seconds["without"]
    print(
        f"{len(found.skipped):,} of {dump.num_pages:,} pages are of other namespaces and name the "
        f"infobox; scanning with them {seconds['with']:.2f} s, without {seconds['without']:.2f} s, "
        f"ratio {ratio:.2f}"
    )
    return {"num_skipped": len(found.skipped), "seconds": seconds, "ratio": ratio}


def project(dump: GeneratedDump, read: dict[str, Any], *, size_gb: float, num_workers: int) -> Any:
    """How long a dump of some size would take, from what was measured a compressed megabyte."""
    measured = read["bookgraph"]
    packed_mb = dump.path.stat().st_size / 1e6
    cpu_s = measured["cpu_s"] / packed_mb
    # How much of the processes' time was work.
    efficiency = measured["cpu_s"] / (measured["elapsed_s"] * num_workers)
    worker_mb = measured["peak_mb"] / (num_workers + 1)
    rows = []
    for cores in (2, 16, 64):
        hours = size_gb * 1000 * cpu_s / cores / efficiency / 3600
        memory_gb = worker_mb * (cores + 1) / 1024
        rows.append({"cores": cores, "hours": hours, "memory_gb": memory_gb})
        print(
            f"{size_gb:g} GB of bzip2 on {cores} cores: {format_duration(3600 * hours)}, "
            f"{memory_gb:.1f} GB resident "
            f"(computed from {cpu_s:.3f} s of one core for each MB)"
        )
    return {"size_gb": size_gb, "cpu_s_per_mb": cpu_s, "efficiency": efficiency, "rows": rows}


def bench_flat(
    folder: Path, *, sizes: list[int], form: DumpForm, layout: DumpLayout, num_workers: int
) -> list[Any]:
    """Cost a page and memory over sizes."""
    rows = []
    for mb in sizes:
        dump = _generate(folder, mb, form, layout)
        row = measure(["child", "bookgraph", str(dump.path), "--workers", str(num_workers)])
        # Starting Python costs the same at any size.
        empty = measure(["child", "nothing", str(dump.path)])
        cost = (row["elapsed_s"] - empty["elapsed_s"]) / dump.num_pages * 1e6
        rows.append({"mb": mb, "us_per_page": cost, **row})
        print(
            f"{mb:>6} MB: {row['elapsed_s']:7.2f} s, {cost:6.1f} us a page without the start, "
            f"{row['peak_mb']:5.0f} MiB resident",
            flush=True,
        )
        dump.path.unlink()
    costs = [row["us_per_page"] for row in rows]
    print(f"largest cost a page over smallest: {max(costs) / min(costs):.2f}")
    return rows


def bench_fields(path: Path) -> dict[str, Any]:
    """How many books have a usable value before and after cleaning."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        names = file.readline().rstrip("\n").split("\t")
        rows = [dict(zip(names, line.rstrip("\n").split("\t"), strict=True)) for line in file]
    cleaned: list[dict[str, Any]] = [parse_fields(row) for row in rows]
    found: dict[str, Any] = {"num_books": len(rows)}
    for name, plural in (("genre", "genres"), ("country", "countries"), ("language", "languages")):
        before = Counter(row[name] for row in rows if row[name])
        after = Counter(value for fields in cleaned for value in fields.get(plural, ()))
        common = {value for value, _ in before.most_common(100)}
        found[name] = {
            "num_values": (len(before), len(after)),
            "num_usable": (
                sum(row[name] in common for row in rows),
                sum(bool(common & set(fields.get(plural, ()))) for fields in cleaned),
            ),
            "commonest": {value: (count, after[value]) for value, count in before.most_common(10)},
        }
    found["pages"] = {
        "num_usable": (
            sum(row["pages"].isdecimal() for row in rows),
            sum("pages" in fields for fields in cleaned),
        )
    }
    for name in ("genre", "country", "language", "pages"):
        num_before, num_after = found[name]["num_usable"]
        print(f"{name}: {num_before:,} books with a usable value before, {num_after:,} after")
        for value, (raw, clean) in found[name].get("commonest", {}).items():
            print(f"  {value}: {raw:,} -> {clean:,}")
    return found


def main() -> int:
    """Parse the arguments and run the parts that were asked for; 5 when a target is missed."""
    if sys.argv[1:2] == ["child"]:
        return _run_child(sys.argv[2:])
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--mb", type=int, default=100, help="XML to read both ways (100)")
    parser.add_argument(
        "--form", choices=("plain", "single", "multistream"), default="single", help="of the dump"
    )
    parser.add_argument(
        "--layout", choices=("classic", "content"), default="classic", help="of the dump"
    )
    parser.add_argument(
        "--project", type=float, metavar="GB", help="compute the time of a dump of this size"
    )
    parser.add_argument("--repeats", type=int, default=3, help="of which the best counts (3)")
    parser.add_argument("--workers", type=int, default=2, help="processes (2)")
    parser.add_argument(
        "--flat", type=int, nargs="+", metavar="MB", help="sizes for cost a page and memory"
    )
    parser.add_argument(
        "--fields", type=Path, metavar="TSV", help="the published seed_books.tsv.gz"
    )
    parser.add_argument("--folder", type=Path, help="where dumps are written; a temporary one")
    parser.add_argument("--keep", action="store_true", help="keep the result in the repository")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        return _run(arguments, arguments.folder or Path(temporary))


def _run(arguments: argparse.Namespace, folder: Path) -> int:
    form, layout, num_workers = arguments.form, arguments.layout, arguments.workers
    dump = _generate(folder, arguments.mb, form, layout)
    read = bench_read(dump, num_workers=num_workers, repeats=arguments.repeats)
    extra: dict[str, Any] = {}
    if layout == "content" and form != "plain":
        extra["namespaces"] = bench_namespaces(dump, repeats=arguments.repeats)
    if arguments.project:
        extra["projection"] = project(
            dump, read, size_gb=arguments.project, num_workers=num_workers
        )
    dump.path.unlink()
    peaks = [read["bookgraph"]["peak_mb"]]
    results: dict[str, Any] = {
        "mb": arguments.mb,
        "form": form,
        "layout": layout,
        "read": read,
        **extra,
    }
    if arguments.flat:
        results["flat"] = bench_flat(
            folder, sizes=arguments.flat, form=form, layout=layout, num_workers=num_workers
        )
        peaks += [row["peak_mb"] for row in results["flat"]]
    if arguments.fields:
        results["fields"] = bench_fields(arguments.fields)
    path = write_results("ingest", results, packages=("mwparserfromhell",), keep=arguments.keep)
    print(f"written to {path}")
    is_met = read["is_same"] and read["ratio"] >= _TARGET_RATIO and max(peaks) < _MAX_RESIDENT_MB
    return 0 if is_met else _EXIT_MISSED


def _run_child(arguments: list[str]) -> int:
    logging.disable()
    parser = argparse.ArgumentParser()
    parser.add_argument("way", choices=("peer", "bookgraph", "nothing"))
    parser.add_argument("path", type=Path)
    parser.add_argument("--workers", type=int, default=2)
    child = parser.parse_args(arguments)
    result: dict[str, int] = {}
    if child.way == "peer":
        result = read_as_peer(child.path)
    elif child.way == "bookgraph":
        result = read_as_bookgraph(child.path, child.workers)
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
