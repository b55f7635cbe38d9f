"""What Neo4j Browser loads from here: a guide, a style sheet and saved queries, under `/neo4j/`.

Neo4j Browser is a page of another origin, so these files, which hold nothing secret, may be read
by any. The guide shows the very queries that the archive holds; none is written twice.
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
# The oldest moment that an archive can hold: the same queries are the same bytes.
_EPOCH = (1980, 1, 1, 0, 0, 0)
_HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET",
    # Neo4j Browser sends some of its own with its request for a guide (cache-control, pragma and
    # sentry-trace in 5.24), which makes browsers ask first.
    "Access-Control-Allow-Headers": "*",
    "X-Content-Type-Options": "nosniff",
    # A guide is opened by Neo4j Browser; as a page of its own it may do nothing.
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'",
}


def neo4j_routes() -> list[Route]:
    """The routes of the files, and the answers to browsers that ask whether they may."""
    return [
        Route("/neo4j/guide.html", _guide, methods=["GET", "OPTIONS"]),
        Route("/neo4j/style.grass", _style, methods=["GET", "OPTIONS"]),
        Route("/neo4j/queries.zip", _archive, methods=["GET", "OPTIONS"]),
    ]


def read_queries() -> Mapping[str, str]:
    """The saved queries: file name without its ending to text, in the guide's order."""
    return {
        path.stem: path.read_text("utf-8").strip()
        for path in sorted((_FOLDER / "queries").glob("*.cypher"))
    }


async def _guide(request: Request) -> Response:
    base = str(request.base_url).rstrip("/")
    return _answer(request, build_guide(base).encode(), "text/html; charset=utf-8")


async def _style(request: Request) -> Response:
    return _answer(request, (_FOLDER / "style.grass").read_bytes(), "text/plain; charset=utf-8")


async def _archive(request: Request) -> Response:
    return _answer(request, build_archive(), "application/zip")


def _answer(request: Request, content: bytes, media_type: str) -> Response:
    if request.method == "OPTIONS":
        return Response(status_code=204, headers=_HEADERS)
    return Response(content, media_type=media_type, headers=_HEADERS)


def build_guide(address: str) -> str:
    """The guide with the queries in it.

    Args:
        address: of this server as Neo4j Browser reaches it, without a last slash.

    Raises:
        KeyError: the guide names a query that is not there.
    """
    known = {name: _runnable(text) for name, text in read_queries().items()}
    known["base"] = html.escape(f"{address}/neo4j")
    known["explorer"] = html.escape(f"{address}/")
    template = (_FOLDER / "guide.html").read_text("utf-8")
    return re.sub(r"\{\{([\w-]+)\}\}", lambda match: known[match[1]], template)


def _runnable(text: str) -> str:
    """A query that a click puts into Neo4j Browser's editor, below its name."""
    name, _, query = text.partition("\n")
    title = html.escape(name.removeprefix("//").strip())
    return f'<h5>{title}</h5><pre class="pre-scrollable code runnable">{html.escape(query)}</pre>'


@lru_cache(maxsize=1)
def build_archive() -> bytes:
    """A zip of the queries, each a file that becomes a favourite of one folder."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in read_queries().items():
            archive.writestr(zipfile.ZipInfo(f"{_FAVOURITES}/{name}.cypher", _EPOCH), text + "\n")
    return buffer.getvalue()
