"""How many requests run at once, how many wait, and who is turned away."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from bookgraph.api.app import build_app
from bookgraph.api.http.admission import Admission, Lane
from bookgraph.api.options import Limits, ServerOptions
from bookgraph.core.processes import wait_until
from bookgraph.testing.fakes import RecordingStore

COSTLY = "{ books(first: 100) { nodes { links(first: 3) { nodes { name } } } } }"
BODY = [{"type": "http.request", "body": b"{}", "more_body": False}]


class Slow:
    """An application that responds only after `go` is set."""

    def __init__(self) -> None:
        self.num_started = 0
        self.bodies: list[bytes] = []
        self.go = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.num_started += 1
        self.bodies.append((await receive())["body"])
        await self.go.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})


class Crowd:
    """Requests that arrive at one admission."""

    def __init__(self, options: ServerOptions) -> None:
        self.app = Slow()
        self.admission = Admission(self.app, options)
        self.statuses: list[int] = []
        self._tasks: list[asyncio.Task[None]] = []

    def arrive(self, client: str, messages: list[Any] | None = None) -> None:
        """Start a request. After its messages no more of it arrives."""
        self._tasks.append(asyncio.create_task(self._one(client, messages or BODY)))

    async def _one(self, client: str, messages: list[Any]) -> None:
        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                self.statuses.append(message["status"])

        arrived = iter(messages)

        async def receive() -> Any:
            message = next(arrived, None)
            return message or await asyncio.Event().wait()

        scope = {"type": "http", "headers": [], "client": (client, 1), "bookgraph": {}}
        await self.admission(scope, receive, send)

    async def settle(self, is_so: Callable[[], bool]) -> None:
        """Let all requests go as far as they get."""
        async with asyncio.timeout(10):
            while not is_so():  # noqa: ASYNC110  # nothing signals that a request waits
                await asyncio.sleep(0)
        for _ in range(10):
            await asyncio.sleep(0)

    async def finish(self) -> None:
        """Let the application respond, and wait for all requests."""
        self.app.go.set()
        await asyncio.gather(*self._tasks)


def crowd(options: ServerOptions, clients: list[str], *, num_refused: int) -> tuple[list[int], int]:
    """Statuses of requests that arrive at once, and how many ran before any of them ended."""

    async def run() -> tuple[list[int], int]:
        found = Crowd(options)
        for client in clients:
            found.arrive(client)
        await found.settle(lambda: len(found.statuses) == num_refused)
        num_running = found.app.num_started
        await found.finish()
        return sorted(found.statuses), num_running

    return asyncio.run(run())


def test_a_burst_does_not_exceed_a_lane() -> None:
    async def burst() -> int:
        lane = Lane(1, max_waiting=2)
        num_refused = 0

        async def arrive() -> None:
            nonlocal num_refused
            if lane.is_full:
                num_refused += 1
                return
            await lane.enter(timeout_s=10)
            await asyncio.sleep(0)
            lane.leave()

        await asyncio.gather(*(arrive() for _ in range(7)))
        assert not lane.is_full
        return num_refused

    assert asyncio.run(burst()) == 4


def test_requests_wait_and_are_turned_away_when_too_many_wait() -> None:
    options = ServerOptions(max_concurrent=2, max_waiting=3)
    clients = [f"10.0.0.{n}" for n in range(9)]
    statuses, num_running = crowd(options, clients, num_refused=4)
    assert statuses == [200] * 5 + [503] * 4
    assert num_running == 2


def test_one_client_cannot_take_every_place() -> None:
    options = ServerOptions(max_per_client=3)
    statuses, num_running = crowd(options, ["10.0.0.1"] * 8 + ["10.0.0.2"], num_refused=5)
    assert statuses == [200] * 4 + [429] * 5
    assert num_running == 4


def test_a_request_takes_no_place_before_its_whole_body_has_arrived() -> None:
    async def run() -> None:
        options = ServerOptions(max_concurrent=1, max_waiting=0, timeout_s=0.05)
        found = Crowd(options)
        unfinished = [{"type": "http.request", "body": b'{"query', "more_body": True}]
        for n in range(20):
            found.arrive(f"10.0.0.{n}", unfinished)
        found.arrive("10.0.1.1", [*unfinished, {**BODY[0], "body": b'": "x"}'}])
        await found.settle(lambda: found.app.num_started == 1)
        # The place went to the only request that is complete, with its body from the start.
        assert found.app.bodies == [b'{"query']
        await found.settle(lambda: len(found.statuses) == 20)
        # The others never ran, and are told so after the timeout.
        assert found.statuses == [408] * 20
        await found.finish()
        assert found.statuses[-1] == 200
        assert found.app.num_started == 1

    asyncio.run(run())


def test_a_body_is_read_ahead_up_to_the_limit_only() -> None:
    async def run() -> None:
        found = Crowd(ServerOptions(limits=Limits(max_bytes=10)))
        part = {"type": "http.request", "body": b"x" * 6, "more_body": True}
        found.arrive("10.0.0.1", [part] * 2)
        # It runs, so that the application refuses it for its size.
        await found.settle(lambda: found.app.num_started == 1)
        await found.finish()
        assert found.statuses == [200]

    asyncio.run(run())


class Stuck(RecordingStore):
    """A database that does not respond until it is released."""

    def __init__(self) -> None:
        super().__init__()
        self.go = threading.Event()
        self.num_running = 0

    def read(self, statement: str, **parameters: object) -> list[Any]:
        self.num_running += 1
        self.go.wait(20)
        return []


def make(store: RecordingStore, **options: Any) -> TestClient:
    app = build_app(store, ServerOptions(**options))  # type: ignore[arg-type]
    return TestClient(app, raise_server_exceptions=False)


def ask(client: TestClient, query: str) -> Any:
    return client.post("/graphql", json={"query": query})


def test_no_client_waits_longer_than_the_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bookgraph.api.http.handler._GRACE_S", 0.0)
    store = Stuck()
    response = ask(make(store, timeout_s=0.1), "{ stats { numBooks } }")
    store.go.set()
    assert response.status_code == 504
    assert response.json()["errors"][0]["extensions"]["code"] == "TIMEOUT"


def test_costly_queries_wait_for_their_turn_and_small_ones_do_not() -> None:
    store = Stuck()
    responses: list[Any] = []
    with make(store, timeout_s=60, heavy_cost=100, max_heavy=1) as client:
        threads = [
            threading.Thread(target=lambda: responses.append(ask(client, COSTLY))) for _ in range(7)
        ]
        for thread in threads:
            thread.start()
        # One runs, four wait, two are turned away at once.
        assert wait_until(lambda: len(responses) == 2, timeout_s=20)
        assert [response.status_code for response in responses] == [503, 503]
        assert responses[0].headers["retry-after"] == "2"
        (error,) = responses[0].json()["errors"]
        assert error["extensions"]["code"] == "BUSY"
        assert "can cost" in error["message"]
        assert ask(client, "{ __typename }").status_code == 200
        assert store.num_running == 1
        store.go.set()
        for thread in threads:
            thread.join()
    # Those that waited got their turn.
    assert store.num_running == 5


def test_a_costly_query_is_refused_when_its_turn_does_not_come() -> None:
    store = Stuck()
    first: list[Any] = []
    with make(store, timeout_s=0.4, heavy_cost=100, max_heavy=1) as client:
        thread = threading.Thread(target=lambda: first.append(ask(client, COSTLY)))
        thread.start()
        assert wait_until(lambda: store.num_running == 1, timeout_s=20)
        second = ask(client, COSTLY)
        store.go.set()
        thread.join()
    assert second.json()["errors"][0]["extensions"]["code"] == "BUSY"
    assert store.num_running == 1
