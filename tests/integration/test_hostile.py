"""Hostile clients get quick responses, and a fair client is served all the time.

Runs for some seconds; `benchmarks/bench_hostile.py` makes it a minute.
"""

from __future__ import annotations

from bookgraph.core.processes import wait_until
from bookgraph.core.settings import Settings
from bookgraph.graph.store import Store
from bookgraph.testing.hostile import HOSTILE, harass
from bookgraph.testing.serving import serving

SECONDS = 6.0
TIMEOUT_S = 4.0


def test_hostile_clients_do_no_harm(settings: Settings, sample_store: Store) -> None:
    before = sample_store.read("MATCH (n) RETURN count(n) AS n")
    with serving(settings.home, heap_mb="512", timeout_s=str(TIMEOUT_S)) as (port, _):
        outcome = harass(port, seconds=SECONDS, timeout_s=TIMEOUT_S)
    assert outcome.refused == []
    assert len(outcome.waits) >= SECONDS / 2
    assert outcome.slow == []
    assert outcome.leaks == []
    assert {name for name, _ in outcome.seen} == {kind.__name__ for kind in HOSTILE}
    faults = {key: num for key, num in outcome.seen.items() if key[1] == 500}
    assert faults == {}, faults
    assert sample_store.read("MATCH (n) RETURN count(n) AS n") == before

    def running() -> list[dict[str, object]]:
        return sample_store.read(
            "SHOW TRANSACTIONS YIELD currentQuery "
            "WHERE currentQuery <> '' AND NOT currentQuery STARTS WITH 'SHOW'"
        )

    # Neo4j ends what has timed out.
    assert wait_until(lambda: running() == [], timeout_s=2 * TIMEOUT_S)
