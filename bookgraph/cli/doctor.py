"""The checks of `bookgraph doctor`: each looks at one thing and says how it is."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bookgraph.core.errors import BookgraphError
from bookgraph.core.files import free_bytes
from bookgraph.core.settings import Settings

_MIN_FREE_GB = 1.0


@dataclass(frozen=True, slots=True)
class Check:
    """What one check found.

    Attributes:
        name: what was looked at.
        is_well: whether bookgraph can work with it.
        finding: what is there, and what to do when it is not well.
    """

    name: str
    is_well: bool
    finding: str


def run_checks(settings: Settings) -> list[Check]:
    """Run all checks; none of them changes or starts anything."""
    checks: list[Callable[[Settings], Iterator[Check]]] = [
        _check_python,
        _check_disk,
        _check_remote_store if settings.is_remote else _check_local_store,
        _check_torch,
    ]
    return [found for check in checks for found in check(settings)]


def _check_python(settings: Settings) -> Iterator[Check]:
    yield Check("Python", is_well=True, finding=sys.version.split()[0])


def _check_disk(settings: Settings) -> Iterator[Check]:
    for name, folder in (("data folder", settings.home), ("cache folder", settings.cache)):
        free_gb = free_bytes(folder) / 1e9
        finding = f"{folder}, {free_gb:.1f} GB free"
        if free_gb < _MIN_FREE_GB:
            finding += f"; make room for {_MIN_FREE_GB:.0f} GB, or set BOOKGRAPH_HOME elsewhere"
        yield Check(name, free_gb >= _MIN_FREE_GB, finding)


def _check_local_store(settings: Settings) -> Iterator[Check]:
    from bookgraph.graph import LocalServer  # noqa: PLC0415  # loads the driver

    status = LocalServer(settings).status()
    state = f"runs at {status.bolt_uri}" if status.is_running else "is not started yet"
    yield Check("local Neo4j", is_well=True, finding=f"{status.version} {state}")


def _check_remote_store(settings: Settings) -> Iterator[Check]:
    from bookgraph.graph import connect  # noqa: PLC0415  # loads the driver

    try:
        connect(settings).close()
    except BookgraphError as error:
        yield Check("NEO4J_URI", is_well=False, finding=str(error))
    else:
        yield Check("NEO4J_URI", is_well=True, finding=f"{settings.neo4j_uri} answers")


def _check_torch(settings: Settings) -> Iterator[Check]:
    import torch  # noqa: PLC0415  # takes seconds to load

    from bookgraph.embed.device import resolve_device  # noqa: PLC0415  # the same

    yield Check("torch", is_well=True, finding=f"{torch.__version__} on {resolve_device('auto')}")
