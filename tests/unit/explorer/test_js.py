"""The explorer's modules that need no browser, tested by Node's own test runner."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
TESTS = ROOT / "tests" / "js"


@pytest.mark.parametrize("name", sorted(path.name for path in TESTS.glob("*.test.js")))
def test_javascript(name: str) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node.js is not installed, so the explorer's JavaScript was not tested.")
    done = subprocess.run(
        [node, "--test", "--test-reporter=spec", str(TESTS / name)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert "fail 0" in done.stdout
    assert "pass 0" not in done.stdout
