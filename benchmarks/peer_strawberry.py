"""The peer of `bench_api.py`: a server that runs one statement behind Strawberry.

Strawberry is the usual choice for GraphQL in Python. The server runs in an environment that has
`strawberry-graphql`, `uvicorn` and `neo4j`. Only the GraphQL side differs from bookgraph's.

    python benchmarks/peer_strawberry.py BOLT_URI PASSWORD STATEMENT_JSON PORT
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import neo4j
import strawberry
import uvicorn
from strawberry.asgi import GraphQL


@strawberry.type
class Link:
    """A link."""

    name: str


@strawberry.type
class Reason:
    """A shared link."""

    score: float
    link: Link


@strawberry.type
class Book:
    """A book."""

    title: str


@strawberry.type
class Edge:
    """A similar book."""

    score: float
    node: Book
    rows: strawberry.Private[list[dict[str, object]]]

    @strawberry.field
    def why(self, first: int = 5) -> list[Reason]:
        """The shared links."""
        return [
            Reason(score=row["score"], link=Link(name=row["link"]["name"]))  # type: ignore[index,arg-type]
            for row in self.rows[:first]
        ]


@strawberry.type
class Connection:
    """A list."""

    edges: list[Edge]


def build_app(driver: neo4j.Driver, statement: str) -> GraphQL:
    """The application over one driver and one statement."""

    def read(like: list[str], first: int) -> Connection:
        with driver.session(default_access_mode=neo4j.READ_ACCESS) as session:
            rows = session.run(statement, title=like[0], num=first).data()  # type: ignore[arg-type]
        return Connection(
            edges=[
                Edge(score=row["score"], node=Book(title=row["title"]), rows=row["why"])
                for row in rows
            ]
        )

    @strawberry.type
    class Query:
        """The one root field."""

        @strawberry.field
        async def similar_books(self, like: list[str], first: int = 10) -> Connection:
            """The most similar books."""
            return await asyncio.to_thread(read, like, first)

    return GraphQL(strawberry.Schema(query=Query))


def main() -> None:
    """Serve until the process is terminated."""
    uri, password, file, port = sys.argv[1:]
    statement = json.loads(Path(file).read_text("utf-8"))
    with neo4j.GraphDatabase.driver(uri, auth=("neo4j", password)) as driver:
        app = build_app(driver, statement)
        uvicorn.run(app, port=int(port), log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
