"""Subscriptions over a real WebSocket: what is told, to whom, and what is refused."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from bookgraph.api.app import build_app
from bookgraph.api.ops.changes import ChangeFeed
from bookgraph.api.options import ServerOptions
from bookgraph.core.errors import StoreUnreachableError
from bookgraph.testing.fakes import RecordingStore

PROTOCOL = ["graphql-transport-ws"]
CHANGED = "subscription { graphChanged { kind loadedAt embeddingModel numBooks } }"


class ChangingStore(RecordingStore):
    """A graph whose state the test sets."""

    def __init__(self) -> None:
        super().__init__()
        self.state: dict[str, Any] | None = {
            "loaded_at": "1",
            "is_complete": True,
            "model": "a",
            "num_books": 3,
        }

    def read(self, statement: str, **parameters: object) -> list[Any]:
        self.calls.append((statement, parameters))
        if self.state is None:
            raise StoreUnreachableError("gone")
        return [dict(self.state)]

    def change(self, **state: Any) -> None:
        """Set it after the feed has seen what it was before."""
        seen = len(self.calls)
        while len(self.calls) < seen + 2:
            time.sleep(0.01)
        self.state = {**(self.state or {}), **state}


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> ChangingStore:
    monkeypatch.setattr("bookgraph.api.app.ChangeFeed", partial(ChangeFeed, every_s=0.02))
    return ChangingStore()


def make(store: ChangingStore, **options: Any) -> TestClient:
    return TestClient(build_app(store, ServerOptions(**options)))  # type: ignore[arg-type]


@pytest.fixture
def socket(store: ChangingStore) -> Iterator[Any]:
    with make(store).websocket_connect("/graphql", PROTOCOL) as socket:
        start(socket)
        yield socket


def start(socket: Any, **payload: str) -> None:
    socket.send_json({"type": "connection_init", "payload": payload})
    assert socket.receive_json()["type"] == "connection_ack"


def outcome(socket: Any) -> str | int:
    """The type of the next message, or the code with which the connection ends."""
    try:
        kind: str = socket.receive_json()["type"]
    except WebSocketDisconnect as closed:
        return closed.code
    return kind


def subscribe(socket: Any, query: str, **payload: Any) -> None:
    socket.send_json({"type": "subscribe", "id": "1", "payload": {"query": query, **payload}})


def test_a_new_model_and_a_new_load_are_told(store: ChangingStore, socket: Any) -> None:
    subscribe(socket, CHANGED)
    store.change(model="b")
    assert socket.receive_json()["payload"]["data"]["graphChanged"] == {
        "kind": "TRAINED",
        "loadedAt": "1",
        "embeddingModel": "b",
        "numBooks": 3,
    }
    store.change(loaded_at="2", is_complete=False, num_books=1)
    store.change(is_complete=True, num_books=4)
    told = socket.receive_json()["payload"]["data"]["graphChanged"]
    assert (told["kind"], told["numBooks"]) == ("INGESTED", 4)


def test_one_kind_only(store: ChangingStore, socket: Any) -> None:
    subscribe(socket, "subscription { graphChanged(kind: TRAINED) { kind } }")
    store.change(loaded_at="2")
    store.change(model="b")
    assert socket.receive_json()["payload"]["data"] == {"graphChanged": {"kind": "TRAINED"}}


def test_a_database_that_is_gone_for_a_while_ends_nothing(
    store: ChangingStore, socket: Any
) -> None:
    subscribe(socket, CHANGED)
    state = store.state
    store.change()
    store.state = None
    time.sleep(0.1)
    store.state = {**(state or {}), "model": "c"}
    assert socket.receive_json()["payload"]["data"]["graphChanged"]["embeddingModel"] == "c"


def test_many_followers_are_one_look(store: ChangingStore) -> None:
    client = make(store)
    with (
        client,
        client.websocket_connect("/graphql", PROTOCOL) as one,
        client.websocket_connect("/graphql", PROTOCOL) as other,
    ):
        for socket in (one, other):
            start(socket)
            subscribe(socket, CHANGED)
        time.sleep(0.1)
        seen = len(store.calls)
        time.sleep(0.2)
        # Two that looked by themselves would have come to 20.
        assert len(store.calls) - seen <= 11
        store.change(model="b")
        for socket in (one, other):
            assert socket.receive_json()["type"] == "next"


def test_nobody_looks_when_nobody_listens(store: ChangingStore) -> None:
    with make(store) as client:
        with client.websocket_connect("/graphql", PROTOCOL) as socket:
            start(socket)
            subscribe(socket, CHANGED)
            store.change()
        time.sleep(0.1)
        seen = len(store.calls)
        time.sleep(0.1)
        assert len(store.calls) == seen


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("{ stats { numBooks } }", "Only subscriptions"),
        ('mutation { removeBook(title: "x") { title } }', "Only subscriptions"),
        ("subscription { nothing }", "Cannot query field"),
        ("subscription {", "Syntax Error"),
        ("subscription { graphChanged { kind } a: graphChanged { kind } }", "one top level field"),
        (
            "subscription {" + "".join(f"a{n}: __typename " for n in range(40)) + "}",
            "40 aliases",
        ),
    ],
)
def test_other_documents_are_refused(
    store: ChangingStore, socket: Any, query: str, says: str
) -> None:
    subscribe(socket, query)
    answer = socket.receive_json()
    assert answer["type"] == "error"
    assert says in answer["payload"][0]["message"]
    assert store.calls == []


@pytest.mark.parametrize(
    "message",
    ["{", "[]", '"x"', "{}", '{"type": "nonsense"}', '{"type":"subscribe","id":"1"}', "\x00"],
)
def test_what_is_no_message_ends_the_connection_only(store: ChangingStore, message: str) -> None:
    client = make(store)
    with client.websocket_connect("/graphql", PROTOCOL) as socket:
        start(socket)
        socket.send_text(message)
        assert outcome(socket) in {"error", 4400}
    assert client.get("/healthz").status_code == 200


def test_a_key_comes_in_the_first_message(store: ChangingStore) -> None:
    client = make(store, read_keys=("reader",))
    with client.websocket_connect("/graphql", PROTOCOL) as socket:
        start(socket, authorization="Bearer reader")
    with client.websocket_connect("/graphql", PROTOCOL) as socket:
        socket.send_json({"type": "connection_init", "payload": {"authorization": "Bearer x"}})
        with pytest.raises(WebSocketDisconnect):
            socket.receive_json()


@pytest.mark.parametrize(
    ("headers", "is_served"),
    [
        ({}, True),
        ({"Origin": "http://testserver"}, True),
        ({"Origin": "https://evil.example"}, False),
        ({"Origin": "https://app.example"}, True),
        ({"Origin": "null"}, False),
    ],
)
def test_pages_of_others_cannot_begin(
    store: ChangingStore, headers: dict[str, str], is_served: bool
) -> None:
    client = make(store, cors_origins=("https://app.example",))
    try:
        with client.websocket_connect("/graphql", PROTOCOL, headers=headers) as socket:
            start(socket)
            assert is_served
    except WebSocketDisconnect:
        assert not is_served
