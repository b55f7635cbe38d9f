"""A selection of the fault suite, some of each stage. `make test-faults` runs all of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bookgraph.testing.faults.place import open_place
from bookgraph.testing.faults.plan import Injection, make_slice
from bookgraph.testing.faults.report import describe_result
from bookgraph.testing.faults.run import Runner

SEED = 7
PAIRS = (
    ("fetch", "connections cut"),
    ("ingest", "Neo4j killed"),
    ("ingest", "command killed, at once again"),
    ("ingest, offline import", "importer killed"),
    ("train", "command ended (SIGTERM)"),
    ("serve with mutations", "command killed"),
    ("export", "disk full"),
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    folder: Path = tmp_path_factory.mktemp("faults")
    with open_place(folder / "place") as place:
        yield Runner(place)


@pytest.mark.parametrize(
    "injection", make_slice(SEED, PAIRS), ids=lambda one: f"{one.number} {one.stage}: {one.kind}"
)
def test_the_same_command_finishes_the_job(runner: Runner, injection: Injection) -> None:
    result = runner.run(injection)
    if result.verdict == "skipped":
        pytest.skip(result.notes[-1])
    assert result.verdict == "finished", describe_result(result)
