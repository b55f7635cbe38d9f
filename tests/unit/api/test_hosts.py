"""A server answers only to its own names, in whatever way a request spells another one."""

from __future__ import annotations

import http.client
import json
import socket
from typing import Any

import pytest
import websockets.sync.client
from starlette.testclient import TestClient
from websockets.exceptions import ConnectionClosed

from bookgraph.api.app import build_app
from bookgraph.api.hosts import KnownHosts
from bookgraph.api.options import LOOPBACK, ServerOptions
from bookgraph.core.errors import StoreUnreachableError
from bookgraph.testing.fakes import FailingStore, RecordingStore
from bookgraph.testing.serving import running_app

EVIL = "evil.example"
QUERY = json.dumps({"query": "{ __typename }"}).encode()
PATHS = (
    "/",
    "/index.html",
    "/css",
    "/graphql",
    "/graphql/",
    "/metrics",
    "/graphiql",
    "/neo4j/guide.html",
    "/neo4j/style.grass",
    "/none",
    "//evil.example/%2e%2e",
)


def app_of(*hosts: str, **options: Any) -> Any:
    return build_app(
        RecordingStore(),  # type: ignore[arg-type]
        ServerOptions(allowed_hosts=(*LOOPBACK, *hosts), **options),
    )


def exchange(port: int, *lines: str, body: bytes = b"", host: str = "127.0.0.1") -> str:
    """Send a request line by line, and return all that comes back."""
    head = "\r\n".join([*lines, f"Content-Length: {len(body)}", "Connection: close", "", ""])
    with socket.create_connection((host, port), timeout=10) as connection:
        connection.sendall(head.encode("latin-1") + body)
        return b"".join(iter(lambda: connection.recv(65536), b"")).decode("utf-8", "replace")


def status_of(text: str) -> int:
    return int(text.split(" ", 2)[1]) if text else 0


@pytest.fixture(scope="module")
def port() -> Any:
    options = {"cors_origins": ("https://app.example",)}
    with running_app(app_of("books.example", "*.wiki.example", "bücher.example", **options)) as url:
        yield int(url.rpartition(":")[2])


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("localhost:8000", 200),
        ("LOCALHOST:1", 200),
        ("localhost.", 200),
        ("127.0.0.1", 200),
        ("[::1]:8000", 200),
        ("[0:0:0:0:0:0:0:1]", 200),
        ("[::ffff:127.0.0.1]", 200),
        ("books.example", 200),
        ("BOOKS.Example.:443", 200),
        ("en.wiki.example", 200),
        ("a.b.wiki.example", 200),
        ("xn--bcher-kva.example", 200),
        (EVIL, 421),
        ("wiki.example", 421),
        ("evilwiki.example", 421),
        ("localhost.evil.example", 421),
        ("books.example.evil.example", 421),
        ("evil.example:localhost", 421),
        ("evil.example@localhost", 421),
        ("localhost@evil.example", 421),
        ("localhost,evil.example", 421),
        ("localhost evil.example", 421),
        ("localhost/evil.example", 421),
        ("localhost#evil.example", 421),
        ("localhost..", 421),
        ("..", 421),
        ("a..wiki.example", 421),
        ("[::1", 421),
        ("[::1]evil.example", 421),
        ("0.0.0.0", 421),
        ("192.0.2.1", 421),
        ("[2001:db8::1]", 421),
        ("2130706433", 421),
        ("0x7f.1", 421),
        ("127.1", 421),
        ("*", 421),
        ("*.wiki.example", 421),
        (".wiki.example", 421),
        ("", 421),
        ("b\xfccher.example", 421),
        ("xn--80ak6aa92e.com", 421),
    ],
)
def test_only_its_own_names_are_served(port: int, host: str, status: int) -> None:
    request = ("POST /graphql HTTP/1.1", f"Host: {host}", "Content-Type: application/json")
    assert status_of(exchange(port, *request, body=QUERY)) == status


@pytest.mark.parametrize(
    "lines",
    [
        ("GET / HTTP/1.1",),
        ("GET / HTTP/1.0",),
        ("GET / HTTP/1.1", "Host: localhost", f"Host: {EVIL}"),
        ("GET / HTTP/1.1", f"Host: {EVIL}", "host: localhost"),
        ("GET / HTTP/1.1", "Host: localhost", "Host: localhost"),
        (f"GET http://{EVIL}/ HTTP/1.1", "Host: localhost"),
        (f"GET http://{EVIL} HTTP/1.1", "Host: localhost"),
        (f"GET http://{EVIL}?a=/ HTTP/1.1", "Host: localhost"),
        (f"GET HTTP://{EVIL}:80/ HTTP/1.1", "Host: localhost"),
        (f"GET http://localhost@{EVIL}/ HTTP/1.1", "Host: localhost"),
        (f"GET http://{EVIL}/ HTTP/1.1",),
        (f"GET / HTTP/1.1\r\nHost: {EVIL}", "X-Forwarded-Host: localhost"),
        (f"GET / HTTP/1.1\r\nHost: {EVIL}", "Forwarded: host=localhost"),
        (f"GET / HTTP/1.1\r\nHost: {EVIL}", "X-Original-Host: localhost", "X-Host: localhost"),
        (f"OPTIONS / HTTP/1.1\r\nHost: {EVIL}",),
        (f"HEAD / HTTP/1.1\r\nHost: {EVIL}",),
        (f"CONNECT {EVIL}:443 HTTP/1.1", "Host: localhost"),
    ],
    ids=" | ".join,
)
def test_other_ways_to_name_a_foreign_host_are_refused_too(
    port: int, lines: tuple[str, ...]
) -> None:
    text = exchange(port, *lines)
    assert status_of(text) in {400, 421}, text
    assert EVIL not in text


def test_a_known_host_may_stand_in_the_target(port: int) -> None:
    assert status_of(exchange(port, "GET http://books.example:80/ HTTP/1.1", "Host: x")) == 200
    assert status_of(exchange(port, "GET http://127.0.0.1/ HTTP/1.1")) == 200


@pytest.mark.parametrize("path", PATHS)
def test_no_response_repeats_a_foreign_host(port: int, path: str) -> None:
    shown = path.replace("//evil.example", "//other.example")
    for more in ((), ("Origin: https://app.example",), ("Accept: text/event-stream",)):
        for method in ("GET", "POST", "OPTIONS"):
            text = exchange(port, f"{method} {shown} HTTP/1.1", f"Host: {EVIL}", *more)
            assert status_of(text) == 421, text
            assert EVIL not in text


def test_a_preflight_to_a_foreign_host_is_refused(port: int) -> None:
    wanted = (
        "Origin: https://app.example",
        "Access-Control-Request-Method: POST",
        "Access-Control-Request-Headers: content-type",
    )
    assert status_of(exchange(port, "OPTIONS /graphql HTTP/1.1", "Host: localhost", *wanted)) == 200
    refused = exchange(port, "OPTIONS /graphql HTTP/1.1", f"Host: {EVIL}", *wanted)
    assert status_of(refused) == 421
    assert "access-control-allow-origin" not in refused.lower()


def test_a_redirect_names_no_host_of_another(port: int) -> None:
    text = exchange(port, "GET /css HTTP/1.1", "Host: localhost", f"X-Forwarded-Host: {EVIL}")
    assert EVIL not in text


def test_probes_reach_the_server_under_any_name(port: int) -> None:
    for host in (EVIL, "10.1.2.3:8000", ""):
        assert status_of(exchange(port, "GET /healthz HTTP/1.1", f"Host: {host}")) == 200
    for path in ("/healthz/", "/healthz/..", "/readyz/x", "//healthz", "/healthz%2f"):
        text = exchange(port, f"GET {path} HTTP/1.1", f"Host: {EVIL}")
        assert status_of(text) == 421, path


def test_readiness_is_answered_under_any_name_too() -> None:
    store = FailingStore(StoreUnreachableError("Neo4j is away"))
    app = build_app(store, ServerOptions(allowed_hosts=LOOPBACK))  # type: ignore[arg-type]
    response = TestClient(app).get("/readyz", headers={"Host": EVIL})
    assert response.status_code == 503
    assert EVIL not in response.text


@pytest.mark.parametrize("host", ["localhost", "books.example", EVIL])
def test_a_websocket_needs_a_known_host(port: int, host: str) -> None:
    connection = websockets.sync.client.connect(
        f"ws://{host}:{port}/graphql",
        sock=socket.create_connection(("127.0.0.1", port)),
        subprotocols=["graphql-transport-ws"],  # type: ignore[list-item]
        proxy=None,
    )
    with connection:
        if host == EVIL:
            with pytest.raises(ConnectionClosed) as closed:
                connection.recv(timeout=10)
            assert closed.value.rcvd.code == 4403
            assert EVIL not in closed.value.rcvd.reason
        else:
            connection.send('{"type": "connection_init"}')
            assert json.loads(connection.recv(timeout=10))["type"] == "connection_ack"


@pytest.mark.parametrize(
    "lines",
    [
        (f"GET http://{EVIL}/graphql HTTP/1.1", "Host: localhost"),
        ("GET /graphql HTTP/1.1", "Host: localhost", f"Host: {EVIL}"),
        ("GET /graphql HTTP/1.1",),
    ],
    ids=" | ".join,
)
def test_a_websocket_of_a_foreign_host_is_never_accepted_for_work(
    port: int, lines: tuple[str, ...]
) -> None:
    upgrade = (
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Protocol: graphql-transport-ws",
    )
    head = "\r\n".join([*lines, *upgrade, "", ""]).encode()
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(head)
        received = b"".join(iter(lambda: connection.recv(65536), b""))
    # Either the handshake fails, or the connection is closed with a code that a page can read.
    is_closed = b"\x11\x33This origin or host is not allowed." in received  # 4403
    assert is_closed or not received.startswith(b"HTTP/1.1 101"), received
    assert EVIL.encode() not in received


def serve_at(address: str, host: str, *patterns: str) -> bool:
    scope = {"type": "http", "server": (address, 8000), "headers": [(b"host", host.encode())]}
    return KnownHosts.parse(patterns).serve(scope)


@pytest.mark.parametrize(
    ("address", "host", "is_served"),
    [
        ("192.0.2.7", "192.0.2.7:8000", True),
        ("192.0.2.7", "192.0.2.8:8000", False),
        ("::ffff:192.0.2.7", "192.0.2.7", True),
        ("2001:db8::7", "[2001:DB8:0::7]:8000", True),
        ("2001:db8::7", "[2001:db8::8]", False),
        ("fe80::1%eth0", "[fe80::1]", True),
        ("/run/bookgraph.sock", "192.0.2.7", False),
        ("testserver", "testserver", False),
    ],
)
def test_the_address_of_the_connection_itself_is_known(
    address: str, host: str, is_served: bool
) -> None:
    assert serve_at(address, host) is is_served
    assert not serve_at(address, EVIL)


def test_a_star_serves_every_name_and_patterns_may_have_ports_and_brackets() -> None:
    assert serve_at("10.0.0.1", EVIL, "*")
    assert serve_at("10.0.0.1", "", "books.example", "*")
    assert serve_at("10.0.0.1", "books.example:443", "Books.Example.:8443")
    assert serve_at("10.0.0.1", "[2001:db8::1]:9", "[2001:db8::1]:8000")
    assert serve_at("10.0.0.1", "[2001:db8::1]", "2001:db8:0::1")
    assert serve_at("10.0.0.1", "xn--strae-oqa.example", "Straße.example")
    assert serve_at("10.0.0.1", "en.xn--bcher-kva.example", "*.bücher.example")


def test_serving_on_all_addresses_refuses_foreign_names_too() -> None:
    """The options of `serve --host 0.0.0.0`, on real connections over several addresses."""
    from bookgraph.core.settings import Settings

    options = ServerOptions.from_settings(Settings(_env_file=None, host="0.0.0.0"))
    app = build_app(RecordingStore(), options)  # type: ignore[arg-type]
    with running_app(app, host="0.0.0.0") as url:
        port = int(url.rpartition(":")[2])
        for address in ("127.0.0.1", "127.0.0.2"):
            connection = http.client.HTTPConnection(address, port, timeout=10)
            for host, status in (
                (f"{address}:{port}", 200),
                ("localhost", 200),
                ("127.0.0.3", 421),
                (EVIL, 421),
            ):
                connection.request("GET", "/", headers={"Host": host})
                answer = connection.getresponse()
                assert (answer.status, EVIL.encode() in answer.read()) == (status, False)
            connection.close()


def test_an_application_in_another_program_leaves_hosts_to_it() -> None:
    client = TestClient(build_app(RecordingStore()))  # type: ignore[arg-type]
    assert client.get("/", headers={"Host": EVIL}).status_code == 200
