"""What an operator can set: keys, limits, who may connect, what is hidden."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field, replace
from math import ceil
from pathlib import Path

from bookgraph.api.hosts import KnownHosts
from bookgraph.core.errors import UsageError
from bookgraph.core.settings import Settings, split_list

LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one request. The names follow GraphQL Armor where it has one.

    Attributes:
        max_bytes: size of a request's body or query string.
        max_tokens: tokens of a document.
        max_depth: nested fields of a document. Introspection has a limit of its own.
        max_aliases: aliases in a document.
        max_directives: directives in a document.
        max_root_fields: root fields of an operation.
        max_cost: nodes that an operation can return, plus the cost of its searches; see
            `api.execute.cost`.
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
        is_production: hide the schema (introspection, suggestions), and require of GET requests a
            header that a page of another site cannot send.
        read_keys: if any are set, a request needs one of them or of `write_keys` as bearer token.
        write_keys: keys that permit mutations. Without any, mutations are refused.
        allowed_hosts: names of the server in Host headers: names, `*.example.org`, addresses, or
            `*` for all. The address at which a connection arrives is served too. Empty for all: a
            program that mounts the application checks hosts itself. `serve` never serves all.
        trusted_proxies: addresses of proxies, separated by commas, whose X-Forwarded-For and
            X-Forwarded-Proto headers are trusted.
        cors_origins: origins whose pages may send requests; none by default.
        timeout_s: query timeout, in seconds. Neo4j ends its statement then too.
        max_concurrent: requests that run at once.
        max_waiting: requests that wait for a place. More are refused (503).
        heavy_cost: a query that costs more than this waits for one of `max_heavy` places of its
            own, so that costly queries leave room for small ones.
        max_heavy: costly queries that run at once. Four times as many may wait.
        max_per_client: concurrent requests of one address. More are refused (429).
        max_subscriptions: open subscriptions of one WebSocket or, over server-sent events, of one
            address. Each worker counts its own.
        limits: limits of one request.
        cache: the cache folder with the files of GraphiQL, served at `/graphiql`. None for no
            console; production mode has none either.
        shared_dir: folder in which the workers of one server share their metrics; None for a
            single process.
        is_traced: send OpenTelemetry traces.
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
    max_subscriptions: int = 10
    limits: Limits = field(default_factory=Limits)
    cache: Path | None = None
    shared_dir: Path | None = None
    is_traced: bool = False

    @classmethod
    def from_settings(cls, settings: Settings) -> ServerOptions:
        """Take the options from the settings."""
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
        """Divide the limits of one server among its workers.

        Args:
            num_workers: number of processes.
            shared_dir: folder for their metrics.

        Returns:
            The options of each worker.
        """
        return replace(
            self,
            max_concurrent=ceil(self.max_concurrent / num_workers),
            max_waiting=ceil(self.max_waiting / num_workers),
            max_per_client=ceil(self.max_per_client / num_workers),
            max_heavy=ceil(self.max_heavy / num_workers),
            shared_dir=shared_dir,
        )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address or a name to listen on."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def find_exposure(settings: Settings) -> str | None:
    """What an operator should know about a server that more than this machine can reach.

    Returns:
        A warning if everybody who reaches the server can read the graph, else None.

    Raises:
        UsageError: production mode, and neither a key for reading nor `--public`.
    """
    if settings.public or settings.read_keys.get_secret_value():
        return None
    remedy = "Set BOOKGRAPH_READ_KEYS, or confirm with --public that everybody may read"
    if settings.production:
        raise UsageError(f"Production mode needs a key. {remedy} (BOOKGRAPH_PUBLIC=true).")
    if is_loopback(settings.host):
        return None
    return (
        f"The server listens beyond this machine (--host {settings.host}) and asks for no key: "
        f"everybody who reaches it can read the graph. {remedy}."
    )


def own_hosts(host: str) -> tuple[str, ...]:
    """The names of a server that listens on an address or a name.

    Those of loopback always belong to it: no browser resolves them to another machine.
    """
    is_name = bool(host) and not re.fullmatch(r"[0-9.]+|.*:.*", host)
    return (*LOOPBACK, host.lower()) if is_name and not is_loopback(host) else LOOPBACK


def _allowed_hosts(settings: Settings) -> tuple[str, ...]:
    """The names of the server itself and those given, checked."""
    given = tuple(name.lower() for name in split_list(settings.allowed_hosts))
    KnownHosts.parse(given)
    return (*own_hosts(settings.host), *given)
