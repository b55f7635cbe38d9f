"""A server on loopback that behaves as a wiki's Action API does, and misbehaves as a busy one.

It knows `generator=embeddedin`, `pageids`, `titles` with `redirects` and `normalized`, `export`,
`prop=info`, `continue`, and the errors of a wiki under load.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

_HEAD = """<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/" version="0.11">
  <siteinfo>
    <sitename>Wikipedia</sitename>
    <dbname>testwiki</dbname>
    <case>first-letter</case>
    <namespaces>
      <namespace key="4" case="first-letter">Wikipedia</namespace>
      <namespace key="14" case="first-letter">Category</namespace>
    </namespaces>
  </siteinfo>
"""


_CODES = {
    "error": "badvalue",
    "internal": "internal_api_error_MediaWiki\\Storage\\BlobAccessException",
}


@dataclass
class WikiPage:
    """One page of the wiki.

    Attributes:
        title: its title.
        text: its wikitext.
        revision: the number of its latest revision.
        templates: templates that it uses.
    """

    title: str
    text: str
    revision: int
    templates: frozenset[str] = frozenset({"Template:Infobox book"})


@dataclass
class Wiki:
    """The pages of a wiki, and what goes wrong with the next requests.

    Attributes:
        pages: number to page.
        redirects: title to the title that it leads to.
        faults: one for each of the next requests: `maxlag`, `ratelimited`, `internal`, `429`,
            `503`, `html`, `cut`, `error`, or an empty text for an answer.
        requests: the parameters of each request.
        agents: what the clients called themselves.
        batch: pages that one answer lists at most.
        most_open: requests that were answered at one time.
    """

    pages: dict[int, WikiPage] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    requests: list[dict[str, str]] = field(default_factory=list)
    agents: set[str | None] = field(default_factory=set)
    batch: int = 500
    most_open: int = 0
    url: str = ""
    num_open: int = 0

    def add(self, title: str, text: str, *, templates: frozenset[str] | None = None) -> int:
        """Create a page and give its number."""
        number = len(self.pages) + 1
        page = WikiPage(title, text, revision=1000 + number)
        if templates is not None:
            page.templates = templates
        self.pages[number] = page
        return number

    def edit(self, number: int, text: str) -> None:
        """Save a new revision of a page."""
        page = self.pages[number]
        page.text, page.revision = text, page.revision + 10_000

    def answer(self, params: dict[str, str]) -> dict[str, Any]:
        """What `action=query` gives."""
        query: dict[str, Any] = {}
        answer: dict[str, Any] = {"batchcomplete": True, "query": query}
        if params.get("generator") == "embeddedin":
            numbers = self._embedded(params, answer)
        elif "pageids" in params:
            numbers = [int(number) for number in params["pageids"].split("|")]
        else:
            self._resolve(params["titles"].split("|"), query)
            return answer
        query["pages"] = [
            {"pageid": number, "ns": 0, "title": page.title, "lastrevid": page.revision}
            if (page := self.pages.get(number))
            else {"pageid": number, "missing": True}
            for number in numbers
        ]
        if "export" in params:
            query["export"] = self._export([n for n in numbers if n in self.pages])
        return answer

    def _embedded(self, params: dict[str, str], answer: dict[str, Any]) -> list[int]:
        found = [n for n, page in self.pages.items() if params["geititle"] in page.templates]
        start = int(params.get("geicontinue", "0|0").split("|")[1])
        limit = min(int(params["geilimit"]), self.batch)
        rest = [number for number in sorted(found) if number >= start]
        if len(rest) > limit:
            answer["continue"] = {"geicontinue": f"0|{rest[limit]}", "continue": "geicontinue||"}
            del answer["batchcomplete"]
        return rest[:limit]

    def _resolve(self, titles: list[str], query: dict[str, Any]) -> None:
        for title in titles:
            name = title.replace("_", " ")
            name = name[:1].upper() + name[1:]
            if name != title:
                query.setdefault("normalized", []).append({"from": title, "to": name})
            if target := self.redirects.get(name):
                query.setdefault("redirects", []).append({"from": name, "to": target})

    def _export(self, numbers: list[int]) -> str:
        return (
            _HEAD + "".join(self._export_page(n, self.pages[n]) for n in numbers) + "</mediawiki>"
        )

    def _export_page(self, number: int, page: WikiPage) -> str:
        text = escape(page.text, {'"': "&quot;"})
        sha1 = hashlib.sha1(page.text.encode()).hexdigest()
        return f"""  <page>
    <title>{escape(page.title)}</title>
    <ns>0</ns>
    <id>{number}</id>
    <revision>
      <id>{page.revision}</id>
      <timestamp>2026-09-01T00:00:00Z</timestamp>
      <contributor deleted="deleted" />
      <model>wikitext</model>
      <format>text/x-wiki</format>
      <text bytes="{len(page.text.encode())}" sha1="{sha1}" xml:space="preserve">{text}</text>
      <sha1>{sha1}</sha1>
    </revision>
  </page>
"""


@contextmanager
def open_wiki() -> Iterator[Wiki]:
    """Serve an empty wiki on loopback until the block ends."""
    wiki = Wiki()
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # http.server names it
            length = int(self.headers.get("Content-Length", 0))
            fields = parse_qs(self.rfile.read(length).decode(), keep_blank_values=True)
            params = {name: values[0] for name, values in fields.items()}
            with lock:
                wiki.requests.append(params)
                wiki.agents.add(self.headers.get("User-Agent"))
                wiki.num_open += 1
                wiki.most_open = max(wiki.most_open, wiki.num_open)
                fault = wiki.faults.pop(0) if wiki.faults else ""
            with suppress(BrokenPipeError, ConnectionResetError):
                _send(self, wiki, params, fault)
            with lock:
                wiki.num_open -= 1

        def log_message(self, *args: object) -> None:
            """Keep the tests' output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    wiki.url = f"http://127.0.0.1:{server.server_port}/w/api.php"
    try:
        yield wiki
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _send(handler: BaseHTTPRequestHandler, wiki: Wiki, params: dict[str, str], fault: str) -> None:
    status = int(fault) if fault.isdecimal() else 200
    handler.send_response(status)
    if fault in {"maxlag", "ratelimited"} or status != 200:  # OK
        handler.send_header("Retry-After", "0")
    if fault in {"maxlag", "ratelimited", "internal", "error"}:
        code = _CODES.get(fault, fault)
        body = json.dumps({"error": {"code": code, "info": "Waiting for a host"}}).encode()
    elif fault == "html" or status != 200:  # OK
        body = b"<html>Our servers are currently under maintenance</html>"
    else:
        body = json.dumps(wiki.answer(params)).encode()
    if "gzip" in handler.headers.get("Accept-Encoding", ""):
        body = gzip.compress(body)
        handler.send_header("Content-Encoding", "gzip")
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body[: len(body) // 2] if fault == "cut" else body)
