"""Counts what the server does, in the text format that Prometheus reads."""

from __future__ import annotations

from collections import Counter
from threading import Lock

_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """The counters of one process. Safe between threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._requests: Counter[tuple[str, int]] = Counter()
        self._errors: Counter[str] = Counter()
        self._buckets: Counter[float] = Counter()
        self._sum_s = 0.0
        self._num = 0
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
            self._requests[route, status] += 1
            self._errors.update(codes)
            if route != "graphql":
                return
            self._num += 1
            self._sum_s += elapsed_s
            for most_s in _BUCKETS_S:
                self._buckets[most_s] += elapsed_s <= most_s

    def text(self) -> str:
        """All counters."""
        with self._lock:
            lines = [
                "# HELP bookgraph_requests_total Requests by route and status.",
                "# TYPE bookgraph_requests_total counter",
                *(
                    f'bookgraph_requests_total{{route="{route}",status="{status}"}} {num}'
                    for (route, status), num in sorted(self._requests.items())
                ),
                "# HELP bookgraph_errors_total Errors in GraphQL answers by code.",
                "# TYPE bookgraph_errors_total counter",
                *(
                    f'bookgraph_errors_total{{code="{code}"}} {num}'
                    for code, num in sorted(self._errors.items())
                ),
                "# HELP bookgraph_in_flight Requests that are worked on.",
                "# TYPE bookgraph_in_flight gauge",
                f"bookgraph_in_flight {self.in_flight}",
                "# HELP bookgraph_graphql_seconds Time of a GraphQL request.",
                "# TYPE bookgraph_graphql_seconds histogram",
                *(
                    f'bookgraph_graphql_seconds_bucket{{le="{most_s}"}} {self._buckets[most_s]}'
                    for most_s in _BUCKETS_S
                ),
                f'bookgraph_graphql_seconds_bucket{{le="+Inf"}} {self._num}',
                f"bookgraph_graphql_seconds_sum {self._sum_s:.6f}",
                f"bookgraph_graphql_seconds_count {self._num}",
            ]
        return "\n".join(lines) + "\n"
