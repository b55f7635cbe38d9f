"""A server on loopback that behaves as Wikimedia's dump site does, and misbehaves as a network."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from bookgraph.core.processes import wait_until

STALL_S = 0.6
"""How long a stalled response stalls."""


@dataclass
class Site:
    """The files of a dump site, and what goes wrong with the next requests for each."""

    files: dict[str, bytes] = field(default_factory=dict)
    faults: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    agents: set[str | None] = field(default_factory=set)
    without_length: set[str] = field(default_factory=set)
    retry_after: str = "0"
    num_open: int = 0
    most_open: int = 0
    url: str = ""
    is_closing: threading.Event = field(default_factory=threading.Event)

    def add_dump(self, date: str, parts: dict[str, bytes], *, status: str = "done") -> None:
        """Publish a dump of `testwiki` as the real site does."""
        folder = f"/testwiki/{date}/"
        entries = {}
        for name, data in parts.items():
            self.files[folder + name] = data
            entries[name] = {
                "size": len(data),
                "url": folder + name,
                "md5": hashlib.md5(data).hexdigest(),
                "sha1": hashlib.sha1(data).hexdigest(),
            }
        jobs = {"articlesdump": {"status": status, "files": entries}}
        self.files[folder + "dumpstatus.json"] = json.dumps(
            {"version": "0.8", "jobs": jobs}
        ).encode()
        self.files["/testwiki/latest/x"] = b""
        self._list("/testwiki/")

    def add_export(self, date: str, parts: dict[str, bytes], *, is_complete: bool = True) -> None:
        """Publish a content export of `testwiki` as the real site does."""
        root = "/other/mediawiki_content_current/"
        folder = f"{root}testwiki/{date}/xml/bzip2/"
        self.files.update({folder + name: data for name, data in parts.items()})
        if is_complete:
            sums = (f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in parts.items())
            self.files[f"{folder}SHA256SUMS"] = "".join(sums).encode()
            self.files[f"{folder}_SUCCESS"] = b""
        self._list(root)
        self._list(f"{root}testwiki/")

    def _list(self, folder: str) -> None:
        """Write the page of a folder, with a link to each folder in it."""
        names = {
            path.removeprefix(folder).split("/")[0]
            for path in self.files
            if path.startswith(folder) and "/" in path.removeprefix(folder)
        }
        links = "".join(f'<a href="{name}/">{name}/</a>' for name in sorted(names))
        self.files[folder] = f"<html><a href='../'>../</a>{links}</html>".encode()

    def ranges(self, name: str) -> list[str | None]:
        """The requested ranges of a file."""
        return [wanted for path, wanted in self.requests if path.endswith(name)]


@contextmanager
def open_dump_site() -> Iterator[Site]:
    """Serve an empty site on loopback until the block ends."""
    site = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:  # http.server names it
            with suppress(BrokenPipeError, ConnectionResetError):
                _answer_head(self, site)

        def do_GET(self) -> None:  # http.server names it
            wanted = self.headers.get("Range")
            site.requests.append((self.path, wanted))
            site.agents.add(self.headers.get("User-Agent"))
            with suppress(BrokenPipeError, ConnectionResetError):
                _answer(self, site, wanted)

        def log_message(self, *args: object) -> None:
            """Keep the tests' output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    site.url = f"http://127.0.0.1:{server.server_port}/"
    try:
        yield site
    finally:
        site.is_closing.set()
        server.shutdown()
        thread.join()
        server.server_close()


def _answer_head(handler: BaseHTTPRequestHandler, site: Site) -> None:
    data = site.files.get(handler.path)
    handler.send_response(200 if data is not None else 404)
    if data is not None and handler.path not in site.without_length:
        handler.send_header("Content-Length", str(len(data)))
    handler.end_headers()


def _answer(handler: BaseHTTPRequestHandler, site: Site, wanted: str | None) -> None:
    data = site.files.get(handler.path)
    faults = site.faults[handler.path.rpartition("/")[2]]
    fault = faults.pop(0) if faults else ""
    if fault.isdecimal():
        handler.send_response(int(fault))
        handler.send_header("Retry-After", site.retry_after)
        handler.end_headers()
        return
    if data is None:
        handler.send_error(404)
        return
    has_length = handler.path not in site.without_length
    if fault == "slow":
        site.is_closing.wait(STALL_S)
    start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
    if fault == "no ranges":
        wanted, start = None, 0
    body = data[start:]
    shown = start
    if fault == "wrong range":
        body, shown = data[start // 2 :], start // 2
    if fault == "wrong bytes":
        body = bytes(len(body))
    if start >= len(data) > 0:
        handler.send_response(416)
        handler.send_header("Content-Range", f"bytes */{len(data)}")
        handler.end_headers()
        return
    handler.send_response(206 if wanted else 200)
    if wanted:
        total = str(len(data)) if has_length else "*"
        handler.send_header("Content-Range", f"bytes {shown}-{len(data) - 1}/{total}")
    if has_length:
        handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    _send(handler, site, body, fault)
    handler.close_connection = True


def _send(handler: BaseHTTPRequestHandler, site: Site, body: bytes, fault: str) -> None:
    if fault in {"cut", "stall"}:
        handler.wfile.write(body[: len(body) // 2])
        handler.wfile.flush()
        if fault == "stall":
            site.is_closing.wait(STALL_S)
    elif fault == "drip":
        site.num_open += 1
        site.most_open = max(site.most_open, site.num_open)
        middle = len(body) // 2
        handler.wfile.write(body[:middle])
        handler.wfile.flush()
        # Time enough for a third connection, if there were one.
        wait_until(lambda: site.num_open > 2, timeout_s=0.2, pause_s=0.01)
        # Before the last bytes leave: the client may request the next file when it has them.
        site.num_open -= 1
        handler.wfile.write(body[middle:])
    elif fault != "nothing":
        handler.wfile.write(body)
