"""A minute of hostile clients: how late their responses are, and what a fair client notices.

Eight clients send deep, wide, huge, cyclic, slow, malformed and mutated requests to a server with
the sample. Eighty connections start a request and never finish it. One client sends fair requests
all the time.

    python benchmarks/bench_hostile.py [--seconds 60] [--workers 1]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
from results import ROOT, write_results

from bookgraph.core.settings import Settings
from bookgraph.embed import TrainConfig
from bookgraph.embed.pipeline import train_graph
from bookgraph.graph import LocalServer, connect
from bookgraph.ingest import CleaningOptions, ingest_files
from bookgraph.testing.hostile import Outcome, harass
from bookgraph.testing.serving import serving

TIMEOUT_S = 4.0


def run(home: Path, seconds: float, workers: int) -> Outcome:
    """Load the sample, serve it, and let all clients start."""
    settings = Settings(_env_file=None, home=home, bolt_port=0, http_port=0, neo4j_uri=None)
    server = LocalServer(settings, is_fast_start=False)
    server.start()
    try:
        with connect(settings) as store:
            ingest_files([ROOT / "samples" / "classics.ndjson"], store, options=CleaningOptions())
            config = TrainConfig(epochs=4, holdout_share=0)
            train_graph(store, config, models_dir=settings.models_dir)
        arguments = ("--workers", str(workers))
        with serving(home, *arguments, timeout_s=str(TIMEOUT_S)) as (port, _):
            return harass(port, seconds=seconds, timeout_s=TIMEOUT_S)
    finally:
        server.stop()


def main() -> int:
    """Print the outcome. Exits with 5 if a response was late, wrong or revealed internals."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--workers", type=int, default=1, help="processes of `bookgraph serve`")
    parser.add_argument("--keep", action="store_true", help="save the result in the repository")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bookgraph-hostile-") as folder:
        outcome = run(Path(folder), options.seconds, options.workers)
    waits_ms = np.array(outcome.waits) * 1000
    polite = {
        "num": len(waits_ms),
        **{f"p{q}_ms": round(float(np.percentile(waits_ms, q)), 1) for q in (50, 99)},
        "max_ms": round(float(waits_ms.max()), 1),
        "num_refused": len(outcome.refused),
    }
    print(f"{'':20}{'requests':>8}  by status (0: the server closed the connection)")
    for kind in sorted({name for name, _ in outcome.seen}):
        statuses = {status: n for (name, status), n in outcome.seen.items() if name == kind}
        print(f"{kind:20}{sum(statuses.values()):>8}  {dict(sorted(statuses.items()))}")
    print(f"responses later than {TIMEOUT_S:.0f} s (plus 3 s for the network): {outcome.slow}")
    print(f"the fair client: {polite}")
    statuses_of_all = Counter(status for _, status in outcome.seen.elements())
    values = {
        "seconds": options.seconds,
        "num_workers": options.workers,
        "timeout_s": TIMEOUT_S,
        "polite": polite,
        "hostile_statuses": {str(status): n for status, n in sorted(statuses_of_all.items())},
        "late": outcome.slow,
        "leaks": outcome.leaks,
    }
    print(f"written to {write_results('hostile', values, keep=options.keep)}")
    return 5 if outcome.slow or outcome.leaks or outcome.refused else 0


if __name__ == "__main__":
    sys.exit(main())
