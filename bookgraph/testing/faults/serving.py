"""A client of `bookgraph serve` that sends edits, and knows which of them were acknowledged."""

from __future__ import annotations

import json
import signal
import threading
import time
from typing import TYPE_CHECKING, Any

import httpx

from bookgraph.core.processes import LOOPBACK, find_free_port, wait_until
from bookgraph.graph.store import Store
from bookgraph.testing.faults.command import Command
from bookgraph.testing.recount import wrong_counts

if TYPE_CHECKING:
    from bookgraph.testing.faults.place import Place

KEY = "write-key-of-the-fault-suite"

_START_S = 120.0
_NUM_EDITS = 60
_NUM_TITLES = 12
_SAVE = """mutation Save($book: BookInput!) {
  saveBook(input: $book) { userErrors { code message } } }"""
_REMOVE = """mutation Remove($title: String!) {
  removeBook(title: $title) { userErrors { code message } } }"""

Wish = tuple[str, list[str] | None]
"""A title, and the links of the book; None removes it."""


def make_edits() -> list[Wish]:
    """The edits: saves of new books, changes of them, and removals of some."""
    edits: list[Wish] = []
    for number in range(_NUM_EDITS):
        title = f"Edited {number % _NUM_TITLES}"
        is_removal = number % 7 == 6 and number >= _NUM_TITLES
        links = ["Dracula", "Horror fiction", f"Only {number}", "Bram Stoker"]
        edits.append((title, None if is_removal else links))
    return edits


class Client:
    """Sends the edits in order, each until it is acknowledged.

    Attributes:
        port: where the server is to listen.
        num_done: how many edits are acknowledged.
        problems: acknowledged edits that were lost, and edits that were refused.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self._edits = make_edits()
        self.port = find_free_port()
        self.num_done = 0
        self.problems: list[str] = []
        self._thread: threading.Thread | None = None
        self._is_over = threading.Event()

    def run_beside(self, command: Command) -> None:
        """Send, in a thread, until all edits are done or the server has ended.

        After a first run, what was acknowledged then is looked up before anything is sent.
        """
        self._is_over.clear()
        self._thread = threading.Thread(target=self._run, args=(command,), daemon=True)
        self._thread.start()

    def finish(self, command: Command, limit_s: float) -> int | None:
        """Wait for the client, then end the server; its exit code, or None after the limit."""
        assert self._thread is not None
        self._thread.join(limit_s)
        was_alive = self._thread.is_alive()
        self._is_over.set()
        self._thread.join(10)
        if command.exit_code is None:
            command.signal(signal.SIGTERM)
        code = command.wait(limit_s)
        return None if was_alive else code

    def _find_lost(self, store: Store) -> list[str]:
        """Acknowledged edits that the graph does not have, and wrong counts."""
        wanted: dict[str, list[list[str] | None]] = {}
        for title, links in self._edits[: self.num_done]:
            wanted[title] = [links]
        if self.num_done < len(self._edits):
            # The one that was under way may or may not be there.
            title, links = self._edits[self.num_done]
            wanted.setdefault(title, [None]).append(links)
        found = {
            row["title"]: sorted(row["names"])
            for row in store.read(
                "MATCH (b:Book) WHERE b.title STARTS WITH 'Edited ' RETURN b.title AS title, "
                "COLLECT { MATCH (b)-[:LINKS_TO]->(l) RETURN l.name } AS names"
            )
        }
        problems = [
            f"acknowledged edit {self.num_done} or before: {title} has {found.get(title)}, "
            f"not one of {states}"
            for title, states in wanted.items()
            if found.get(title)
            not in [None if one is None else sorted(map(str.lower, one)) for one in states]
        ]
        return problems + [f"wrong count: {name}" for name in wrong_counts(store)]

    def _run(self, command: Command) -> None:
        if not wait_until(
            lambda: self._is_healthy() or command.exit_code is not None or self._is_over.is_set(),
            timeout_s=_START_S,
        ):
            return
        if self.num_done and command.exit_code is None:
            with self._place.store() as store:
                self.problems += self._find_lost(store)
        headers = {"Authorization": f"Bearer {KEY}"}
        with httpx.Client(timeout=15, headers=headers) as http:
            while self.num_done < len(self._edits) and not self._is_over.is_set():
                if command.exit_code is not None:
                    return
                if self._send(http, self._edits[self.num_done]):
                    self.num_done += 1
                    # As a person would, so that a fault meets edits and pauses.
                    time.sleep(0.02)
                else:
                    time.sleep(0.1)

    def _is_healthy(self) -> bool:
        try:
            return httpx.get(f"http://{LOOPBACK}:{self.port}/healthz").is_success
        except httpx.HTTPError:
            return False

    def _send(self, http: httpx.Client, edit: Wish) -> bool:
        """Whether the server acknowledged an edit."""
        title, links = edit
        if links is None:
            body: dict[str, Any] = {"query": _REMOVE, "variables": {"title": title}}
        else:
            book = {"title": title, "links": links}
            body = {"query": _SAVE, "variables": {"book": book}}
        try:
            response = http.post(f"http://{LOOPBACK}:{self.port}/graphql", json=body)
            answer = response.json()
        except (httpx.HTTPError, json.JSONDecodeError):
            return False
        if answer.get("errors"):
            return False
        (payload,) = answer["data"].values()
        codes = {one["code"] for one in payload["userErrors"]}
        # A removal that was done before its response was lost.
        if codes - {"BOOK_NOT_FOUND"}:
            self.problems.append(f"edit of {title} refused: {payload['userErrors']}")
        return True
