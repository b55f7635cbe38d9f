# ruff: noqa: INP001 - a script, not a package
"""A typed client of the GraphQL API that needs only the standard library.

Run it while `bookgraph serve` runs:

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
    """The response has an error.

    Attributes:
        code: the stable code, such as `BOOK_NOT_FOUND`.
        nearest: names similar to the one that was not found.
    """

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(error["message"])
        extensions = error.get("extensions", {})
        self.code: str = extensions.get("code", "")
        self.nearest: list[str] = extensions.get("nearest", [])


@dataclass(frozen=True)
class SimilarBook:
    """A similar book, its cosine score, and links that it shares with the liked books."""

    title: str
    author: str | None
    year: int | None
    score: float
    shared: tuple[str, ...]


class Client:
    """Sends queries to one server."""

    def __init__(self, url: str = DEFAULT_URL, *, key: str | None = None) -> None:
        self._url = url
        self._headers = {
            "Content-Type": "application/json",
            "Accept": "application/graphql-response+json",
            **({"Authorization": f"Bearer {key}"} if key else {}),
        }

    def request(self, query: str, **variables: object) -> dict[str, Any]:
        """Send a query and return the response's data.

        Raises:
            ApiError: the response has an error.
            OSError: the server cannot be reached.
        """
        body = json.dumps({"query": query, "variables": variables}).encode()
        message = urllib.request.Request(self._url, body, self._headers)  # noqa: S310  # an http(s) URL
        try:
            with urllib.request.urlopen(message, timeout=30) as response:  # noqa: S310  # an http(s) URL
                result = json.load(response)
        except urllib.error.HTTPError as error:
            result = json.load(error)
        if result.get("errors"):
            raise ApiError(result["errors"][0])
        data: dict[str, Any] = result["data"]
        return data

    def similar_books(self, *titles: str, first: int = 10) -> list[SimilarBook]:
        """The books most similar to one book, or to the mean of several."""
        found = self.request(SIMILAR_BOOKS, like=titles, first=first)["similarBooks"]["edges"]
        return [
            SimilarBook(
                title=edge["node"]["title"],
                author=edge["node"]["author"],
                year=edge["node"]["year"],
                score=edge["score"],
                shared=tuple(reason["link"]["title"] for reason in edge["why"]),
            )
            for edge in found
        ]


def main() -> int:
    """Print the books most similar to those named on the command line."""
    url = os.environ.get("BOOKGRAPH_URL", DEFAULT_URL)
    client = Client(url)
    try:
        for book in client.similar_books(*sys.argv[1:] or ["War and Peace"]):
            reasons = ", ".join(book.shared)
            sys.stdout.write(f"{book.score:.3f}  {book.title} ({book.author}): {reasons}\n")
    except ApiError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except urllib.error.URLError:
        sys.stderr.write(f"No server responds at {url}. Start it: bookgraph serve\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
