"""Metrics count requests, errors and times, in one process and in several."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from prometheus_client import REGISTRY, values
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from bookgraph.api.app import build_app
from bookgraph.api.ops.metrics import Metrics, shared_metrics
from bookgraph.api.options import ServerOptions
from bookgraph.testing.fakes import RecordingStore


def samples(text: str) -> dict[str, float]:
    """Each sample by its name and labels, as `name{label="value"}`."""
    found = {}
    for family in text_string_to_metric_families(text):
        for one in family.samples:
            labels = ",".join(f'{key}="{value}"' for key, value in sorted(one.labels.items()))
            found[f"{one.name}{{{labels}}}" if labels else one.name] = one.value
    return found


def test_requests_errors_and_times_are_counted() -> None:
    client = TestClient(build_app(RecordingStore(), ServerOptions()))  # type: ignore[arg-type]
    for query in ("{ __typename }", "{ nothing }"):
        client.post("/graphql", json={"query": query})
    client.get("/healthz")
    response = client.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain; version=")
    found = samples(response.text)
    assert found['bookgraph_requests_total{route="graphql",status="200"}'] == 2
    assert found['bookgraph_requests_total{route="healthz",status="200"}'] == 1
    assert found['bookgraph_errors_total{code="GRAPHQL_VALIDATION_FAILED"}'] == 1
    assert found["bookgraph_graphql_seconds_count"] == 2
    # The request for the metrics themselves.
    assert found["bookgraph_in_flight"] == 1
    buckets = [value for name, value in found.items() if "_bucket" in name]
    assert buckets == sorted(buckets)
    assert buckets[-1] == 2


def test_two_applications_in_one_process_count_separately() -> None:
    one, other = Metrics(), Metrics()
    one.count("files", 200, 0.1, [])
    sample = 'bookgraph_requests_total{route="files",status="200"}'
    assert samples(one.text().decode())[sample] == 1
    assert sample not in samples(other.text().decode())
    assert not any(family.name.startswith("bookgraph") for family in REGISTRY.collect())


def worker(monkeypatch: pytest.MonkeyPatch, folder: Path, pid: int) -> Metrics:
    """The metrics of a worker process with this id."""
    monkeypatch.setattr(values, "ValueClass", values.MultiProcessValue(lambda: pid))
    return Metrics(folder)


def ended_process() -> int:
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


def test_metrics_of_workers_are_added_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with shared_metrics(tmp_path):
        own = worker(monkeypatch, tmp_path, os.getpid())
        ended = worker(monkeypatch, tmp_path, ended_process())
        own.count("graphql", 200, 0.02, ["TIMEOUT"])
        for elapsed_s in (0.02, 0.02, 1.46):
            ended.count("graphql", 200, elapsed_s, [])
        ended.count("files", 404, 0.1, [])
        # What an ended worker did still counts; what it was doing does not.
        ended.in_flight.inc(7)
        own.in_flight.inc()
        found = samples(own.text().decode())
    assert found['bookgraph_requests_total{route="graphql",status="200"}'] == 4
    assert found['bookgraph_requests_total{route="files",status="404"}'] == 1
    assert found['bookgraph_errors_total{code="TIMEOUT"}'] == 1
    assert found['bookgraph_graphql_seconds_bucket{le="0.025"}'] == 3
    assert found["bookgraph_graphql_seconds_sum"] == pytest.approx(1.52)
    assert found["bookgraph_graphql_seconds_count"] == 4
    assert found["bookgraph_in_flight"] == 1
    assert samples(ended.text().decode()) == found


def test_the_shared_folder_is_set_for_new_processes_only_inside_the_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "PROMETHEUS_MULTIPROC_DIR"
    monkeypatch.delenv(name, raising=False)
    with shared_metrics(tmp_path):
        assert os.environ[name] == str(tmp_path)
        with shared_metrics(tmp_path / "inner"):
            assert os.environ[name].endswith("inner")
        assert os.environ[name] == str(tmp_path)
    assert name not in os.environ
