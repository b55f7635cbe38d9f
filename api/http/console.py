"""GraphiQL at `/graphiql`: a console with example queries. Its files come from WebJars."""

from __future__ import annotations

import json
import logging
from http import HTTPStatus
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from bookgraph.core.errors import BookgraphError
from bookgraph.graph.jars.webjars import WebJars

logger = logging.getLogger(__name__)

_FILES = {
    "react.js": ("react", "umd/react.production.min.js", "text/javascript"),
    "react-dom.js": ("react-dom", "umd/react-dom.production.min.js", "text/javascript"),
    "graphiql.js": ("graphiql", "graphiql.min.js", "text/javascript"),
    "graphiql.css": ("graphiql", "graphiql.min.css", "text/css"),
}
_HEADERS = {
    # GraphiQL's editor writes style elements; everything else comes from this server.
    "Content-Security-Policy": (
        "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "font-src 'self' data:; frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>bookgraph: GraphiQL</title>
<link rel="icon" href="icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="graphiql/graphiql.css">
<link rel="stylesheet" href="css/key.css">
<style>html, body, #graphiql { height: 100%; margin: 0 }</style>
</head>
<body>
<div id="graphiql"><p style="padding: 2em">Loading the console ...</p></div>
<script src="graphiql/react.js"></script>
<script src="graphiql/react-dom.js"></script>
<script src="graphiql/graphiql.js"></script>
<script type="module" src="graphiql/start.js"></script>
</body>
</html>
"""
_EXAMPLES = (
    """# Similar books, and the shared links that explain the similarity best.
query Similar {
  similarBooks(like: ["War and Peace"], first: 5) {
    edges { score node { title author year } why(first: 3) { score link { title } } }
  }
}
""",
    """# Similar to two books, dissimilar to one, filtered, without the same authors.
query Mixed {
  similarBooks(
    like: ["Dune", "Foundation"]
    unlike: ["The Hobbit"]
    excludeSameAuthor: true
    filter: { genre: "Science fiction", not: { country: "United States" } }
  ) { edges { score node { title author country } } }
}
""",
    """# Search by title; typing errors and accents do not matter.
query Search {
  search(text: "les miserables", first: 5) {
    didYouMean
    hits { score node { __typename ... on Book { title author } ... on Link { name numBooks } } }
  }
}
""",
    """# The shortest path between two books, and the links that they share.
query Between {
  path(from: { book: "Dracula" }, to: { book: "War and Peace" }) {
    length nodes { ... on Book { title } ... on Link { name } }
  }
  compare(a: "Dracula", b: "Carmilla", first: 5) { score jaccard shared { score link { title } } }
}
""",
    """# The whole graph: its size, its model, its most frequent genres and links.
query Overview {
  stats { numBooks numLinks numEdges }
  embeddingModel { version dim }
  facets(field: GENRE, first: 10) { values { value count } }
  topLinks(first: 10) { nodes { title numBooks } }
}
""",
)
_START = (
    # The form for the key is that of the explorer.
    'import { fetchWithKey } from "../key.js";\n'
    "const tabs = "
    + json.dumps([{"query": query} for query in _EXAMPLES])
    + """;
const send = GraphiQL.createFetcher({ url: "graphql", fetch: fetchWithKey });
// Shortly after a change of tab or text, GraphiQL still sends the name of the previous operation.
function fetcher({ operationName, ...request }, options) {
  const named = new RegExp(`\\\\b(query|mutation|subscription)\\\\s+${operationName}\\\\b`);
  return send(named.test(request.query) ? { ...request, operationName } : request, options);
}
ReactDOM.createRoot(document.getElementById("graphiql")).render(
  React.createElement(GraphiQL, {
    fetcher,
    defaultTabs: tabs,
    defaultEditorToolsVisibility: false,
  }),
);
"""
)


def console_routes(cache: Path) -> list[Route]:
    """The routes of the console's page and its files.

    Args:
        cache: the cache folder. Jars that are missing in it are downloaded on first use.
    """
    webjars = WebJars(cache, section="graphiql")

    async def page(request: Request) -> Response:
        return HTMLResponse(_PAGE, headers=_HEADERS)

    async def file(request: Request) -> Response:
        name = request.path_params["name"]
        if name == "start.js":
            return Response(_START, media_type="text/javascript", headers=_HEADERS)
        if name not in _FILES:
            return PlainTextResponse("Not Found", status_code=HTTPStatus.NOT_FOUND)
        artifact, path, media_type = _FILES[name]
        try:
            content = await run_in_threadpool(webjars.read, artifact, path)
        except BookgraphError as error:
            logger.error("The console cannot be served: %s", error)  # noqa: TRY400  # one sentence
            return PlainTextResponse(
                "The console's files cannot be downloaded. The server's log says why.",
                status_code=HTTPStatus.SERVICE_UNAVAILABLE,
            )
        headers = {**_HEADERS, "Cache-Control": "public, max-age=86400"}
        return Response(content, media_type=media_type, headers=headers)

    return [Route("/graphiql", page), Route("/graphiql/{name}", file)]
