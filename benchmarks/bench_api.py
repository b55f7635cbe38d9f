"""What the API adds to Neo4j: `similarBooks` with `why`, beside its Cypher through the driver.

At the reference's scale (37,020 books, 41,758 links, 772,798 edges, 50-dim vectors), clients
request the 20 books most similar to random ones, with titles, scores and the links that explain
them. They do so in turns through the API, with one Cypher statement over the vector index through
the driver, and, with `--peer`, with that statement behind Strawberry (PEER is an environment with
strawberry-graphql, uvicorn and neo4j). The API's scores are exact; those of the index nearly are:

    python -m venv PEER && PEER/bin/pip install strawberry-graphql uvicorn neo4j neo4j-rust-ext
    python benchmarks/bench_api.py --peer PEER/bin/python
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from results import ROOT, write_results

from bookgraph.core.settings import Settings
from bookgraph.core.types import BookRow, LinkRow
from bookgraph.graph import (
    EmbeddingRows,
    GraphRows,
    LocalServer,
    Store,
    connect,
    load_graph,
    write_embeddings,
)
from bookgraph.graph.read.model import read_model
from bookgraph.graph.schema import BOOK, LINK
from bookgraph.graph.vectors.models import read_table
from bookgraph.testing.graphs import generate_graph
from bookgraph.testing.serving import serving

NUM_BOOKS, NUM_LINKS, NUM_EDGES, DIM = 37_020, 41_758, 772_798, 50
NUM_SIMILAR = 20
MAX_RATIO = 1.5
"""Largest permitted ratio of the API's median time to the driver's."""
QUERY = """query Near($like: [String!]!) { similarBooks(like: $like, first: 20) {
  edges { score node { title } why(first: 5) { score link { name } } } } }"""
STATEMENT = """
MATCH (model:EmbeddingModel {is_current: true})
MATCH (liked:Book {title: $title})
CALL db.index.vector.queryNodes(model.book_index, $num + 1, liked[model.vector])
  YIELD node AS near, score
WHERE near <> liked
RETURN near.title AS title, 2 * score - 1 AS score, COLLECT {
  MATCH (liked)-[:LINKS_TO]->(via:Link)<-[:LINKS_TO]-(near)
  WITH via, log(toFloat(COUNT { (:Book) }) / via.num_books) AS weight
  ORDER BY weight DESC, via.name LIMIT 5
  RETURN {score: weight, link: {name: via.name}} } AS why
ORDER BY score DESC LIMIT $num"""
_TURN_S = 5.0


def fill(store: Store, scale: float) -> list[str]:
    """Load a generated graph, with vectors that follow its topics."""
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


class Driver:
    """Sends `STATEMENT` through the driver."""

    def __init__(self, store: Store) -> None:
        """Store the argument."""
        self._store = store

    def send(self, title: str) -> None:
        """Send it for one book."""
        rows = self._store.read(STATEMENT, title=title, num=NUM_SIMILAR)
        assert len(rows) == NUM_SIMILAR, title


class HttpClient:
    """Sends GraphQL requests with the standard library, whose own cost is small."""

    def __init__(self, port: int, path: str) -> None:
        """Open one connection for each thread, and keep it open."""
        self._local = threading.local()
        self._port = port
        self._path = path

    def send(self, title: str) -> None:
        """Send `QUERY`."""
        if not hasattr(self._local, "http"):
            self._local.http = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        body = json.dumps({"query": QUERY, "variables": {"like": [title]}})
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        self._local.http.request("POST", self._path, body, headers)
        response = json.load(self._local.http.getresponse())
        assert len(response["data"]["similarBooks"]["edges"]) == NUM_SIMILAR, response


def run_clients(
    send: Callable[[str], None], titles: list[str], *, num_clients: int, seconds: float
) -> list[float]:
    """Let clients send requests, each client one after the other.

    Returns:
        Seconds of each request.

    Raises:
        Exception: the first error that a client met.
    """
    times: list[float] = []
    faults: list[Exception] = []
    end_s = time.monotonic() + seconds

    def client() -> None:
        picker = random.Random()  # noqa: S311  # not for security
        try:
            while time.monotonic() < end_s and not faults:
                title = picker.choice(titles)
                start_s = time.perf_counter()
                send(title)
                times.append(time.perf_counter() - start_s)
        except Exception as fault:  # noqa: BLE001  # an error of a thread would be lost
            faults.append(fault)

    threads = [threading.Thread(target=client) for _ in range(num_clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise faults[0]
    return times


@dataclass
class Measured:
    """The measurements of one way.

    Attributes:
        times: seconds of each request.
        cpu_s: processor time of all processes: clients, server, Neo4j.
    """

    times: list[float] = field(default_factory=list)
    cpu_s: float = 0.0


def measure(
    ways: dict[str, Callable[[str], None]], titles: list[str], options: argparse.Namespace
) -> dict[str, Measured]:
    """Measure all ways in turns of a few seconds, so that other load affects each of them."""
    found = {name: Measured() for name in ways}
    for send in ways.values():
        run_clients(send, titles, num_clients=options.clients, seconds=_TURN_S)  # warm
    num_turns = max(1, round(options.seconds / _TURN_S))
    for turn in range(num_turns):
        # The first way of a turn starts on an idle machine, so each way is first once.
        names = list(ways)[turn % len(ways) :] + list(ways)[: turn % len(ways)]
        for name in names:
            start_s = cpu_seconds()
            found[name].times += run_clients(
                ways[name],
                titles,
                num_clients=options.clients,
                seconds=options.seconds / num_turns,
            )
            found[name].cpu_s += cpu_seconds() - start_s
    return found


def cpu_seconds() -> float:
    """Processor time of this process and its children, including Neo4j."""
    own = psutil.Process()
    times = [one.cpu_times() for one in (own, *own.children(recursive=True))]
    return sum(one.user + one.system for one in times)


def summarize(measured: Measured, seconds: float) -> dict[str, float]:
    """Quantiles in milliseconds, requests per second, processor time of one request."""
    milliseconds = np.array(measured.times) * 1000
    num = len(milliseconds)
    return {
        "num": num,
        "per_s": round(num / seconds, 1),
        "cpu_ms": round(measured.cpu_s / num * 1000, 2),
        **{f"p{q}_ms": round(float(np.percentile(milliseconds, q)), 2) for q in (50, 90, 99)},
        "max_ms": round(float(milliseconds.max()), 2),
    }


def measure_switch(
    send: Callable[[str], None], store: Store, titles: list[str], *, num_clients: int
) -> dict[str, float]:
    """How long readers wait while another model of the same size is written and switched to.

    Returns:
        Milliseconds of the requests before and meanwhile, and seconds of the writing.
    """
    version = read_model(store)["version"]
    tables = [read_table(store, kind, version) for kind in (BOOK, LINK)]
    rows = EmbeddingRows(
        version=f"{version}-switched",
        book_titles=tables[0].keys,
        book_vectors=np.roll(tables[0].vectors, 1, axis=0),
        link_names=tables[1].keys,
        link_vectors=np.roll(tables[1].vectors, 1, axis=0),
        properties={},
    )
    before = run_clients(send, titles, num_clients=num_clients, seconds=2 * _TURN_S)
    start_s = time.monotonic()
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write_embeddings, store, rows)
        meanwhile: list[float] = []
        while not writing.done():
            meanwhile += run_clients(send, titles, num_clients=num_clients, seconds=1)
        writing_s = time.monotonic() - start_s
        writing.result()
    # The server reads the new model now.
    meanwhile += run_clients(send, titles, num_clients=num_clients, seconds=2 * _TURN_S)
    return {
        "num_vectors": len(tables[0]) + len(tables[1]),
        "num_clients": num_clients,
        "writing_s": round(writing_s, 1),
        **{
            f"{name}_{what}_ms": round(1000 * float(quantile(times)), 1)
            for name, times in (("before", before), ("meanwhile", meanwhile))
            for what, quantile in (("p50", np.median), ("longest", max))
        },
    }


@contextmanager
def peer_server(python: Path, server: LocalServer, home: Path) -> Iterator[Callable[[str], None]]:
    """Serve the same statement with Strawberry."""
    file, port = home / "statement.json", 8432
    file.write_text(json.dumps(STATEMENT), "utf-8")
    script = ROOT / "benchmarks" / "peer_strawberry.py"
    arguments = (server.status().bolt_uri, server.password, str(file), str(port))
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    process = subprocess.Popen([str(python), str(script), *arguments], env=environment)
    client = HttpClient(port, "/")
    try:
        for _ in range(300):
            assert process.poll() is None, "the peer ended while it started"
            try:
                client.send("Book 000000")
                break
            except OSError:
                # The next attempt needs a new connection.
                client = HttpClient(port, "/")
                time.sleep(0.1)
        yield client.send
    finally:
        process.terminate()
        process.wait()


def run(options: argparse.Namespace, home: Path) -> tuple[int, Any]:
    """Load, serve, measure."""
    settings = Settings(_env_file=None, home=home, bolt_port=0, http_port=0, neo4j_uri=None)
    server = LocalServer(settings, is_fast_start=False)
    server.start()
    try:
        with ExitStack() as stack:
            store = stack.enter_context(connect(settings))
            titles = [r["t"] for r in store.read("MATCH (b:Book) RETURN b.title AS t ORDER BY t")]
            titles = titles or fill(store, options.scale)
            ways: dict[str, Callable[[str], None]] = {"driver": Driver(store).send}
            port, _ = stack.enter_context(serving(home, "--workers", str(options.workers)))
            ways["bookgraph"] = HttpClient(port, "/graphql").send
            if options.peer:
                peer = peer_server(options.peer, server, home)
                ways["strawberry"] = stack.enter_context(peer)
            if options.switch:
                return len(titles), measure_switch(
                    ways["bookgraph"], store, titles, num_clients=options.clients
                )
            return len(titles), measure(ways, titles, options)
    finally:
        server.stop()


def main() -> int:
    """Print a table and write the result; exits with 5 when the target is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=60, help="duration of each way")
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--workers", type=int, default=1, help="processes of `bookgraph serve`")
    parser.add_argument(
        "--scale", type=float, default=1.0, help="size of the graph, as a share of the reference's"
    )
    parser.add_argument("--home", type=Path, help="folder for the graph; a second run reuses it")
    parser.add_argument(
        "--switch", action="store_true", help="measure how long readers wait for a new model"
    )
    parser.add_argument("--peer", type=Path, help="a Python with Strawberry; see above")
    parser.add_argument("--keep", action="store_true", help="save the result in the repository")
    options = parser.parse_args()
    home = options.home or Path(tempfile.mkdtemp(prefix="bookgraph-bench-"))
    num_books, measured = run(options, home)
    if options.switch:
        print(json.dumps(measured, indent=2))
        print(f"written to {write_results('api_switch', measured, keep=options.keep)}")
        return 0
    found = {name: summarize(one, options.seconds) for name, one in measured.items()}
    print(f"{num_books:,} books, {options.clients} clients, {options.workers} workers")
    heads = (("requests/s", 10), ("p50 ms", 9), ("p90 ms", 9), ("p99 ms", 9), ("CPU ms", 9))
    print(" " * 12 + "".join(f"{head:>{width}}" for head, width in heads) + "  p50 over driver")
    ratios = {name: one["p50_ms"] / found["driver"]["p50_ms"] for name, one in found.items()}
    for name, one in found.items():
        quantiles = "".join(f"{one[f'p{q}_ms']:>9.1f}" for q in (50, 90, 99))
        rest = f"{one['cpu_ms']:>9.1f}{ratios[name]:>17.2f}"
        print(f"{name:12}{one['per_s']:>10.1f}{quantiles}{rest}")
    values = {
        "num_books": num_books,
        "num_clients": options.clients,
        "num_workers": options.workers,
        "seconds_each": options.seconds,
        "ways": found,
        "p50_over_driver": {name: round(ratio, 3) for name, ratio in ratios.items()},
    }
    packages = ("graphene", "ariadne", "uvicorn")
    print(f"written to {write_results('api', values, packages=packages, keep=options.keep)}")
    return 0 if ratios["bookgraph"] <= MAX_RATIO else 5


if __name__ == "__main__":
    sys.exit(main())
