"""What the API adds to Neo4j: `similarBooks` with `why` through both, in the same run.

At the reference's scale (37,020 books, 41,758 links, some 770,000 edges, 50-dim vectors) clients
ask for the 20 books nearest to random ones, with titles, scores and the links that explain them, in
turns through the API and with the same Cypher straight through the driver.

    python benchmarks/bench_api.py [--seconds 60] [--clients 16] [--scale 1.0] [--out FILE]
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import platform
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from core.settings import Settings
from core.types import BookRow, LinkRow
from embed.generate import generate_graph
from graph import (
    EmbeddingRows,
    GraphRows,
    LocalServer,
    Store,
    connect,
    load_graph,
    write_embeddings,
)
from graph.selection import Page, Selection, select
from graph.similar import NearQuestion, similar_books

ROOT = Path(__file__).resolve().parent.parent
NUM_BOOKS, NUM_LINKS, NUM_EDGES, DIM = 37_020, 41_758, 772_798, 50
QUERY = """query Near($like: [String!]!) { similarBooks(like: $like, first: 20) {
  edges { score node { title } why(first: 5) { score link { name } } } } }"""
WHY = Selection(
    "why",
    "why",
    Page(5),
    node=(Selection("score", "score"), Selection("link", "link", node=select("name"))),
)
SERVE = """
import sys
from api.options import ServerOptions
from api.server import serve
from core.settings import Settings
from graph import connect
from pathlib import Path
home = Path(sys.argv[1])
settings = Settings(_env_file=None, home=home, bolt_port=0, http_port=0, neo4j_uri=None)
with connect(settings) as store:
    serve(store, host="127.0.0.1", port=int(sys.argv[2]))
"""


def fill(store: Store, scale: float) -> list[str]:
    """Load a generated graph with vectors in which its topics can be seen."""
    num_books, num_links = int(NUM_BOOKS * scale), int(NUM_LINKS * scale)
    graph = generate_graph(
        num_books=num_books, num_links=num_links, num_edges=int(NUM_EDGES * scale), seed=0
    )
    titles = [f"Book {n:06d}" for n in range(num_books)]
    names = [f"link {n:06d}" for n in range(num_links)]
    links: list[dict[str, int]] = [{} for _ in titles]
    for book, link in graph.pairs.tolist():
        links[book][names[link]] = 1
    load_graph(
        store,
        GraphRows(
            books=[
                BookRow(t, {"authors": [t], "genres": ["Novel"]}, own)
                for t, own in zip(titles, links, strict=True)
            ],
            links=[LinkRow(name, name.title(), "article", 0) for name in names],
        ),
    )
    random_state = np.random.default_rng(0)
    topics = random_state.normal(size=(graph.link_topics.max() + 1, DIM)).astype(np.float32)
    book_vectors = topics[graph.book_topics].mean(axis=1)
    link_vectors = topics[graph.link_topics]
    noise = random_state.normal
    write_embeddings(
        store,
        EmbeddingRows(
            version="bench",
            book_titles=titles,
            book_vectors=(book_vectors + 0.4 * noise(size=book_vectors.shape)).astype(np.float32),
            link_names=names,
            link_vectors=(link_vectors + 0.4 * noise(size=link_vectors.shape)).astype(np.float32),
            properties={},
        ),
    )
    return titles


class RecordingStore:
    """Keeps the statement that a question makes."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.address = store.address
        self.statement = ""
        self.parameters: dict[str, Any] = {}

    def read(self, statement: str, **parameters: Any) -> Any:
        """Run it and keep it."""
        self.statement, self.parameters = statement, parameters
        return self._store.read(statement, **parameters)  # type: ignore[arg-type]  # passed on


def run_clients(
    ask: Callable[[str], None], titles: list[str], *, num_clients: int, seconds: float
) -> list[float]:
    """Let clients ask one after the other; returns the seconds of each answer."""
    times: list[float] = []
    end_s = time.monotonic() + seconds

    def client(seed: int) -> None:
        picker = random.Random(seed)  # noqa: S311  # which book to ask for is no secret
        while time.monotonic() < end_s:
            title = picker.choice(titles)
            start_s = time.perf_counter()
            ask(title)
            times.append(time.perf_counter() - start_s)

    threads = [threading.Thread(target=client, args=(n,)) for n in range(num_clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return times


def summary(times: list[float], seconds: float) -> dict[str, float]:
    """Quantiles in milliseconds, and answers a second."""
    milliseconds = np.array(times) * 1000
    return {
        "num": len(times),
        "per_s": round(len(times) / seconds, 1),
        **{f"p{q}_ms": round(float(np.percentile(milliseconds, q)), 2) for q in (50, 90, 99)},
        "max_ms": round(float(milliseconds.max()), 2),
    }


def wait_until_ready(url: str, process: subprocess.Popen[bytes]) -> None:
    """Poll an address until it answers well."""
    for _ in range(600):
        if process.poll() is not None:
            sys.exit("the server ended at once")
        try:
            # Strawberry answers a GET with its console only when asked as a browser does.
            if httpx.get(url, headers={"Accept": "text/html"}).status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    sys.exit("the server was not ready in a minute")


class Question:
    """The statement behind `QUERY`, and the keys under which a title goes into it."""

    def __init__(self, store: Store, title: str) -> None:
        """Ask once and keep the statement."""
        recorder = RecordingStore(store)
        similar_books(recorder, NearQuestion(like=[title]), Page(20), edge=(WHY,))  # type: ignore[arg-type]
        self.store = store
        self.statement = recorder.statement
        self.parameters = recorder.parameters
        self.excluded = next(k for k, v in recorder.parameters.items() if v == [title])

    def ask(self, title: str) -> None:
        """Send it straight through the driver."""
        given = [{**self.parameters["given"][0], "key": title}]
        own = {**self.parameters, "given": given, self.excluded: [title]}
        (row,) = self.store.read(self.statement, **own)  # type: ignore[arg-type]  # constant texts
        assert len(row["items"]) >= 20, title

    def save(self, file: Path) -> None:
        """Write it down for the peer."""
        asked = {
            "statement": self.statement,
            "parameters": self.parameters,
            "excluded": self.excluded,
            "why": "why",
        }
        file.write_text(json.dumps(asked), "utf-8")


class HttpClient:
    """Asks a GraphQL server with the standard library: what a heavier client takes is not its."""

    def __init__(self, port: int, path: str) -> None:
        """One connection a thread, kept open."""
        self._local = threading.local()
        self._port = port
        self._path = path

    def ask(self, title: str) -> None:
        """Send `QUERY`."""
        if not hasattr(self._local, "http"):
            self._local.http = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        body = json.dumps({"query": QUERY, "variables": {"like": [title]}})
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        self._local.http.request("POST", self._path, body, headers)
        answer = json.load(self._local.http.getresponse())
        assert len(answer["data"]["similarBooks"]["edges"]) == 20, answer


def measure(
    ways: dict[str, Callable[[str], None]], titles: list[str], options: argparse.Namespace
) -> dict[str, Any]:
    """All ways in turns, in pieces of a few seconds, so that the machine's moods hit each."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for ask in ways.values():
        run_clients(ask, titles, num_clients=options.clients, seconds=5)  # warm
    num_turns = max(1, round(options.seconds / 10))
    for _ in range(num_turns):
        for name, ask in ways.items():
            times[name] += run_clients(
                ask, titles, num_clients=options.clients, seconds=options.seconds / num_turns
            )
    return {name: summary(one, options.seconds) for name, one in times.items()}


def run_servers(
    store: Store, server: LocalServer, titles: list[str], options: argparse.Namespace, home: Path
) -> dict[str, Any]:
    """Start the API, and the peer where it is wanted, and measure them beside the driver."""
    question = Question(store, titles[0])
    ways: dict[str, Callable[[str], None]] = {"driver": question.ask}
    processes = []
    try:
        command = [sys.executable, "-c", SERVE, str(home), str(options.port)]
        processes.append(subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(ROOT)}))
        wait_until_ready(f"http://127.0.0.1:{options.port}/readyz", processes[-1])
        ways["api"] = HttpClient(options.port, "/graphql").ask
        if options.peer:
            asked = home / "asked.json"
            question.save(asked)
            peer = ROOT / "benchmarks" / "peer_strawberry.py"
            port = options.port + 1
            arguments = (server.status().bolt_uri, server.password, str(asked), str(port))
            processes.append(subprocess.Popen([str(options.peer), str(peer), *arguments]))
            wait_until_ready(f"http://127.0.0.1:{port}/", processes[-1])
            ways["strawberry"] = HttpClient(port, "/").ask
        return measure(ways, titles, options)
    finally:
        for process in processes:
            process.terminate()
            process.wait()


def main() -> None:
    """Load, serve, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--port", type=int, default=8431)
    parser.add_argument("--home", type=Path, help="keep the loaded graph here for the next run")
    parser.add_argument("--out", type=Path)
    parser.add_argument(
        "--peer", type=Path, help="a python that has strawberry-graphql[asgi], uvicorn and neo4j"
    )
    options = parser.parse_args()
    home = options.home or Path(tempfile.mkdtemp(prefix="bookgraph-bench-"))
    settings = Settings(_env_file=None, home=home, bolt_port=0, http_port=0, neo4j_uri=None)
    server = LocalServer(settings, is_fast_start=False)
    server.start()
    try:
        with connect(settings) as store:
            titles = [r["t"] for r in store.read("MATCH (b:Book) RETURN b.title AS t ORDER BY t")]
            titles = titles or fill(store, options.scale)
            found = run_servers(store, server, titles, options, home)
    finally:
        server.stop()
    result = {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "python": platform.python_version(),
        "num_books": len(titles),
        "clients": options.clients,
        "seconds_each": options.seconds,
        **found,
        **{
            f"{name}_to_driver": {
                quantile: round(one[f"{quantile}_ms"] / found["driver"][f"{quantile}_ms"], 2)
                for quantile in ("p50", "p99")
            }
            for name, one in found.items()
            if name != "driver"
        },
    }
    text = json.dumps(result, indent=2)
    if options.out:
        options.out.write_text(text + "\n", "utf-8")
    print(text)


if __name__ == "__main__":
    main()
