"""HTTP for downloads: one kind of client, and explanations of its errors.

The client trusts the operating system's certificates, as pip and browsers do, so it also works in
networks whose gateway signs with its own. No other TLS connection of the process changes.
"""

from __future__ import annotations

import socket
import ssl

import httpx
import truststore

_RETRYABLE = {408, 425, 429, 500, 502, 503, 504}
_WORDS: dict[type[BaseException], str] = {
    ssl.SSLCertVerificationError: (
        "the server's certificate is not trusted; if your network signs with its own "
        "certificate, name that file in SSL_CERT_FILE"
    ),
    socket.gaierror: "the host name cannot be resolved",
    ConnectionRefusedError: "connection refused",
    httpx.TimeoutException: "timeout",
    httpx.ProxyError: "the proxy refuses the request",
    httpx.ConnectError: "no connection",
}


def open_client(*, timeout_s: float, user_agent: str = "bookgraph") -> httpx.Client:
    """Open a client that several threads may share; its caller closes it.

    Args:
        timeout_s: seconds without a connection, a response or the next bytes until a request fails.
        user_agent: names this program to the server.
    """
    return httpx.Client(
        verify=truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
        timeout=timeout_s,
        follow_redirects=True,
        # Compressed on the way, a file would have other bytes and ranges than its checksum.
        headers={"User-Agent": user_agent, "Accept-Encoding": "identity"},
    )


def is_retryable(error: httpx.HTTPError) -> bool:
    """Whether the same request may succeed later."""
    return status_of(error) in {None, *_RETRYABLE}


def status_of(error: Exception) -> int | None:
    """The status code of an error response, or None for an error of the network."""
    return error.response.status_code if isinstance(error, httpx.HTTPStatusError) else None


def retry_after(error: Exception) -> str | None:
    """The `Retry-After` header of an error response."""
    if isinstance(error, httpx.HTTPStatusError):
        value: str | None = error.response.headers.get("Retry-After")
        return value
    return None


def describe_http_error(error: httpx.HTTPError) -> str:
    """What went wrong, as part of a sentence."""
    if isinstance(error, httpx.HTTPStatusError):
        response = error.response
        return f"HTTP status {response.status_code} {response.reason_phrase}".rstrip()
    causes = _causes_of(error)
    for kind, words in _WORDS.items():
        if any(isinstance(cause, kind) for cause in causes):
            return words
    return "the connection was interrupted"


def _causes_of(error: BaseException) -> list[BaseException]:
    causes = []
    cause: BaseException | None = error
    while cause is not None and cause not in causes:
        causes.append(cause)
        cause = cause.__cause__ or cause.__context__
    return causes
