# ruff: noqa: INP001 - a script by itself
"""A typed client of the GraphQL API with the standard library alone.

Run it beside `bookgraph serve`:

    python examples/client.py "War and Peace" "Emma"
"""

from __future__ import annotations

import json
import os
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

DEFAULT_URL = "http://127.0.0.1:8000/graphql"
SIMILAR_BOOKS = """
query SimilarBooks($like: [String!]!, $first: Int!) {
  similarBooks(like: $like, first: $first) {
    edges { score node { title author year } why(first: 3) { link { title } } }
  }
}
"""


class ApiError(Exception):
    """The server answered with an error.

    Attributes:
        code: stable, such as `BOOK_NOT_FOUND`.
        nearest: names that look like the one that does not exist.
    """

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(error["message"])
        extensions = error.get("extensions", {})
        self.code: str = extensions.get("code", "")
        self.nearest: list[str] = extensions.get("nearest", [])


@dataclass(frozen=True)
class SimilarBook:
    """A near book."""

    title: str
    author: str | None
    year: int | None
    score: float
    shared: tuple[str, ...]


class Client:
    """Asks one server."""

    def __init__(self, url: str = DEFAULT_URL, *, key: str | None = None) -> None:
        self._url = url
        self._headers = {
            "Content-Type": "application/json",
            "Accept": "application/graphql-response+json",
            **({"Authorization": f"Bearer {key}"} if key else {}),
        }

    def ask(self, query: str, **variables: object) -> dict[str, Any]:
        """Ask any question.

        Raises:
            ApiError: the server says why it does not answer.
            OSError: it does not answer at all.
        """
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(self._url, body, self._headers)  # noqa: S310  # http
        try:
            with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310  # the same
                answer = json.load(response)
        except urllib.error.HTTPError as error:
            answer = json.load(error)
        if answer.get("errors"):
            raise ApiError(answer["errors"][0])
        data: dict[str, Any] = answer["data"]
        return data

    def similar_books(self, *titles: str, first: int = 10) -> list[SimilarBook]:
        """The books nearest to one, or to the middle of several."""
        found = self.ask(SIMILAR_BOOKS, like=titles, first=first)["similarBooks"]["edges"]
        return [
            SimilarBook(
                title=edge["node"]["title"],
                author=edge["node"]["author"],
                year=edge["node"]["year"],
                score=edge["score"],
                shared=tuple(one["link"]["title"] for one in edge["why"]),
            )
            for edge in found
        ]


def main() -> int:
    """Print the books nearest to those on the command line."""
    client = Client(os.environ.get("BOOKGRAPH_URL", DEFAULT_URL))
    try:
        for book in client.similar_books(*sys.argv[1:] or ["War and Peace"]):
            reasons = ", ".join(book.shared)
            sys.stdout.write(f"{book.score:.3f}  {book.title} ({book.author}): {reasons}\n")
    except ApiError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
