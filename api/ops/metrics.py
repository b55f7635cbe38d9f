"""Counts requests, errors and times for Prometheus.

With several workers, a scrape reaches only one of them. prometheus_client then keeps each worker's
numbers in a file of a shared folder, and the worker that is scraped adds up all files. Numbers of a
worker that has ended stay in the sum, except its requests in flight.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

CONTENT_TYPE = CONTENT_TYPE_LATEST
"""Media type of `Metrics.text`."""

_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_SHARED_DIR = "PROMETHEUS_MULTIPROC_DIR"


class Metrics:
    """The numbers of one application. Safe between threads."""

    def __init__(self, shared_dir: Path | None = None) -> None:
        """Start at zero, in a registry of its own.

        Args:
            shared_dir: the folder that `shared_metrics` set up for the workers of one server; None
                for a single process.
        """
        self._registry = CollectorRegistry()
        self._shared_dir = shared_dir
        self._requests = Counter(
            "bookgraph_requests",
            "Requests by route and status.",
            ("route", "status"),
            registry=self._registry,
        )
        self._errors = Counter(
            "bookgraph_errors",
            "Errors in GraphQL responses by code.",
            ("code",),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "bookgraph_graphql_seconds",
            "Seconds from a GraphQL request to the end of its response.",
            buckets=_BUCKETS_S,
            registry=self._registry,
        )
        self.in_flight = Gauge(
            "bookgraph_in_flight",
            "Requests in flight.",
            registry=self._registry,
            multiprocess_mode="livesum",
        )

    def count(self, route: str, status: int, elapsed_s: float, codes: Sequence[str]) -> None:
        """Count one request.

        Args:
            route: the part of the server that handled it.
            status: of the response.
            elapsed_s: seconds from the request to the end of the response.
            codes: of the errors in the response.
        """
        self._requests.labels(route, status).inc()
        for code in codes:
            self._errors.labels(code).inc()
        if route == "graphql":
            self._seconds.observe(elapsed_s)

    def text(self) -> bytes:
        """All numbers, those of other workers included, in Prometheus's text format."""
        if self._shared_dir is None:
            return generate_latest(self._registry)
        for file in self._shared_dir.glob("gauge_livesum_*.db"):
            pid = int(file.stem.rpartition("_")[2])
            if not psutil.pid_exists(pid):
                mark_process_dead(pid, str(self._shared_dir))  # type: ignore[no-untyped-call]
        everything = CollectorRegistry()
        MultiProcessCollector(everything, str(self._shared_dir))  # type: ignore[no-untyped-call]
        return generate_latest(everything)


@contextmanager
def shared_metrics(shared_dir: Path) -> Iterator[None]:
    """Let the processes that start inside the block share a folder for their metrics.

    prometheus_client reads the folder from the environment when it is imported, so it has to be
    there before a worker starts.
    """
    before = os.environ.get(_SHARED_DIR)
    os.environ[_SHARED_DIR] = str(shared_dir)
    try:
        yield
    finally:
        if before is None:
            del os.environ[_SHARED_DIR]
        else:
            os.environ[_SHARED_DIR] = before
