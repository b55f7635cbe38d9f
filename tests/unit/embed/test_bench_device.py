"""The benchmark of a GPU, in its smallest setting on a CPU."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = ROOT / "benchmarks" / "bench_device.py"


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, SCRIPT, *arguments], capture_output=True, text=True, check=False
    )


@pytest.mark.slow  # loads torch and trains for half a minute
@pytest.mark.timeout(300)
def test_every_model_is_checked_and_measured() -> None:
    done = run("--device", "cpu", "--small")
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((ROOT / "build" / "bench" / "device.json").read_text("utf-8"))
    assert [check["model"] for check in report["checks"]] == ["dot", "lightgcn", "reference"]
    assert all(check["seed_difference"] == 0 for check in report["checks"])
    assert {outcome["num_seeds"] for outcome in report["outcomes"]} == {3}
    assert all(outcome["recall_at_20"] > 0.03 for outcome in report["outcomes"])
    assert [row["num_edges"] for row in report["scale"]] == [9999]
    assert "no fault found" in done.stdout


@pytest.mark.slow  # loads torch
def test_another_machines_faults_are_shown_and_end_with_1(tmp_path: Path) -> None:
    kept = ROOT / "benchmarks" / "results" / "device.json"
    report = json.loads(kept.read_text("utf-8"))
    assert run("--from", kept).returncode == 0
    other = tmp_path / "device.json"
    other.write_text(json.dumps({**report, "faults": ["dot: 30 waits in 75 steps"]}), "utf-8")
    done = run("--from", other)
    assert done.returncode == 1
    assert "FAULT: dot: 30 waits in 75 steps" in done.stdout
    assert report["card"] in done.stdout
