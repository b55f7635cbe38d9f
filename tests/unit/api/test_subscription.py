"""Subscriptions over a WebSocket: what is sent, to whom, and what is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from bookgraph.api.app import build_app
from bookgraph.api.execute.changes import ChangeFeed
from bookgraph.api.options import ServerOptions
from bookgraph.testing.fakes import ChangingStore

PROTOCOL = ["graphql-transport-ws"]
CHANGED = "subscription { graphChanged { kind loadedAt embeddingModel numBooks } }"


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


def test_each_edit_is_sent(store: ChangingStore, socket: Any) -> None:
    subscribe(socket, "subscription { graphChanged(kind: EDITED) { kind edit { kind title at } } }")
    store.edits = [
        {"kind": "SAVED", "title": "Dune", "at": "2026-11-27T05:30:00.000+00:00"},
        {"kind": "REMOVED", "title": "Emma", "at": "2026-11-27T05:30:01.000+00:00"},
    ]
    store.change(revision=2)
    for edit in store.edits:
        sent = socket.receive_json()["payload"]["data"]["graphChanged"]
        assert sent == {"kind": "EDITED", "edit": edit}


def test_a_new_model_and_a_new_load_are_sent(store: ChangingStore, socket: Any) -> None:
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
    sent = socket.receive_json()["payload"]["data"]["graphChanged"]
    assert (sent["kind"], sent["numBooks"]) == ("INGESTED", 4)


def test_one_kind_only(store: ChangingStore, socket: Any) -> None:
    subscribe(socket, "subscription { graphChanged(kind: TRAINED) { kind } }")
    store.change(loaded_at="2")
    store.change(model="b")
    assert socket.receive_json()["payload"]["data"] == {"graphChanged": {"kind": "TRAINED"}}


def test_a_database_that_is_gone_for_a_while_ends_no_subscription(
    store: ChangingStore, socket: Any
) -> None:
    subscribe(socket, CHANGED)
    state = store.state
    store.change()
    store.state = None
    store.wait_for_polls()
    store.state = {**(state or {}), "model": "c"}
    assert socket.receive_json()["payload"]["data"]["graphChanged"]["embeddingModel"] == "c"


def num_polling() -> int:
    """Tasks of change feeds that poll the graph."""
    return sum(task.get_name() == "poll for changes" for task in asyncio.all_tasks())


def test_all_followers_share_one_poll_which_ends_with_the_last(store: ChangingStore) -> None:
    async def follow() -> None:
        feed = ChangeFeed(store, every_s=0.01)  # type: ignore[arg-type]
        first, second = feed.follow(), feed.follow()
        waiting = [asyncio.ensure_future(anext(one)) for one in (first, second)]
        async with asyncio.timeout(10):
            while not store.calls:  # noqa: ASYNC110  # the store is not asynchronous
                await asyncio.sleep(0)
            assert num_polling() == 1
            await asyncio.to_thread(store.change, model="b")
            changes = await asyncio.gather(*waiting)
        assert [change.kind for change in changes] == ["trained", "trained"]
        await first.aclose()
        await asyncio.sleep(0)
        assert num_polling() == 1
        await second.aclose()
        await asyncio.sleep(0)
        assert num_polling() == 0

    asyncio.run(follow())


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
    message = socket.receive_json()
    assert message["type"] == "error"
    assert says in message["payload"][0]["message"]
    assert store.calls == []


@pytest.mark.parametrize(
    "message",
    ["{", "[]", '"x"', "{}", '{"type": "nonsense"}', '{"type":"subscribe","id":"1"}', "\x00"],
)
def test_an_invalid_message_ends_only_its_connection(store: ChangingStore, message: str) -> None:
    client = make(store)
    with client.websocket_connect("/graphql", PROTOCOL) as socket:
        start(socket)
        socket.send_text(message)
        assert outcome(socket) in {"error", 4400}
    assert client.get("/healthz").status_code == 200


@pytest.mark.parametrize("name", ["authorization", "Authorization", "AUTHORIZATION"])
@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_a_key_comes_in_the_first_message_or_as_a_header(
    store: ChangingStore, name: str, scheme: str
) -> None:
    client = make(store, read_keys=("reader",))
    given = {name: f"{scheme} reader"}
    with client.websocket_connect("/graphql", PROTOCOL) as socket:
        start(socket, **given)
    with client.websocket_connect("/graphql", PROTOCOL, headers=given) as socket:
        start(socket)


@pytest.mark.parametrize(
    "payload",
    [
        None,
        [],
        {},
        {"authorization": None},
        {"authorization": ["Bearer reader"]},
        {"authorization": "Bearer wrong"},
        {"authorization": "reader"},
    ],
)
def test_without_a_right_key_the_connection_ends_as_unauthorized(
    store: ChangingStore, payload: Any
) -> None:
    client = make(store, read_keys=("reader",))
    with client.websocket_connect("/graphql", PROTOCOL) as socket:
        socket.send_json({"type": "connection_init", "payload": payload})
        assert outcome(socket) == 4401


def test_nothing_is_said_about_a_document_before_the_key(store: ChangingStore) -> None:
    client = make(store, read_keys=("reader",))
    with client.websocket_connect("/graphql", PROTOCOL) as socket:
        subscribe(socket, "subscription { graphChange { kind } }")
        assert outcome(socket) == 4401


@pytest.mark.parametrize(
    "options",
    [{}, {"read_keys": ("reader",)}, {"allowed_hosts": ("books.example",)}],
)
def test_pages_and_hosts_that_are_not_allowed_are_told_so(
    store: ChangingStore, options: dict[str, Any]
) -> None:
    # A browser hides the status of a refused handshake. It shows the code of a closed connection.
    client = make(store, **options)
    headers = {} if "allowed_hosts" in options else {"Origin": "https://evil.example"}
    with client.websocket_connect("/graphql", PROTOCOL, headers=headers) as socket:
        assert socket.accepted_subprotocol == PROTOCOL[0]
        assert outcome(socket) == 4403


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
def test_pages_of_other_sites_cannot_connect(
    store: ChangingStore, headers: dict[str, str], is_served: bool
) -> None:
    client = make(store, cors_origins=("https://app.example",))
    with client.websocket_connect("/graphql", PROTOCOL, headers=headers) as socket:
        socket.send_json({"type": "connection_init"})
        assert outcome(socket) == ("connection_ack" if is_served else 4403)
