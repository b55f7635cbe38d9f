"""Lets pages of other origins send requests and read every response, refusals included."""

from __future__ import annotations

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from bookgraph.api.http.requests import PREFLIGHT_HEADERS

_MAX_AGE_S = 600


def allow_origins(app: ASGIApp, origins: tuple[str, ...]) -> ASGIApp:
    """Answer the preflight requests of these origins, and mark all other responses for them.

    Args:
        app: handles the requests. It must check keys itself, because a browser sends none with a
            preflight request.
        origins: such as `https://app.example`; without any, `app` is returned unchanged.
    """
    if not origins:
        return app
    return CORSMiddleware(
        app,
        allow_origins=origins,
        allow_methods=("GET", "POST"),
        allow_headers=(
            "Authorization",
            "Content-Type",
            "If-None-Match",
            "X-Request-Id",
            *PREFLIGHT_HEADERS,
        ),
        expose_headers=("ETag", "Retry-After", "X-Request-Id"),
        max_age=_MAX_AGE_S,
    )
