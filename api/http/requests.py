"""Reads a GraphQL request out of HTTP, as the GraphQL-over-HTTP specification has it.

Nothing is run here: a `Refusal` says with which status a request is turned away.
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
_QUALITY = re.compile(r"^q=([01](?:\.[0-9]{0,3})?)$")
# A page of another origin cannot send any of these without asking first (CORS preflight).
PREFLIGHT_HEADERS = ("graphql-require-preflight", "apollo-require-preflight", "x-requested-with")


class Refusal(Exception):  # noqa: N818  # an answer, not an accident
    """A request that is answered with a status and one error.

    Attributes:
        status: of the response.
        message: for the client's developer.
        code: stable.
        headers: to send beside.
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
    """What a client asks.

    Attributes:
        query: the document's text, or None where only a hash was sent.
        operation_name: which operation of it.
        variables: as sent.
        persisted_hash: sha256 of the text, where automatic persisted queries are used.
        is_get: whether it must not change anything.
    """

    query: str | None
    operation_name: str | None
    variables: dict[str, Any]
    persisted_hash: str | None
    is_get: bool


def response_type(accept: str | None) -> str:
    """The media type to answer with.

    Raises:
        Refusal: 406, the client accepts none that can be given.
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
    # What is named outright goes before what a wildcard lets through.
    best = max(offers, default=(0.0, False, ""), key=lambda one: one[:2])
    if best[0] <= 0:
        raise Refusal(
            HTTPStatus.NOT_ACCEPTABLE,
            f"Accept: {accept} cannot be met; accept {RESPONSE_JSON} or {JSON}.",
        )
    return best[2]


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
    """Read a request's parameters.

    Args:
        request: GET with a query string, or POST with JSON.
        max_bytes: of the body or the query string.
        is_preflight_needed: refuse a GET that a page of any origin could have sent.

    Raises:
        Refusal: the request cannot be read; the status says why.
    """
    if request.method == "GET":
        if is_preflight_needed and not any(name in request.headers for name in PREFLIGHT_HEADERS):
            raise Refusal(
                HTTPStatus.BAD_REQUEST,
                f"A GET request needs the header {PREFLIGHT_HEADERS[0]}: 1, which no page of "
                "another site can send. Or use POST.",
                code="PREFLIGHT_REQUIRED",
            )
        return _parameters(_from_url(request, max_bytes), is_get=True)
    if request.method == "POST":
        return _parameters(await _from_body(request, max_bytes), is_get=False)
    raise Refusal(
        HTTPStatus.METHOD_NOT_ALLOWED,
        f"{request.method} is not served here; use POST or GET.",
        headers={"Allow": "GET, POST"},
    )


def _from_url(request: Request, max_bytes: int) -> dict[str, Any]:
    if len(request.url.query) > max_bytes:
        raise Refusal(HTTPStatus.REQUEST_URI_TOO_LONG, f"At most {max_bytes} bytes are read.")
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
            f"Content-Type: {request.headers.get('content-type', '')} cannot be read; "
            f"send {JSON} in UTF-8.",
            headers={"Accept": JSON},
        )
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > max_bytes:
            raise Refusal(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"The body is larger than the {max_bytes} bytes that are read.",
                headers={"Connection": "close"},
            )
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Refusal(HTTPStatus.BAD_REQUEST, "The body is no UTF-8.") from error
    given = _json(text, "the body")
    if isinstance(given, list):
        raise Refusal(HTTPStatus.BAD_REQUEST, "Batches are not answered; send one at a time.")
    if not isinstance(given, dict):
        raise Refusal(HTTPStatus.BAD_REQUEST, "The body is no JSON object.")
    return given


def _json(text: str, name: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise Refusal(HTTPStatus.BAD_REQUEST, f"{name} cannot be read as JSON.") from error


def _refuse_constant(name: str) -> None:
    # Python reads NaN and Infinity, which JSON has not.
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
            raise Refusal(HTTPStatus.BAD_REQUEST, f"{key} has to be {word}.")
    digest = _persisted_hash(extensions or {})
    if query is None and digest is None:
        raise Refusal(HTTPStatus.BAD_REQUEST, "There is no query. Send it as `query`.")
    return GraphQLRequest(query, name, variables or {}, digest, is_get)


def _persisted_hash(extensions: Mapping[str, Any]) -> str | None:
    asked = extensions.get("persistedQuery")
    if asked is None:
        return None
    digest = asked.get("sha256Hash") if isinstance(asked, dict) else None
    if not isinstance(digest, str) or asked.get("version") != 1:
        raise Refusal(
            HTTPStatus.BAD_REQUEST,
            "extensions.persistedQuery has to be {version: 1, sha256Hash: ...}.",
        )
    return digest.lower()
