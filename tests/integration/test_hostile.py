"""Clients that mean harm get quick answers, and a polite one beside them is served all along.

Runs for some seconds; `BOOKGRAPH_TEST_HOSTILE_S=60` makes it a minute.
"""

from __future__ import annotations

import http.client
import json
import logging
import os
import random
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.settings import Settings
from graph.store import Store

ROOT = Path(__file__).resolve().parents[2]
SECONDS = float(os.environ.get("BOOKGRAPH_TEST_HOSTILE_S", "6"))
TIMEOUT_S = 4.0
NUM_HOSTILE = 8
SERVE = f"""
import sys
from pathlib import Path
from api.options import ServerOptions
from api.server import serve
from core.settings import Settings
from graph import connect
home, port = Path(sys.argv[1]), int(sys.argv[2])
settings = Settings(_env_file=None, home=home, bolt_port=0, http_port=0, neo4j_uri=None)
with connect(settings) as store:
    serve(store, host="127.0.0.1", port=port, options=ServerOptions(timeout_s={TIMEOUT_S}))
"""
POLITE = '{ similarBooks(like: ["Dune"], first: 5) { edges { score node { title } } } }'


def as_json(query: str, **more: object) -> bytes:
    return json.dumps({"query": query, **more}).encode()


def deep(picker: random.Random) -> bytes:
    size = picker.choice([13, 100, 5_000])
    return as_json(
        '{ book(title: "Dune") ' + "{ similarBooks { nodes " * size + "{ title }" + " }" * size
    )


def wide(picker: random.Random) -> bytes:
    return as_json("{" + "".join(f"a{n}: stats {{ numBooks }} " for n in range(10_000)) + "}")


def costly(picker: random.Random) -> bytes:
    inner = "similarBooks(first: 100) { nodes { links(first: 100) { nodes { books(first: 100) "
    return as_json('{ book(title: "Dune") { ' + inner + "{ nodes { title } } } } } } } }")


def just_allowed(picker: random.Random) -> bytes:
    return as_json(
        "{ books(first: 100) { nodes { relatedBooks(first: 9) { nodes { title } } "
        "predictedLinks(first: 9) { nodes { name } } } } }"
    )


def bomb(picker: random.Random) -> bytes:
    parts = [
        f"fragment F{n} on Book {{ a{n}: title ...F{n + 1} ... on Book {{ ...F{n + 1} }} }}"
        for n in range(25)
    ]
    return as_json(
        '{ book(title: "Dune") { ...F0 } } ' + " ".join(parts) + " fragment F25 on Book { title }"
    )


def circle(picker: random.Random) -> bytes:
    return as_json("{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }")


def conflict(picker: random.Random) -> bytes:
    """Very many fields that have to be compared with one another."""
    fields = " ".join('book(title: "Dune") { title }' for _ in range(200))
    return as_json("{ " + fields + " }")


def batch(picker: random.Random) -> bytes:
    return json.dumps([{"query": POLITE}] * 500).encode()


def huge(picker: random.Random) -> bytes:
    return as_json(POLITE, variables={"x": "y" * 3_000_000})


def garbage(picker: random.Random) -> bytes:
    return picker.randbytes(picker.choice([1, 100, 10_000]))


def mutated(picker: random.Random) -> bytes:
    body = bytearray(as_json(POLITE))
    for _ in range(picker.randint(1, 6)):
        body[picker.randrange(len(body))] = picker.randrange(256)
    return bytes(body)


def odd_values(picker: random.Random) -> bytes:
    query = (
        "query($l: [String!]!, $n: Int) { similarBooks(like: $l, first: $n) { nodes { title } } }"
    )
    text = picker.choice(["\ud800", "\x00", "'}) DETACH DELETE n //", "x" * 50_000, "\u202e"])
    number = picker.choice([-1, 2**31, 2**63, 1e308, None, "1", 101])
    return as_json(query, variables={"l": [text] * picker.choice([1, 60]), "n": number})


def regular_expression(picker: random.Random) -> bytes:
    text = picker.choice(
        ["(" * 200, "~" * 300, "a* b* c* d*" * 20, "*" * 300, "\\" * 299, '"' * 300]
    )
    return as_json(
        "query($t: String!) { search(text: $t) { hits { score } } }", variables={"t": text}
    )


HOSTILE: list[Callable[[random.Random], bytes]] = [
    deep,
    wide,
    costly,
    just_allowed,
    bomb,
    circle,
    conflict,
    batch,
    huge,
    garbage,
    mutated,
    odd_values,
    regular_expression,
]


@pytest.fixture(scope="module")
def port(settings: Settings, sample_store: Store) -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE, str(settings.home), str(port)], cwd=ROOT
    )
    while True:
        assert process.poll() is None
        try:
            if ask(port, POLITE.encode(), path="/readyz", method="GET")[0] == 200:
                break
        except OSError:
            time.sleep(0.1)
    yield port
    process.terminate()
    process.wait(timeout=30)


def ask(
    port: int, body: bytes, *, path: str = "/graphql", method: str = "POST"
) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S + 26)
    try:
        connection.request(method, path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def attack(
    port: int, seed: int, end_s: float, seen: Counter[tuple[str, int]], slow: list[str]
) -> None:
    picker = random.Random(seed)
    while time.monotonic() < end_s:
        kind = picker.choice(HOSTILE)
        start_s = time.monotonic()
        try:
            status, body = ask(port, kind(picker))
        except (ConnectionError, http.client.HTTPException):
            # The server stops reading what is too large.
            status, body = 413, b""
        if time.monotonic() - start_s > TIMEOUT_S + 3:
            slow.append(f"{kind.__name__}: {time.monotonic() - start_s:.1f} s")
        assert b"Traceback" not in body
        seen[kind.__name__, status] += 1


def dawdle(port: int, end_s: float) -> None:
    """Connections that begin a request and never end it."""
    idle = []
    while time.monotonic() < end_s and len(idle) < 40:
        connection = socket.create_connection(("127.0.0.1", port))
        connection.sendall(b"POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Le")
        idle.append(connection)
        time.sleep(0.1)
    for connection in idle:
        connection.close()


def test_harm_is_not_done(port: int, sample_store: Store) -> None:
    before = sample_store.read("MATCH (n) RETURN count(n) AS n")
    end_s = time.monotonic() + SECONDS
    seen: Counter[tuple[str, int]] = Counter()
    slow: list[str] = []
    threads = [
        threading.Thread(target=attack, args=(port, seed, end_s, seen, slow))
        for seed in range(NUM_HOSTILE)
    ]
    threads.append(threading.Thread(target=dawdle, args=(port, end_s)))
    for thread in threads:
        thread.start()
    waits = []
    while time.monotonic() < end_s:
        start_s = time.monotonic()
        status, body = ask(port, as_json(POLITE))
        waits.append(time.monotonic() - start_s)
        assert status == 200, body
        assert len(json.loads(body)["data"]["similarBooks"]["edges"]) == 5
        time.sleep(0.05)
    for thread in threads:
        thread.join()
    logging.getLogger("test").info(
        "polite: %d answers, median %.3f s, longest %.3f s; hostile: %d answers %s",
        len(waits),
        sorted(waits)[len(waits) // 2],
        max(waits),
        seen.total(),
        sorted(Counter(status for _, status in seen.elements()).items()),
    )
    assert slow == []
    assert len(waits) >= SECONDS / 2
    assert {name for name, _ in seen} == {kind.__name__ for kind in HOSTILE}
    faults = {key: num for key, num in seen.items() if key[1] == 500}
    assert faults == {}, faults
    assert sample_store.read("MATCH (n) RETURN count(n) AS n") == before
    # Nothing that was given up goes on in Neo4j.
    time.sleep(TIMEOUT_S)
    running = sample_store.read("SHOW TRANSACTIONS YIELD elapsedTime WHERE elapsedTime.seconds > 6")
    assert running == []
