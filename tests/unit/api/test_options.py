"""Settings become options, logs are JSON, and the server works under a path prefix."""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

from bookgraph.api.app import build_app, server_config
from bookgraph.api.ops.logs import JsonFormatter, configure_logs
from bookgraph.api.options import LOOPBACK, ServerOptions, find_exposure
from bookgraph.core.errors import UsageError
from bookgraph.core.settings import Settings
from bookgraph.testing.fakes import RecordingStore


def options_of(**fields: Any) -> ServerOptions:
    return ServerOptions.from_settings(Settings(_env_file=None, **fields))


def test_without_settings_the_server_is_open_on_loopback_and_read_only() -> None:
    options = options_of(cache=Path("/cache"))
    assert options == ServerOptions(allowed_hosts=LOOPBACK, cache=Path("/cache"))
    assert options.write_keys == ()


def test_settings_become_options() -> None:
    options = options_of(
        production=True,
        read_keys="one, two,,",
        write_keys="three",
        allowed_hosts="Books.example.org",
        cors_origins="https://a.example,https://b.example",
        trusted_proxies="10.0.0.1",
        timeout_s=3,
        otel=True,
    )
    assert options.is_production
    assert options.is_traced
    assert (options.read_keys, options.write_keys) == (("one", "two"), ("three",))
    # A health check on the machine itself still gets through.
    assert options.allowed_hosts == (*LOOPBACK, "books.example.org")
    assert options.cors_origins == ("https://a.example", "https://b.example")
    assert options.timeout_s == 3
    assert server_config(options)["forwarded_allow_ips"] == "10.0.0.1"


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("0.0.0.0", LOOPBACK),
        ("::", LOOPBACK),
        ("", LOOPBACK),
        ("192.0.2.7", LOOPBACK),
        ("2001:db8::7", LOOPBACK),
        ("LOCALHOST", LOOPBACK),
        ("Books.lan", (*LOOPBACK, "books.lan")),
    ],
)
def test_no_address_to_listen_on_makes_every_name_known(host: str, own: tuple[str, ...]) -> None:
    assert options_of(host=host).allowed_hosts == own
    assert options_of(host=host, allowed_hosts="A.example").allowed_hosts == (*own, "a.example")


@pytest.mark.parametrize(
    "text",
    [
        "https://books.example.org",
        "books.example.org/",
        "a b",
        "*.*.example",
        "ex*mple",
        "a..\u0378",
    ],
)
def test_a_host_that_is_none_is_named(text: str) -> None:
    with pytest.raises(UsageError, match=r"^BOOKGRAPH_ALLOWED_HOSTS: .* is not a host name\. Use"):
        options_of(allowed_hosts=f"localhost, {text}")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.0.2.7", "2001:db8::7", "books.lan"])
def test_beyond_loopback_without_keys_one_line_warns(host: str) -> None:
    warning = find_exposure(Settings(_env_file=None, host=host, write_keys="writer"))
    assert warning is not None
    assert "\n" not in warning
    assert "BOOKGRAPH_READ_KEYS" in warning
    assert "--public" in warning
    assert find_exposure(Settings(_env_file=None, host=host, read_keys="reader")) is None
    assert find_exposure(Settings(_env_file=None, host=host, public=True)) is None


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "localhost", "::1"])
def test_on_loopback_nothing_is_warned_of(host: str) -> None:
    assert find_exposure(Settings(_env_file=None, host=host)) is None


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_production_without_keys_is_refused_unless_it_is_public(host: str) -> None:
    # On loopback too: a proxy in front of it is what production mode is for.
    with pytest.raises(UsageError, match=r"BOOKGRAPH_READ_KEYS.*--public"):
        find_exposure(Settings(_env_file=None, host=host, production=True))
    with pytest.raises(UsageError):
        find_exposure(Settings(_env_file=None, host=host, production=True, write_keys="writer"))
    for more in ({"public": True}, {"read_keys": "reader"}):
        assert find_exposure(Settings(_env_file=None, host=host, production=True, **more)) is None


def test_keys_in_settings_never_print() -> None:
    settings = Settings(_env_file=None, read_keys="sesame", write_keys="sesame")
    assert "sesame" not in repr(settings)
    assert "sesame" not in str(settings.read_keys)


def test_workers_share_the_limits_of_one_server(tmp_path: Path) -> None:
    options = ServerOptions(max_concurrent=32, max_waiting=100, max_per_client=5)
    one = options.shared_by(3, tmp_path)
    assert (one.max_concurrent, one.max_waiting, one.max_per_client) == (11, 34, 2)
    assert one.shared_dir == tmp_path


def test_a_log_line_is_one_json_object() -> None:
    record = logging.LogRecord("bookgraph.x", logging.ERROR, "", 1, "%s is\nodd", ("é",), None)
    line = json.loads(JsonFormatter().format(record))
    assert line.keys() == {"time", "level", "logger", "message"}
    assert (line["level"], line["message"]) == ("error", "é is\nodd")
    record.fields = {"id": "abc", "status": 200}
    line = json.loads(JsonFormatter().format(record))
    assert "message" not in line
    assert line["status"] == 200
    try:
        raise ValueError("inside")  # noqa: TRY301  # caught at once on purpose
    except ValueError:
        record.exc_info = sys.exc_info()
    assert "ValueError: inside" in json.loads(JsonFormatter().format(record))["exception"]
    assert "\n" not in JsonFormatter().format(record)


def test_logs_become_json_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    root, access = logging.getLogger(), logging.getLogger("bookgraph.access")
    before = (root.handlers[:], root.level, access.level)
    try:
        configure_logs(is_json=True)
        access.info("text", extra={"fields": {"path": "/graphql"}})
        logging.getLogger("any").warning("beware")
        lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    finally:
        root.handlers[:], root.level = before[:2]
        access.setLevel(before[2])
    assert [line.get("path", line.get("message")) for line in lines] == ["/graphql", "beware"]


def test_under_a_prefix_the_same_is_served_and_guarded() -> None:
    options = ServerOptions(read_keys=("key",))
    app = build_app(RecordingStore(), options)  # type: ignore[arg-type]
    client = TestClient(Starlette(routes=[Mount("/books", app)]))
    assert client.get("/books/healthz").status_code == 200
    body = {"query": "{ __typename }"}
    assert client.post("/books/graphql", json=body).status_code == 401
    key = {"Authorization": "Bearer key"}
    assert client.post("/books/graphql", json=body, headers=key).json()["data"]
    metrics = client.get("/books/metrics", headers=key).text
    assert 'bookgraph_requests_total{route="graphql",status="200"} 1.0' in metrics
