"""The GraphQL schema and server, and the explorer page. Owns graphene and the web framework."""

from bookgraph.api.app import build_app, serve
from bookgraph.api.ops.background import BackgroundServer
from bookgraph.api.ops.workers import serve_workers
from bookgraph.api.options import ServerOptions
from bookgraph.api.schema.build import build_schema

__all__ = [
    "BackgroundServer",
    "ServerOptions",
    "build_app",
    "build_schema",
    "serve",
    "serve_workers",
]
