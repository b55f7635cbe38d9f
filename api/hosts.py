"""Decides whether the server answers to the name in a request's Host header.

A web page can point a name of its own at this server (DNS rebinding). Its requests then pass as
requests of the same site, but they carry that name, so only known names are served.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass

import idna
from starlette.datastructures import Headers
from starlette.types import Scope

from bookgraph.core.errors import UsageError

EVERY_HOST = "*"

_NAME = r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?"
_HOST = re.compile(rf"(\[[0-9a-f:.]+\]|{_NAME})(?::[0-9]{{0,5}})?", re.IGNORECASE)
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class KnownHosts:
    """The names under which a server is reached.

    Attributes:
        names: as browsers send them: lowercase, in ASCII, without port and last dot.
        suffixes: such as `.example.org`, for every name below it.
        addresses: IP addresses.
        is_open: whether every name is served.
    """

    names: frozenset[str]
    suffixes: tuple[str, ...]
    addresses: frozenset[_Address]
    is_open: bool

    @classmethod
    def parse(cls, patterns: Iterable[str]) -> KnownHosts:
        """Read names, `*.example.org`, IP addresses, and `*` for every name.

        Raises:
            UsageError: one of them is something else, such as a URL.
        """
        given = [_without_port(pattern) for pattern in patterns]
        names = [name for name in given if name != EVERY_HOST and _address(name) is None]
        return cls(
            names=frozenset(_ascii(name) for name in names if not name.startswith("*.")),
            suffixes=tuple(f".{_ascii(name[2:])}" for name in names if name.startswith("*.")),
            addresses=frozenset(one for name in given if (one := _address(name)) is not None),
            is_open=EVERY_HOST in given,
        )

    def serve(self, scope: Scope) -> bool:
        """Whether a request or a WebSocket names this server, exactly once.

        The address at which this very connection arrived counts as its name: a page cannot give
        it to another server.
        """
        if self.is_open:
            return True
        host = _host_of(scope)
        if host is None:
            return False
        address = _address(host)
        if address is not None:
            return address in self.addresses or address == _local_address(scope)
        return host in self.names or host.endswith(self.suffixes)


def _host_of(scope: Scope) -> str | None:
    """The host that a request names, or None if it names none, several, or an odd one."""
    given = Headers(scope=scope).getlist("host")
    match = _HOST.fullmatch(given[0].strip()) if len(given) == 1 else None
    return match[1].lower().strip("[]").removesuffix(".") if match else None


def _local_address(scope: Scope) -> _Address | None:
    server = scope.get("server")
    # The zone of a link-local address, such as `%eth0`, is not part of a Host header.
    return _address(str(server[0]).partition("%")[0]) if server else None


def _address(text: str) -> _Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _without_port(pattern: str) -> str:
    """A pattern in lowercase, without brackets, port and last dot."""
    text = pattern.strip().lower()
    if _address(text) is not None:
        return text
    return re.sub(r":[0-9]+$", "", text).strip("[]").removesuffix(".")


def _ascii(name: str) -> str:
    """The name as browsers send it: `bücher.example` becomes `xn--bcher-kva.example`."""
    try:
        if name.isascii():
            if re.fullmatch(_NAME, name):
                return name
        else:
            return idna.encode(name, uts46=True).decode("ascii")
    except idna.IDNAError:
        pass
    raise UsageError(
        f"BOOKGRAPH_ALLOWED_HOSTS: {name!r} is not a host name. Use names such as "
        "books.example.org, *.example.org for all names below it, IP addresses, or * to serve "
        "every name."
    )
