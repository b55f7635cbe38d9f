"""Counts what the server does, in the text format that Prometheus reads.

Of several workers any may be asked, so each writes its counters into a folder that they share, and
the one that is asked adds up all. Counters of a worker that has ended stay in the sum.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from threading import Event, Lock, Thread

import psutil

from bookgraph.core.errors import DiskFullError
from bookgraph.core.files import atomic_write

_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_IN_FLIGHT = "bookgraph_in_flight"
_SECONDS = "bookgraph_graphql_seconds"
_FAMILIES = (
    ("bookgraph_requests_total", "counter", "Requests by route and status."),
    ("bookgraph_errors_total", "counter", "Errors in GraphQL answers by code."),
    (_IN_FLIGHT, "gauge", "Requests that are worked on."),
    (_SECONDS, "histogram", "Time of a GraphQL request."),
)
# How old another worker's counters may be.
_WRITE_EVERY_S = 0.5


class Metrics:
    """The counters of one process. Safe between threads."""

    def __init__(self, shared_dir: Path | None = None) -> None:
        """Only remembers its argument.

        Args:
            shared_dir: where the workers of one server leave their counters; None for one alone.
        """
        self._lock = Lock()
        # Each name as Prometheus reads it, so that adding up workers is adding up numbers.
        self._samples: Counter[str] = Counter()
        self._seconds = 0.0
        self._file = shared_dir / f"{os.getpid()}.json" if shared_dir else None
        self._end = Event()
        self._writer: Thread | None = None
        self.in_flight = 0

    def count(self, route: str, status: int, elapsed_s: float, codes: list[str]) -> None:
        """Count one request.

        Args:
            route: which part of the server answered.
            status: of the response.
            elapsed_s: from its first byte to the answer's last.
            codes: of the errors in the answer.
        """
        with self._lock:
            self._samples[f'bookgraph_requests_total{{route="{route}",status="{status}"}}'] += 1
            for code in codes:
                self._samples[f'bookgraph_errors_total{{code="{code}"}}'] += 1
            if route == "graphql":
                self._seconds += elapsed_s
                self._samples[f"{_SECONDS}_count"] += 1
                for most_s in _BUCKETS_S:
                    if elapsed_s <= most_s:
                        self._samples[f'{_SECONDS}_bucket{{le="{most_s}"}}'] += 1
            if self._file and self._writer is None:
                self._writer = Thread(target=self._write_on, daemon=True, name="metrics")
                self._writer.start()

    def text(self) -> str:
        """All counters, those of other workers included."""
        samples = Counter(self._snapshot())
        for other in self._others():
            samples.update(other)
        num = samples[f"{_SECONDS}_count"]
        lines = []
        for family, kind, description in _FAMILIES:
            lines += [f"# HELP {family} {description}", f"# TYPE {family} {kind}"]
            if kind == "histogram":
                names = [f'{family}_bucket{{le="{most_s}"}}' for most_s in _BUCKETS_S]
                lines += [f"{name} {samples[name]}" for name in names]
                lines += [
                    f'{family}_bucket{{le="+Inf"}} {num}',
                    f"{family}_sum {samples[f'{family}_sum']:.6f}",
                    f"{family}_count {num}",
                ]
            else:
                names = sorted(name for name in samples if name.partition("{")[0] == family)
                lines += [f"{name} {samples[name]}" for name in names]
        return "\n".join(lines) + "\n"

    def close(self) -> None:
        """Leave the last numbers to the other workers."""
        self._end.set()
        if self._writer is not None:
            self._writer.join()

    def _snapshot(self) -> dict[str, float]:
        with self._lock:
            return {**self._samples, f"{_SECONDS}_sum": self._seconds, _IN_FLIGHT: self.in_flight}

    def _write_on(self) -> None:
        is_last = False
        while not is_last:
            is_last = self._end.wait(_WRITE_EVERY_S)
            self._write()

    def _write(self) -> None:
        if self._file is None:
            return
        try:
            with atomic_write(self._file, is_durable=False) as file:
                json.dump(self._snapshot(), file)
        except (OSError, DiskFullError):
            # The folder goes when the server ends, and a full disk must not end it.
            return

    def _others(self) -> list[Mapping[str, float]]:
        if self._file is None:
            return []
        found: list[Mapping[str, float]] = []
        for file in self._file.parent.glob("*.json"):
            if file == self._file:
                continue
            try:
                samples: dict[str, float] = json.loads(file.read_text("utf-8"))
            except (OSError, ValueError):
                continue
            if not psutil.pid_exists(int(file.stem)):
                samples.pop(_IN_FLIGHT, None)
            found.append(samples)
        return found
