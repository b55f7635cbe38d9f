"""Whether the server stays right and small: readers, writers, new models and a load, for minutes.

Sixteen readers ask a server with two workers; writers save and remove books; each minute a new
model becomes the current one; in the middle a changed dump is loaded. Each response is compared
with what it may be, given what was acknowledged by then (`bookgraph.testing.oracle`). The memory of
the workers and of Neo4j is measured each second:

    bookgraph bench soak --minutes 10
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
from numpy.typing import NDArray
from results import ROOT, write_results

from bookgraph.core.settings import Settings
from bookgraph.graph import EmbeddingRows, LocalServer, Store, connect, write_embeddings
from bookgraph.testing.command_line import environment
from bookgraph.testing.oracle import History, Model, Oracle
from bookgraph.testing.recount import wrong_counts
from bookgraph.testing.serving import serving

KEY = "write-key-of-the-soak"
NUM_SIMILAR = 20
WARM_UP_SHARE = 0.4
MAX_GROWTH = 0.1
"""Largest permitted growth of a process after the warm-up, as a share."""

BOOK = """query Book($title: String!) { book(title: $title) {
  numLinks links(first: 100) { totalCount nodes { name } } } }"""
SIMILAR = """query Similar($like: [String!]!) { similarBooks(like: $like, first: 20) {
  modelVersion edges { score node { title } } } }"""
COMPARE = "query Compare($a: String!, $b: String!) { compare(a: $a, b: $b) { score modelVersion } }"
SAVE = "mutation Save($book: BookInput!) { saveBook(input: $book) { userErrors { message } } }"
REMOVE = "mutation Remove($title: String!) { removeBook(title: $title) { userErrors { code } } }"


@dataclass
class Soak:
    """One run.

    Attributes:
        oracle: what was sent.
        titles: the loaded books.
        written: the writers' books, by writer.
        url: of GraphQL.
        is_over: set at the end.
        times: seconds of each read.
        counts: of what was done.
        problems: wrong responses and errors.
        memory: process to pairs of seconds and MB.
    """

    oracle: Oracle
    titles: list[str]
    written: list[list[str]]
    url: str = ""
    is_over: threading.Event = field(default_factory=threading.Event)
    times: list[float] = field(default_factory=list)
    counts: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(("reads", "edits", "models", "loads"), 0)
    )
    problems: list[str] = field(default_factory=list)
    memory: dict[str, list[tuple[float, float]]] = field(default_factory=dict)

    def send(self, http: httpx.Client, query: str, **variables: Any) -> dict[str, Any]:
        """Send one request; its data.

        Raises:
            ValueError: the response has errors.
        """
        response = http.post(self.url, json={"query": query, "variables": variables})
        answer: dict[str, Any] = response.json()
        if response.status_code != httpx.codes.OK or "errors" in answer:
            raise ValueError(f"{response.status_code}: {answer}")
        data: dict[str, Any] = answer["data"]
        return data

    def guarded(self, work: Callable[[], None]) -> None:
        """Keep what goes wrong as a problem, so that the others go on."""
        try:
            work()
        except Exception as problem:  # noqa: BLE001  # the report names it
            self.problems.append(f"{type(problem).__name__}: {str(problem)[:500]}")


def make_records(num_books: int, *, is_changed: bool) -> dict[str, set[str]]:
    """Title to links; of the changed set every tenth book has another link, and some are new."""
    picker = random.Random(1)  # noqa: S311  # not for security
    names = [f"Link {place:04}" for place in range(num_books)]
    books = {
        f"Book {place:05}": {*picker.sample(names, 15), f"Hub {place % 7}"}
        for place in range(num_books)
    }
    if is_changed:
        for place, title in enumerate(list(books)):
            if place % 10 == 0:
                books[title] = {*sorted(books[title])[2:], "Hub 0", "Changed"}
        books |= {
            f"Added {place:03}": {*picker.sample(names, 9)} for place in range(num_books // 20)
        }
    return books


def write_records(path: Path, books: dict[str, set[str]]) -> Path:
    """Write the books as the dump's extract has them."""
    lines = (
        json.dumps([title, {"name": title}, sorted(links), [], "2026-01-01T00:00:00Z", 100])
        for title, links in books.items()
    )
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def folded(links: set[str]) -> frozenset[str]:
    """The names that the graph gives to links."""
    return frozenset(map(str.lower, links))


def ingest(home: Path, file: Path, *arguments: str) -> None:
    """Run the command as a user does."""
    variables = {
        "BOOKGRAPH_HOME": str(home),
        "BOOKGRAPH_BOLT_PORT": "0",
        "BOOKGRAPH_HTTP_PORT": "0",
    }
    done = subprocess.run(
        [sys.executable, "-m", "bookgraph", "ingest", str(file), "--min-links", "1", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=environment(**variables),
    )
    if done.returncode != 0:
        raise ValueError(f"ingest ended with {done.returncode}: {done.stderr[-500:]}")


def write_model(soak: Soak, store: Store, number: int) -> None:
    """Write another model of the loaded books, which becomes the current one."""
    rows = {row["t"] for row in store.read("MATCH (b:Book) RETURN b.title AS t")}
    titles = [title for title in soak.titles if title in rows]
    names = [row["n"] for row in store.read("MATCH (l:Link) RETURN l.name AS n ORDER BY n")]
    random_state = np.random.default_rng(number)
    dim = 16 + 8 * (number % 2)

    def vectors(num: int) -> NDArray[np.float32]:
        return random_state.normal(size=(num, dim)).astype(np.float32)

    model = EmbeddingRows(
        f"soak-{number}", titles, vectors(len(titles)), names, vectors(len(names)), {"seed": number}
    )
    soak.oracle.models[model.version] = Model.of(titles, model.book_vectors)
    soak.oracle.current.begin(model.version)
    write_embeddings(store, model)
    soak.oracle.current.end()
    soak.counts["models"] += 1


def read(soak: Soak, seed: int) -> None:
    """Ask one question after the other, and compare the answers."""
    picker = random.Random(seed)  # noqa: S311  # not for security
    everything = soak.titles + [title for some in soak.written for title in some] * 5
    with httpx.Client(timeout=60) as http:
        while not soak.is_over.is_set():
            soak.guarded(lambda: _read_once(soak, http, picker, everything))


def _read_once(
    soak: Soak, http: httpx.Client, picker: random.Random, everything: list[str]
) -> None:
    oracle = soak.oracle
    way = picker.random()
    one, other = picker.sample(soak.titles, 2)
    start_s = time.monotonic()
    if way < 0.4:
        title = picker.choice(everything)
        data = soak.send(http, BOOK, title=title)
        found = oracle.check_book(title, data, start_s, time.monotonic())
    elif way < 0.8:
        data = soak.send(http, SIMILAR, like=[one])
        found = oracle.check_similar(one, data, start_s, time.monotonic(), num=NUM_SIMILAR)
    else:
        data = soak.send(http, COMPARE, a=one, b=other)
        found = oracle.check_compared((one, other), data, start_s, time.monotonic())
    soak.times.append(time.monotonic() - start_s)
    soak.counts["reads"] += 1
    soak.problems += found


def write(soak: Soak, number: int) -> None:
    """Save and remove the books of one writer, in turns."""
    picker = random.Random(-number)  # noqa: S311  # not for security
    with httpx.Client(timeout=60, headers={"Authorization": f"Bearer {KEY}"}) as http:
        while not soak.is_over.is_set():
            soak.guarded(lambda: _write_once(soak, http, picker, soak.written[number]))
            soak.is_over.wait(0.2)


def _write_once(soak: Soak, http: httpx.Client, picker: random.Random, titles: list[str]) -> None:
    title = picker.choice(titles)
    history = soak.oracle.books[title]
    present = history.possible(time.monotonic(), time.monotonic())[-1]
    if present is not None and picker.random() < 0.3:
        history.begin(None)
        data = soak.send(http, REMOVE, title=title)
    else:
        links = {f"Link {picker.randrange(500):04}" for _ in range(8)} | {f"Own {title}"}
        history.begin(folded(links))
        data = soak.send(http, SAVE, book={"title": title, "links": sorted(links)})
    history.end()
    soak.counts["edits"] += 1
    (payload,) = data.values()
    soak.problems += [f"edit of {title} refused: {one}" for one in payload["userErrors"]]


def load_changed(soak: Soak, home: Path, file: Path, changed: dict[str, set[str]]) -> None:
    """Load the changed dump beside everything else."""
    for title, links in changed.items():
        soak.oracle.books.setdefault(title, History(None)).begin(folded(links))
    ingest(home, file, "--keep-others")
    for title in changed:
        soak.oracle.books[title].end()
    soak.counts["loads"] += 1


def measure_memory(soak: Soak, processes: dict[str, psutil.Process]) -> None:
    """Note the resident memory of some processes each second."""
    start_s = time.monotonic()
    while not soak.is_over.wait(1):
        for name, process in processes.items():
            with suppress(psutil.Error):
                mb = process.memory_info().rss / 1e6
                soak.memory.setdefault(name, []).append((time.monotonic() - start_s, mb))


def summarize_memory(points: list[tuple[float, float]]) -> dict[str, float]:
    """Size and growth of a process after the warm-up.

    Returns:
        MB at the end, MB per minute, and the growth from the first third to the last.
    """
    warm = np.array(points[int(len(points) * WARM_UP_SHARE) :])
    third = max(1, len(warm) // 3)
    first, last = (float(np.median(part[:, 1])) for part in (warm[:third], warm[-third:]))
    slope = float(np.polyfit(warm[:, 0] / 60, warm[:, 1], 1)[0]) if len(warm) > 2 else 0.0
    return {
        "mb": round(last, 1),
        "mb_per_minute": round(slope, 2),
        "growth": round(last / first - 1, 4),
    }


def run(home: Path, options: argparse.Namespace) -> Soak:
    """Load, serve, and let everybody work until the time is over."""
    settings = Settings(
        _env_file=None, home=home, bolt_port=0, http_port=0, heap_mb=512, neo4j_uri=None
    )
    server = LocalServer(settings)
    books = make_records(options.books, is_changed=False)
    changed = {
        t: links
        for t, links in make_records(options.books, is_changed=True).items()
        if books.get(t) != links
    }
    written = [
        [f"Written {writer} {place:02}" for place in range(20)] for writer in range(options.writers)
    ]
    oracle = Oracle({title: History(folded(links)) for title, links in books.items()})
    oracle.books |= {title: History(None) for some in written for title in some}
    soak = Soak(oracle, [*books], written)
    ingest(home, write_records(home.parent / "books.ndjson", books))
    changed_file = write_records(home.parent / "changed.ndjson", changed)
    try:
        with connect(settings) as store:
            write_model(soak, store, 0)
            with serving(home, "--workers", "2", write_keys=KEY) as (port, process):
                soak.url = f"http://127.0.0.1:{port}/graphql"
                _soak(soak, store, settings, process, changed_file, changed, options)
            soak.problems += [f"wrong count: {name}" for name in wrong_counts(store)]
    finally:
        server.stop()
    return soak


def _soak(
    soak: Soak,
    store: Store,
    settings: Settings,
    process: subprocess.Popen[bytes],
    changed_file: Path,
    changed: dict[str, set[str]],
    options: argparse.Namespace,
) -> None:
    seconds = options.minutes * 60
    workers = psutil.Process(process.pid).children(recursive=True)
    processes = {
        f"worker {place}": one
        for place, one in enumerate(
            (one for one in workers if "resource_tracker" not in " ".join(one.cmdline())), start=1
        )
    }
    processes["Neo4j"] = psutil.Process(LocalServer(settings).status().pid)
    works: list[Callable[[], None]] = [
        *((lambda seed=seed: read(soak, seed)) for seed in range(options.readers)),
        *((lambda number=number: write(soak, number)) for number in range(options.writers)),
        lambda: measure_memory(soak, processes),
    ]
    threads = [threading.Thread(target=work) for work in works]
    start_s = time.monotonic()
    for thread in threads:
        thread.start()
    number = 0
    has_loaded = False
    pause_s = min(60.0, seconds / 4)
    while (elapsed_s := time.monotonic() - start_s) < seconds:
        if not has_loaded and elapsed_s > seconds / 2:
            has_loaded = True
            soak.guarded(lambda: load_changed(soak, settings.home, changed_file, changed))
        elif elapsed_s > (number + 1) * pause_s:
            number += 1
            soak.guarded(partial(write_model, soak, store, number))
        time.sleep(0.1)
    soak.is_over.set()
    for thread in threads:
        thread.join(90)


def main() -> int:
    """Print and write the result; exits with 5 if anything was wrong or grew."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--readers", type=int, default=16)
    parser.add_argument("--writers", type=int, default=3)
    parser.add_argument("--books", type=int, default=2_000)
    parser.add_argument("--keep", action="store_true", help="save the result in the repository")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bookgraph-soak-") as folder:
        soak = run(Path(folder) / "home", options)
    memory = {name: summarize_memory(points) for name, points in soak.memory.items()}
    milliseconds = np.array(soak.times) * 1000
    values = {
        "minutes": options.minutes,
        "num_readers": options.readers,
        "num_writers": options.writers,
        "num_books": options.books,
        "counts": soak.counts,
        **{f"p{q}_ms": round(float(np.percentile(milliseconds, q)), 1) for q in (50, 99)},
        "num_problems": len(soak.problems),
        "problems": soak.problems[:20],
        "memory": memory,
    }
    print(json.dumps(values, indent=2, ensure_ascii=False))
    print(f"written to {write_results('soak', values, keep=options.keep)}")
    # A short run ends before the memory of a process has settled.
    grew = options.minutes >= 5 and any(one["growth"] > MAX_GROWTH for one in memory.values())
    is_whole = all(soak.counts.values())
    return 0 if is_whole and not soak.problems and not grew else 5


if __name__ == "__main__":
    sys.exit(main())
