"""The client for downloads, and the words for what goes wrong with it."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable

import httpx
import pytest

from bookgraph.core.http import (
    describe_http_error,
    is_retryable,
    open_client,
    retry_after,
    status_of,
)
from bookgraph.core.processes import find_free_port

_REQUEST = httpx.Request("GET", "http://127.0.0.1/")


def _response_error(status: int, headers: dict[str, str] | None = None) -> httpx.HTTPStatusError:
    response = httpx.Response(status, headers=headers, request=_REQUEST)
    return httpx.HTTPStatusError("x", request=_REQUEST, response=response)


def _caused_by(cause: Exception) -> httpx.ConnectError:
    try:
        try:
            raise cause
        except OSError as error:
            raise httpx.ConnectError("wrapped") from error
    except httpx.ConnectError as error:
        return error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (_response_error(404), "HTTP status 404 Not Found"),
        (_response_error(599), "HTTP status 599"),
        (httpx.ReadTimeout("x"), "timeout"),
        (httpx.ConnectTimeout("x"), "timeout"),
        (httpx.ProxyError("403"), "the proxy refuses the request"),
        (httpx.ConnectError("x"), "no connection"),
        (_caused_by(ConnectionRefusedError(111, "x")), "connection refused"),
        (_caused_by(socket.gaierror(-2, "x")), "the host name cannot be resolved"),
        (httpx.RemoteProtocolError("peer closed"), "the connection was interrupted"),
    ],
)
def test_each_failure_has_its_words(error: httpx.HTTPError, words: str) -> None:
    assert describe_http_error(error) == words


def test_a_certificate_that_is_not_trusted_names_the_variable_to_set() -> None:
    error = _caused_by(ssl.SSLCertVerificationError("[SSL: CERTIFICATE_VERIFY_FAILED]"))
    assert "SSL_CERT_FILE" in describe_http_error(error)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (_response_error(404), False),
        (_response_error(403), False),
        (_response_error(503), True),
        (_response_error(429), True),
        (httpx.ReadTimeout("x"), True),
    ],
)
def test_what_may_pass_is_retryable(error: httpx.HTTPError, *, expected: bool) -> None:
    assert is_retryable(error) == expected


def test_facts_of_error_responses_are_read() -> None:
    assert retry_after(_response_error(503, {"Retry-After": "7"})) == "7"
    assert retry_after(httpx.ReadTimeout("x")) is None
    assert status_of(_response_error(503)) == 503
    assert status_of(httpx.ReadTimeout("x")) is None


def test_the_systems_certificates_are_trusted_without_a_change_of_the_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    contexts: list[object] = []
    real: Callable[..., httpx.Client] = httpx.Client

    def remember(**options: object) -> httpx.Client:
        contexts.append(options["verify"])
        return real(**options)

    monkeypatch.setattr(httpx, "Client", remember)
    before = ssl.SSLContext
    with open_client(timeout_s=1):
        assert ssl.SSLContext is before
    assert type(contexts[0]).__module__.startswith("truststore")


def test_a_real_refusal_is_recognised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with open_client(timeout_s=5) as client, pytest.raises(httpx.ConnectError) as caught:
        client.get(f"http://127.0.0.1:{find_free_port()}/")
    assert describe_http_error(caught.value) == "connection refused"
