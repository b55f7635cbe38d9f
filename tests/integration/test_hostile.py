"""Clients that mean harm get quick answers, and a polite one beside them is served all along.

Runs for some seconds; `benchmarks/bench_hostile.py` makes it a minute.
"""

from __future__ import annotations

import time

from bookgraph.core.settings import Settings
from bookgraph.graph.store import Store
from bookgraph.testing.hostile import HOSTILE, harass
from bookgraph.testing.serving import serving

SECONDS = 6.0
TIMEOUT_S = 4.0


def test_harm_is_not_done(settings: Settings, sample_store: Store) -> None:
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
    # Nothing that was given up goes on in Neo4j.
    time.sleep(TIMEOUT_S)
    running = sample_store.read("SHOW TRANSACTIONS YIELD elapsedTime WHERE elapsedTime.seconds > 6")
    assert running == []
