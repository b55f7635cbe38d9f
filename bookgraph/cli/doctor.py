"""`bookgraph doctor`: checks what bookgraph needs on this machine."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

from bookgraph.cli.common import AsJson
from bookgraph.cli.render import print_json, say
from bookgraph.core.errors import BookgraphError
from bookgraph.core.files import free_bytes
from bookgraph.core.settings import Settings, load_settings

_MIN_FREE_GB = 1.0


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check.

    Attributes:
        name: what was checked.
        is_well: whether bookgraph can work with it.
        finding: what was found, and what to do if it is not well.
    """

    name: str
    is_well: bool
    finding: str


def doctor(as_json: AsJson = False) -> None:
    """Check what bookgraph needs on this machine. Exits with 1 if something is wrong."""
    checks = _run_checks(load_settings())
    if as_json:
        print_json([asdict(check) for check in checks])
    else:
        for check in checks:
            say(f"{'ok   ' if check.is_well else 'WRONG'}  {check.name}: {check.finding}")
    if not all(check.is_well for check in checks):
        sys.exit(1)


def _run_checks(settings: Settings) -> list[Check]:
    """Run all checks. None of them changes or starts anything."""
    checks: list[Callable[[Settings], Iterator[Check]]] = [
        _check_python,
        _check_disk,
        _check_remote_store if settings.is_remote else _check_local_store,
        _check_torch,
    ]
    return [result for check in checks for result in check(settings)]


def _check_python(settings: Settings) -> Iterator[Check]:
    yield Check("Python", is_well=True, finding=sys.version.split()[0])


def _check_disk(settings: Settings) -> Iterator[Check]:
    for name, folder in (("data folder", settings.home), ("cache folder", settings.cache)):
        free_gb = free_bytes(folder) / 1e9
        finding = f"{folder}, {free_gb:.1f} GB free"
        if free_gb < _MIN_FREE_GB:
            variable = "BOOKGRAPH_HOME" if folder == settings.home else "BOOKGRAPH_CACHE"
            finding += f". Free {_MIN_FREE_GB:.0f} GB there, or set {variable} to another folder"
        yield Check(name, free_gb >= _MIN_FREE_GB, finding)


def _check_local_store(settings: Settings) -> Iterator[Check]:
    from bookgraph.graph import LocalServer  # noqa: PLC0415  # loads the driver

    status = LocalServer(settings).status()
    state = f"is running at {status.bolt_uri}" if status.is_running else "is not running"
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
    import torch  # noqa: PLC0415  # slow to import

    from bookgraph.embed.device import resolve_device  # noqa: PLC0415  # loads torch

    yield Check("torch", is_well=True, finding=f"{torch.__version__} on {resolve_device('auto')}")
