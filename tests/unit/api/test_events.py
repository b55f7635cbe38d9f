"""Subscriptions over server-sent events, from a real server to a real HTTP client."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import httpx
import pytest

from bookgraph.api.app import build_app
from bookgraph.api.execute.changes import ChangeFeed
from bookgraph.api.http.requests import EVENT_STREAM, JSON, RESPONSE_JSON
from bookgraph.api.options import ServerOptions
from bookgraph.core.processes import wait_until
from bookgraph.testing.fakes import ChangingStore
from bookgraph.testing.serving import running_app

CHANGED = "subscription Watch { graphChanged { kind numBooks } }"
# A client that can read both, as some send it with every operation.
EITHER = f"{RESPONSE_JSON}, {JSON}, {EVENT_STREAM}"
EVENTS = {"Accept": EVENT_STREAM}


class Stream:
    """An open response. `None` as an event is the end of the response."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._lines = response.iter_lines()

    def block(self) -> list[str] | None:
        """The lines up to the next empty one."""
        lines: list[str] = []
        for line in self._lines:
            if not line:
                return lines
            lines.append(line)
        assert not lines
        return None

    def event(self) -> tuple[str, Any] | None:
        """The next event, without comments."""
        while (lines := self.block()) is not None:
            if lines != [":"]:
                event, data = lines
                assert event.startswith("event: ")
                assert data.startswith("data:")
                text = data.removeprefix("data:").strip()
                return event.removeprefix("event: "), json.loads(text) if text else None
        return None


class Site:
    """A server, and what its streams say."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.client = httpx.Client(base_url=url, timeout=10)

    @contextmanager
    def open(
        self, query: str = CHANGED, *, method: str = "POST", **headers: str
    ) -> Iterator[Stream]:
        given = {"params": {"query": query}} if method == "GET" else {"json": {"query": query}}
        sent = {**EVENTS, **headers}
        with self.client.stream(method, "/graphql", headers=sent, **given) as response:  # type: ignore[arg-type]
            yield Stream(response)


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> ChangingStore:
    monkeypatch.setattr("bookgraph.api.app.ChangeFeed", partial(ChangeFeed, every_s=0.02))
    monkeypatch.setattr("bookgraph.api.http.events.KEEP_ALIVE_S", 0.1)
    return ChangingStore()


@pytest.fixture
def serve(store: ChangingStore) -> Iterator[Callable[..., Site]]:
    with ExitStack() as stack:

        def start(**options: Any) -> Site:
            app = build_app(store, ServerOptions(**options))  # type: ignore[arg-type]
            return Site(stack.enter_context(running_app(app)))

        yield start


@pytest.mark.parametrize("accept", [EVENT_STREAM, EITHER, "text/event-stream; charset=utf-8"])
@pytest.mark.parametrize("method", ["POST", "GET"])
def test_changes_are_sent_as_events(
    store: ChangingStore, serve: Callable[..., Site], method: str, accept: str
) -> None:
    with serve().open(method=method, Accept=accept) as stream:
        assert stream.response.status_code == 200
        assert stream.response.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert stream.response.headers["cache-control"] == "no-store"
        assert stream.response.headers["x-accel-buffering"] == "no"
        assert "content-encoding" not in stream.response.headers
        # The first bytes come at once, so that a client knows that the stream is open.
        assert stream.block() == [":"]
        store.change(model="b")
        assert stream.event() == (
            "next",
            {"data": {"graphChanged": {"kind": "TRAINED", "numBooks": 3}}},
        )
        store.change(loaded_at="2", num_books=4)
        sent = stream.event()
        assert sent is not None
        assert sent[1]["data"]["graphChanged"] == {"kind": "INGESTED", "numBooks": 4}
        # Comments keep proxies from closing a quiet connection.
        assert [stream.block() for _ in range(3)] == [[":"]] * 3


@pytest.mark.parametrize("query", ["{ __typename }", "query Named { __typename }"])
def test_a_query_is_one_event(serve: Callable[..., Site], query: str) -> None:
    site = serve()
    with site.open(query) as stream:
        assert stream.event() == ("next", {"data": {"__typename": "Query"}})
        assert stream.event() == ("complete", None)
        assert stream.event() is None
    with site.open(query, Accept=EITHER) as stream:
        assert json.loads(stream.response.read()) == {"data": {"__typename": "Query"}}


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("subscription {", "Syntax Error"),
        ("subscription { nothing }", "Cannot query field"),
        ("subscription { graphChanged { kind } a: graphChanged { kind } }", "one top level field"),
        ("subscription A { graphChanged { kind } } query B { __typename }", "operation name"),
        ("{" + "".join(f"a{n}: __typename " for n in range(40)) + "}", "40 aliases"),
        ("subscription ($k: ChangeKind!) { graphChanged(kind: $k) { kind } }", "$k"),
    ],
)
def test_what_is_wrong_with_a_document_is_an_event(
    store: ChangingStore, serve: Callable[..., Site], query: str, says: str
) -> None:
    with serve().open(query) as stream:
        assert stream.response.status_code == 200
        sent = stream.event()
        assert sent is not None
        assert sent[0] == "next"
        assert says in sent[1]["errors"][0]["message"]
        assert sent[1]["errors"][0]["extensions"]["code"]
        assert stream.event() == ("complete", None)
        assert stream.event() is None
    assert store.calls == []


def test_too_many_followers_are_told_so_in_an_event(
    serve: Callable[..., Site], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bookgraph.api.execute.changes.MAX_FOLLOWERS", 0)
    with serve().open() as stream:
        sent = stream.event()
        assert sent is not None
        assert "Too many subscribers" in sent[1]["errors"][0]["message"]
        assert stream.event() == ("complete", None)


def test_a_subscription_without_the_media_type_says_how_to_subscribe(
    serve: Callable[..., Site],
) -> None:
    for accept in (JSON, "*/*", f"{JSON}, {EVENT_STREAM};q=0"):
        with serve().open(Accept=accept) as stream:
            assert stream.response.status_code == 400
            assert "Accept: text/event-stream" in stream.response.read().decode()


def test_a_request_that_is_refused_gets_its_status(serve: Callable[..., Site]) -> None:
    site = serve(read_keys=("reader",), is_production=True)
    with site.open() as stream:
        assert stream.response.status_code == 401
    key = {"Authorization": "Bearer reader"}
    with site.open(method="GET", **key) as stream:
        assert stream.response.status_code == 400
        assert b"PREFLIGHT_REQUIRED" in stream.response.read()
    with site.open(**key) as stream:
        assert stream.response.status_code == 200
    response = site.client.post("/graphql", json=[], headers={**EVENTS, **key})
    assert response.status_code == 400
    assert response.headers["content-type"].startswith(JSON)


def open_streams(stack: ExitStack, site: Site, num: int) -> list[Stream]:
    streams = [stack.enter_context(site.open()) for _ in range(num)]
    assert [stream.response.status_code for stream in streams] == [200] * num
    for stream in streams:
        assert stream.block() == [":"]
    return streams


def test_one_client_has_a_limited_number_of_streams(serve: Callable[..., Site]) -> None:
    site = serve(max_subscriptions=3)
    with ExitStack() as stack:
        streams = open_streams(stack, site, 3)
        with site.open() as fourth:
            assert fourth.response.status_code == 429
            assert fourth.response.headers["retry-after"]
            assert b"3 open subscriptions" in fourth.response.read()
        assert streams[0].block() == [":"]

    def is_free() -> bool:
        with site.open() as stream:
            return stream.response.status_code == 200

    assert wait_until(is_free, timeout_s=10)


def test_streams_take_no_place_from_requests(serve: Callable[..., Site]) -> None:
    site = serve(max_concurrent=1, max_waiting=0, max_per_client=1)
    with ExitStack() as stack:
        streams = open_streams(stack, site, 5)
        response = site.client.post("/graphql", json={"query": "{ __typename }"})
        assert response.json() == {"data": {"__typename": "Query"}}
        assert all(stream.block() == [":"] for stream in streams)
    response = site.client.post("/graphql", json={"query": "{ __typename }"})
    assert response.status_code == 200


def test_polling_ends_when_the_last_client_has_gone(
    store: ChangingStore, serve: Callable[..., Site]
) -> None:
    site = serve()
    with ExitStack() as stack:
        streams = open_streams(stack, site, 2)
        store.wait_for_polls()
        assert all(stream.block() == [":"] for stream in streams)

    def is_quiet() -> bool:
        seen = len(store.calls)
        time.sleep(0.2)
        return len(store.calls) == seen

    assert wait_until(is_quiet, timeout_s=10)


def test_streams_end_when_the_server_stops(
    store: ChangingStore, caplog: pytest.LogCaptureFixture
) -> None:
    with ExitStack() as stack:
        with running_app(build_app(store)) as url:  # type: ignore[arg-type]
            streams = open_streams(stack, Site(url), 3)
            start_s = time.monotonic()
        assert time.monotonic() - start_s < 5
        for stream in streams:
            # The response ends properly, but without `complete`, so that a client connects again.
            assert stream.event() is None
    assert [one.getMessage() for one in caplog.records if one.levelname == "ERROR"] == []


def test_a_stream_is_counted_apart_from_requests(serve: Callable[..., Site]) -> None:
    site = serve()
    with site.open() as stream:
        assert stream.block() == [":"]
    sample = 'bookgraph_requests_total{route="subscriptions",status="200"} 1.0'
    assert wait_until(lambda: sample in site.client.get("/metrics").text, timeout_s=10)
    # Its time says nothing about the time of requests.
    assert "bookgraph_graphql_seconds_count 0.0" in site.client.get("/metrics").text
