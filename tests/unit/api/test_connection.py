"""A connection must send the head of a request in time; whatever comes afterwards may be slow."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Iterator

import pytest
import websockets.sync.client
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from bookgraph.api.app import server_config
from bookgraph.api.http.connection import Connection, HeadTimeout
from bookgraph.api.options import ServerOptions
from bookgraph.testing.serving import running_app

TIMEOUT_S = 0.4
HEAD = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n"


class QuickHttpTools(HeadTimeout, HttpToolsProtocol):
    """The server's own parser, with a short limit."""

    head_timeout_s = TIMEOUT_S


class QuickH11(HeadTimeout, H11Protocol):  # type: ignore[misc]  # typed for the other one
    """uvicorn's parser in Python, with a short limit."""

    head_timeout_s = TIMEOUT_S


async def echo(request: Request) -> Response:
    body = await request.body()
    await asyncio.sleep(2 * TIMEOUT_S)
    return PlainTextResponse(body)


async def socket_echo(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text(await websocket.receive_text())
    await websocket.close()


@pytest.fixture(params=[QuickHttpTools, QuickH11])
def port(request: pytest.FixtureRequest) -> Iterator[int]:
    routes = [Route("/", echo, methods=["POST"]), WebSocketRoute("/", socket_echo)]
    with running_app(Starlette(routes=routes), http=request.param) as url:
        yield int(url.rpartition(":")[2])


@pytest.fixture
def client(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        yield client


def test_the_server_uses_it() -> None:
    assert server_config(ServerOptions())["http"] is Connection
    assert issubclass(Connection, HeadTimeout)
    assert Connection.head_timeout_s == 10


def drip(client: socket.socket, data: bytes) -> float:
    """Send a byte at a time until the server closes the connection; return the seconds."""
    start_s = time.monotonic()
    client.settimeout(0.05)
    for byte in data * 20:
        try:
            client.sendall(bytes([byte]))
            if client.recv(1) == b"":
                break
        except TimeoutError:
            continue
        except OSError:
            break
    return time.monotonic() - start_s


def test_a_connection_that_sends_nothing_is_closed(client: socket.socket) -> None:
    start_s = time.monotonic()
    assert client.recv(1) == b""
    assert TIMEOUT_S * 0.9 <= time.monotonic() - start_s < 5


def test_a_head_that_arrives_byte_by_byte_is_not_waited_for(client: socket.socket) -> None:
    # Each byte takes 0.05 s, so all of them would take 10 times as long.
    assert drip(client, HEAD) < 5 * TIMEOUT_S


def test_nor_is_the_second_head_of_a_connection(client: socket.socket) -> None:
    client.sendall(HEAD + b"\r\nbody")
    assert client.recv(4096).startswith(b"HTTP/1.1 200")
    assert drip(client, HEAD) < 5 * TIMEOUT_S


def test_body_and_response_may_take_longer(client: socket.socket) -> None:
    client.sendall(HEAD[:20])
    time.sleep(TIMEOUT_S / 4)
    client.sendall(HEAD[20:] + b"\r\nbo")
    time.sleep(2 * TIMEOUT_S)
    client.sendall(b"dy")
    found = b""
    while b"body" not in found:
        found += client.recv(4096) or pytest.fail(f"closed after {found!r}")
    assert found.startswith(b"HTTP/1.1 200")


def test_a_websocket_may_be_idle(port: int) -> None:
    with websockets.sync.client.connect(f"ws://127.0.0.1:{port}/") as websocket:
        time.sleep(2 * TIMEOUT_S)
        websocket.send(json.dumps({}))
        assert websocket.recv() == "{}"
