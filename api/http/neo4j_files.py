"""Files for Neo4j Browser under `/neo4j/`: a guide, a style sheet and saved queries.

Neo4j Browser is a page of another origin, so pages of any origin may read these files; they hold
nothing secret. The guide and the archive show the same query files.
"""

from __future__ import annotations

import html
import io
import re
import zipfile
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

_FOLDER = Path(__file__).parents[1] / "explorer" / "neo4j"
_FAVOURITES = "bookgraph"
# The oldest time that a zip file can hold; equal queries make equal archives.
_EPOCH = (1980, 1, 1, 0, 0, 0)
_HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET",
    # Neo4j Browser adds headers to its request for a guide (in 5.24: cache-control, pragma and
    # sentry-trace), which makes browsers send a preflight request.
    "Access-Control-Allow-Headers": "*",
    "X-Content-Type-Options": "nosniff",
    # Neo4j Browser opens the guide. As a page of its own it must not run anything.
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'",
}


def neo4j_routes() -> list[Route]:
    """The routes of the files, and of the preflight requests for them."""
    return [
        Route("/neo4j/guide.html", _guide, methods=["GET", "OPTIONS"]),
        Route("/neo4j/style.grass", _style, methods=["GET", "OPTIONS"]),
        Route("/neo4j/queries.zip", _archive, methods=["GET", "OPTIONS"]),
    ]


def read_queries() -> Mapping[str, str]:
    """The saved queries by file name without suffix, in the guide's order."""
    return {
        path.stem: path.read_text("utf-8").strip()
        for path in sorted((_FOLDER / "queries").glob("*.cypher"))
    }


async def _guide(request: Request) -> Response:
    base = str(request.base_url).rstrip("/")
    return _response(request, build_guide(base).encode(), "text/html; charset=utf-8")


async def _style(request: Request) -> Response:
    return _response(request, (_FOLDER / "style.grass").read_bytes(), "text/plain; charset=utf-8")


async def _archive(request: Request) -> Response:
    return _response(request, build_archive(), "application/zip")


def _response(request: Request, content: bytes, media_type: str) -> Response:
    if request.method == "OPTIONS":
        return Response(status_code=204, headers=_HEADERS)
    return Response(content, media_type=media_type, headers=_HEADERS)


def build_guide(address: str) -> str:
    """Fill the queries into the guide.

    Args:
        address: URL of this server as Neo4j Browser reaches it, without a trailing slash.

    Raises:
        KeyError: the guide names a query that does not exist.
    """
    known = {name: _runnable(text) for name, text in read_queries().items()}
    known["base"] = html.escape(f"{address}/neo4j")
    known["explorer"] = html.escape(f"{address}/")
    template = (_FOLDER / "guide.html").read_text("utf-8")
    return re.sub(r"\{\{([\w-]+)\}\}", lambda match: known[match[1]], template)


def _runnable(text: str) -> str:
    """A query below its name. A click puts it into Neo4j Browser's editor."""
    name, _, query = text.partition("\n")
    title = html.escape(name.removeprefix("//").strip())
    return f'<h5>{title}</h5><pre class="pre-scrollable code runnable">{html.escape(query)}</pre>'


@lru_cache(maxsize=1)
def build_archive() -> bytes:
    """Pack the queries into a zip file, from which Neo4j Browser imports them as favourites."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in read_queries().items():
            archive.writestr(zipfile.ZipInfo(f"{_FAVOURITES}/{name}.cypher", _EPOCH), text + "\n")
    return buffer.getvalue()
