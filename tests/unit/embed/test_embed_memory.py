"""Freed memory stays with the process while it trains, and goes back afterwards."""

from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """
import torch
from bookgraph.embed.train.memory import keep_freed_memory

def resident_mb():
    return int(open("/proc/self/statm").read().split()[1]) * 4096 // 2**20

def touch():
    torch.ones(64 * 2**18)  # 64 MiB

touch()
before = resident_mb()
with keep_freed_memory():
    touch()
    inside = resident_mb()
print(inside - before, resident_mb() - before)
touch()
print(resident_mb() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's malloc is Linux's")
def test_freed_blocks_stay_inside_and_go_back_afterwards() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], check=True, capture_output=True, text=True, timeout=120
    )
    inside, after, again = (int(number) for number in done.stdout.split())
    assert inside > 55
    assert after < 15
    assert again < 15
