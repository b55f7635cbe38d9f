"""The GraphQL schema and server, and the explorer page. Owns graphene and the web framework."""

from api.background import BackgroundServer
from api.options import ServerOptions
from api.schema import build_schema
from api.server import build_app, serve
from api.workers import serve_workers

__all__ = [
    "BackgroundServer",
    "ServerOptions",
    "build_app",
    "build_schema",
    "serve",
    "serve_workers",
]
