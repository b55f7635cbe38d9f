"""What an operator may decide about the server: keys, limits, who may ask, what is shown."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import ceil
from pathlib import Path

from bookgraph.core.settings import Settings, split_list

LOOPBACK = ("127.0.0.1", "localhost", "::1")


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
        max_cost: nodes that can be answered, and what finding them costs; see `api.execute.cost`.
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
        trusted_proxies: addresses, separated by commas, whose word on the client's address and
            scheme is taken (X-Forwarded-For, X-Forwarded-Proto).
        cors_origins: origins whose pages may ask; none by default.
        timeout_s: seconds after which a question is given up, in Neo4j too.
        max_concurrent: requests that are worked on at once.
        max_waiting: requests that wait for that; more are told to come back (503).
        heavy_cost: a query that costs more waits for one of `max_heavy` places of its own, so that
            the costly ones together leave room for the small.
        max_heavy: such queries that are worked on at once; four times as many may wait.
        max_per_client: requests of one address at once; more are refused (429).
        limits: of one request.
        cache: the cache folder, from which GraphiQL is served at `/graphiql`; None for no console,
            and none is served in production.
        shared_dir: folder in which the workers of one server add up their metrics; None when there
            is only one.
        is_traced: send traces by OpenTelemetry.
    """

    is_production: bool = False
    read_keys: tuple[str, ...] = field(default=(), repr=False)
    write_keys: tuple[str, ...] = field(default=(), repr=False)
    allowed_hosts: tuple[str, ...] = ()
    trusted_proxies: str = "127.0.0.1,::1"
    cors_origins: tuple[str, ...] = ()
    timeout_s: float = 15.0
    max_concurrent: int = 32
    max_waiting: int = 256
    heavy_cost: int = 2_000
    max_heavy: int = 2
    max_per_client: int = 64
    limits: Limits = field(default_factory=Limits)
    cache: Path | None = None
    shared_dir: Path | None = None
    is_traced: bool = False

    @classmethod
    def from_settings(cls, settings: Settings) -> ServerOptions:
        """What the environment says."""
        return cls(
            is_production=settings.production,
            read_keys=split_list(settings.read_keys.get_secret_value()),
            write_keys=split_list(settings.write_keys.get_secret_value()),
            allowed_hosts=_allowed_hosts(settings),
            trusted_proxies=settings.trusted_proxies,
            cors_origins=split_list(settings.cors_origins),
            timeout_s=settings.timeout_s,
            cache=settings.cache,
            is_traced=settings.otel,
        )

    def shared_by(self, num_workers: int, shared_dir: Path) -> ServerOptions:
        """The same for each of several workers, who together hold the limits of one server.

        Args:
            num_workers: processes.
            shared_dir: folder for their metrics.
        """
        return replace(
            self,
            max_concurrent=ceil(self.max_concurrent / num_workers),
            max_waiting=ceil(self.max_waiting / num_workers),
            max_per_client=ceil(self.max_per_client / num_workers),
            max_heavy=ceil(self.max_heavy / num_workers),
            shared_dir=shared_dir,
        )


def _allowed_hosts(settings: Settings) -> tuple[str, ...]:
    """On loopback only its own names and those given, so that no page can rebind a name to it."""
    given = tuple(name.lower() for name in split_list(settings.allowed_hosts))
    return (*LOOPBACK, *given) if settings.host in LOOPBACK else given
