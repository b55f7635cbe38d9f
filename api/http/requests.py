"""Reads a GraphQL request out of an HTTP request, as in the GraphQL-over-HTTP specification.

It runs nothing. A `Refusal` carries the status with which a request is refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from starlette.requests import Request

RESPONSE_JSON = "application/graphql-response+json"
JSON = "application/json"
EVENT_STREAM = "text/event-stream"
_QUALITY = re.compile(r"^q=([01](?:\.[0-9]{0,3})?)$")
# A page of another origin cannot send any of these without a CORS preflight.
PREFLIGHT_HEADERS = ("graphql-require-preflight", "apollo-require-preflight", "x-requested-with")


class Refusal(Exception):  # noqa: N818  # a response, not a fault
    """A request that gets a status and one error as its response.

    Attributes:
        status: the status of the response.
        message: the message of the error.
        code: the stable code of the error.
        headers: more headers of the response.
    """

    def __init__(
        self,
        status: HTTPStatus,
        message: str,
        *,
        code: str = "BAD_REQUEST",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.headers = dict(headers or {})


@dataclass(frozen=True, slots=True)
class GraphQLRequest:
    """A GraphQL request.

    Attributes:
        text: the document, or None if the client sent only its hash.
        operation_name: the operation of the document to run.
        variables: as the client sent them.
        persisted_hash: SHA-256 of the text, if the client uses automatic persisted queries.
        is_get: whether it came as a GET, which must not change anything.
    """

    text: str | None
    operation_name: str | None
    variables: dict[str, Any]
    persisted_hash: str | None
    is_get: bool


def response_type(accept: str | None) -> str:
    """The media type of the response.

    It is a stream of events for clients that accept neither form of JSON.

    Raises:
        Refusal: 406, the client accepts no media type that the server has.
    """
    if accept is None or not accept.strip():
        return JSON
    qualities = dict(_media_ranges(accept))
    offers = []
    for offer in (JSON, RESPONSE_JSON):
        for media in (offer, "application/*", "*/*"):
            if media in qualities:
                offers.append((qualities[media], media == offer, offer))
                break
    # A type that the client names goes before one that only a wildcard permits.
    best = max(offers, default=(0.0, False, ""), key=lambda one: one[:2])
    if best[0] <= 0 and accepts_events(accept):
        return EVENT_STREAM
    if best[0] <= 0:
        raise Refusal(
            HTTPStatus.NOT_ACCEPTABLE,
            f"No media type of Accept: {accept} is available. Accept {RESPONSE_JSON}, {JSON} or "
            f"{EVENT_STREAM}.",
        )
    return best[2]


def accepts_events(accept: str | None) -> bool:
    """Whether the client names the media type of a stream of events. A wildcard is not enough."""
    return dict(_media_ranges(accept or "")).get(EVENT_STREAM, 0.0) > 0


def _media_ranges(accept: str) -> list[tuple[str, float]]:
    ranges = []
    for part in accept.split(","):
        media, *parameters = (text.strip().lower() for text in part.split(";"))
        quality = 1.0
        for parameter in parameters:
            found = _QUALITY.match(parameter)
            if found:
                quality = float(found[1])
            elif parameter.startswith("charset=") and parameter != "charset=utf-8":
                quality = 0.0
        ranges.append((media, quality))
    return ranges


async def read_request(
    request: Request, *, max_bytes: int, is_preflight_needed: bool
) -> GraphQLRequest:
    """Read the parameters of a request.

    Args:
        request: GET with a query string, or POST with JSON.
        max_bytes: limit of the body or the query string.
        is_preflight_needed: refuse a GET that a page of any origin could have sent.

    Raises:
        Refusal: the request is invalid; the status says why.
    """
    if request.method == "GET":
        if is_preflight_needed and not any(name in request.headers for name in PREFLIGHT_HEADERS):
            raise Refusal(
                HTTPStatus.BAD_REQUEST,
                f"GET requests need the header `{PREFLIGHT_HEADERS[0]}: 1`, which pages of other "
                "sites cannot send. Add the header, or use POST.",
                code="PREFLIGHT_REQUIRED",
            )
        return _parameters(_from_url(request, max_bytes), is_get=True)
    if request.method == "POST":
        return _parameters(await _from_body(request, max_bytes), is_get=False)
    raise Refusal(
        HTTPStatus.METHOD_NOT_ALLOWED,
        f"{request.method} is not supported. Use POST or GET.",
        headers={"Allow": "GET, POST"},
    )


def _from_url(request: Request, max_bytes: int) -> dict[str, Any]:
    if len(request.url.query) > max_bytes:
        raise Refusal(
            HTTPStatus.REQUEST_URI_TOO_LONG,
            f"The query string is larger than {max_bytes} bytes. Use POST.",
        )
    given: dict[str, Any] = dict(request.query_params)
    for name in ("variables", "extensions"):
        if name in given:
            given[name] = _json(given[name], name) if given[name] else None
    return given


async def _from_body(request: Request, max_bytes: int) -> dict[str, Any]:
    media, _, parameters = request.headers.get("content-type", "").partition(";")
    charset = parameters.strip().lower().removeprefix("charset=").strip('"')
    if media.strip().lower() != JSON or charset not in {"", "utf-8", "utf8"}:
        raise Refusal(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"Content-Type: {request.headers.get('content-type', '')} is not supported. "
            f"Send {JSON} in UTF-8.",
            headers={"Accept": JSON},
        )
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > max_bytes:
            raise Refusal(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"The body is larger than {max_bytes} bytes.",
                headers={"Connection": "close"},
            )
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Refusal(HTTPStatus.BAD_REQUEST, "The body is not valid UTF-8.") from error
    given = _json(text, "The body")
    if isinstance(given, list):
        raise Refusal(
            HTTPStatus.BAD_REQUEST,
            "Batches are not supported. Send one operation in each request. A query can have "
            "several fields, and the same field several times under different aliases.",
            code="BATCHING_NOT_SUPPORTED",
        )
    if not isinstance(given, dict):
        raise Refusal(HTTPStatus.BAD_REQUEST, "The body is not a JSON object.")
    return given


def _json(text: str, name: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise Refusal(HTTPStatus.BAD_REQUEST, f"{name} is not valid JSON.") from error


def _refuse_constant(name: str) -> None:
    # Python reads NaN and Infinity, which are not JSON.
    raise ValueError(name)


def _parameters(given: Mapping[str, Any], *, is_get: bool) -> GraphQLRequest:
    query, name = given.get("query"), given.get("operationName")
    variables, extensions = given.get("variables"), given.get("extensions")
    for key, value, kind, word in (
        ("query", query, str, "a string"),
        ("operationName", name, str, "a string"),
        ("variables", variables, dict, "an object"),
        ("extensions", extensions, dict, "an object"),
    ):
        if value is not None and not isinstance(value, kind):
            raise Refusal(HTTPStatus.BAD_REQUEST, f"{key} must be {word}.")
    digest = _persisted_hash(extensions or {})
    if query is None and digest is None:
        raise Refusal(
            HTTPStatus.BAD_REQUEST, "The request has no query. Send it as the string `query`."
        )
    return GraphQLRequest(query, name, variables or {}, digest, is_get)


def _persisted_hash(extensions: Mapping[str, Any]) -> str | None:
    persisted = extensions.get("persistedQuery")
    if persisted is None:
        return None
    digest = persisted.get("sha256Hash") if isinstance(persisted, dict) else None
    if not isinstance(digest, str) or persisted.get("version") != 1:
        raise Refusal(
            HTTPStatus.BAD_REQUEST,
            "extensions.persistedQuery must be {version: 1, sha256Hash: ...}.",
        )
    return digest.lower()
