"""What an operator may decide about the server: keys, limits, who may ask, what is shown."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one request may ask for. The names follow GraphQL Armor where it has one.

    Attributes:
        max_bytes: of a request's body or query string.
        max_tokens: of a document.
        max_depth: nested fields; introspection has a limit of its own.
        max_aliases: in a document.
        max_directives: in a document.
        max_root_fields: of an operation.
        max_cost: nodes that can be answered, and what finding them costs; see `api.cost`.
    """

    max_bytes: int = 100_000
    max_tokens: int = 2_000
    max_depth: int = 12
    max_aliases: int = 30
    max_directives: int = 20
    max_root_fields: int = 20
    max_cost: int = 25_000


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """How the API is served.

    Attributes:
        is_production: hide the schema (introspection, suggestions) and ask browsers' GET requests
            for a header that only a program of the same origin can send.
        read_keys: with any set, a request needs one of them or of `write_keys` as a bearer token.
        write_keys: keys that permit mutations; without any there are none.
        allowed_hosts: values of the Host header, without port, that are served; empty for all.
        cors_origins: origins whose pages may ask; none by default.
        timeout_s: seconds after which a question is given up, in Neo4j too.
        max_concurrent: requests that are worked on at once.
        max_waiting: requests that wait for that; more are told to come back (503).
        max_per_client: requests of one address at once; more are refused (429).
        limits: of one request.
        cache: the cache folder, from which GraphiQL is served at `/graphiql`; None for no console,
            and none is served in production.
    """

    is_production: bool = False
    read_keys: tuple[str, ...] = field(default=(), repr=False)
    write_keys: tuple[str, ...] = field(default=(), repr=False)
    allowed_hosts: tuple[str, ...] = ()
    cors_origins: tuple[str, ...] = ()
    timeout_s: float = 15.0
    max_concurrent: int = 32
    max_waiting: int = 256
    max_per_client: int = 64
    limits: Limits = field(default_factory=Limits)
    cache: Path | None = None
