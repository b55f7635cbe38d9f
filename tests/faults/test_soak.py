"""Twenty seconds of the soak."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_a_short_soak_has_no_errors_and_no_wrong_answers() -> None:
    done = subprocess.run(
        [sys.executable, "benchmarks/bench_soak.py", "--minutes", "0.33", "--books", "400"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads((ROOT / "build" / "bench" / "soak.json").read_text("utf-8"))
    assert result["num_problems"] == 0
    assert all(result["counts"].values())
