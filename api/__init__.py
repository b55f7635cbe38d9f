"""The GraphQL schema and server, and the explorer page. Owns graphene and the web framework."""

from api.background import BackgroundServer
from api.schema import build_schema
from api.server import build_app, serve

__all__ = ["BackgroundServer", "build_app", "build_schema", "serve"]
