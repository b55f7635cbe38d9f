"""Hostile clients and one fair client, for the test and the benchmark of the limits."""

from __future__ import annotations

import http.client
import json
import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

NUM_HOSTILE = 8
POLITE = '{ similarBooks(like: ["Dune"], first: 5) { edges { score node { title } } } }'
# What the network and a busy machine may add to the server's own timeout.
_SLACK_S = 3.0


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
    """Many fields that validation compares with each other."""
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


@dataclass
class Outcome:
    """The outcome for all clients.

    Attributes:
        waits: seconds of each response to the fair client.
        refused: requests of the fair client that failed.
        seen: hostile requests by kind and status; 0 if the server closed the connection.
        slow: hostile requests whose response was late.
        leaks: hostile requests whose response revealed internals.
    """

    waits: list[float] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    seen: Counter[tuple[str, int]] = field(default_factory=Counter)
    slow: list[str] = field(default_factory=list)
    leaks: list[str] = field(default_factory=list)


def harass(port: int, *, seconds: float, timeout_s: float) -> Outcome:
    """Let hostile clients and a fair one send requests to a server at once.

    Args:
        port: of the server, on loopback. Its graph is the sample.
        seconds: how long the clients run.
        timeout_s: the server's query timeout.
    """
    outcome = Outcome()
    search = '{ search(text: "dun") { hits { score } } }'
    for query in (POLITE, search) * 3:
        # A JVM that has just started is slow until it has compiled what it runs.
        ask(port, as_json(query), timeout_s=60)
    end_s = time.monotonic() + seconds
    threads = [
        threading.Thread(target=attack, args=(port, seed, end_s, timeout_s, outcome))
        for seed in range(NUM_HOSTILE)
    ]
    threads += [threading.Thread(target=dawdle, args=(port, end_s, head)) for head in _UNFINISHED]
    for thread in threads:
        thread.start()
    while time.monotonic() < end_s:
        start_s = time.monotonic()
        try:
            status, body = ask(port, as_json(POLITE), timeout_s=60)
        except OSError as error:
            outcome.refused.append(repr(error))
            continue
        outcome.waits.append(time.monotonic() - start_s)
        if status != http.client.OK or body.count(b'"score"') != 5:
            outcome.refused.append(f"{status}: {body[:200]!r}")
        time.sleep(0.05)
    for thread in threads:
        thread.join()
    return outcome


def ask(port: int, body: bytes, *, timeout_s: float) -> tuple[int, bytes]:
    """Send one request on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_s)
    try:
        connection.request("POST", "/graphql", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def attack(port: int, seed: int, end_s: float, timeout_s: float, outcome: Outcome) -> None:
    """One hostile client."""
    picker = random.Random(seed)
    while time.monotonic() < end_s:
        kind = picker.choice(HOSTILE)
        request = kind(picker)
        start_s = time.monotonic()
        try:
            status, body = ask(port, request, timeout_s=timeout_s + 26)
        except (ConnectionError, http.client.HTTPException):
            # The server closes the connection if a body is too large.
            status, body = 0, b""
        except TimeoutError:
            status, body = -1, b""
        elapsed_s = time.monotonic() - start_s
        if elapsed_s > timeout_s + _SLACK_S:
            outcome.slow.append(f"{kind.__name__}: {elapsed_s:.1f} s")
        if b"Traceback" in body or b"MATCH" in body:
            outcome.leaks.append(f"{kind.__name__}: {body[:300]!r}")
        outcome.seen[kind.__name__, status] += 1


_UNFINISHED = (
    b"POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Le",
    # There are more of these than the server has places. None of them may take one.
    (
        b"POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b'Content-Length: 100\r\n\r\n{"query'
    ),
)


def dawdle(port: int, end_s: float, head: bytes) -> None:
    """Open connections that start a request and never finish it."""
    idle: list[socket.socket] = []
    while time.monotonic() < end_s and len(idle) < 40:
        with suppress(OSError):
            connection = socket.create_connection(("127.0.0.1", port), timeout=5)
            idle.append(connection)
            connection.sendall(head)
        time.sleep(0.05)
    time.sleep(max(0.0, end_s - time.monotonic()))
    for connection in idle:
        connection.close()
