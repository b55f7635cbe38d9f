"""Settings of the whole process: each changes what it says, in a process of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest

RESIDENT = """
import ctypes
from bookgraph.cli.process import keep_freed_memory
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]

def kept_mb():
    def resident_mb():
        return int(open("/proc/self/statm").read().split()[1]) * 4096 // 2**20
    before = resident_mb()
    block = libc.malloc(64 * 2**20)
    ctypes.memset(block, 1, 64 * 2**20)
    libc.free(block)
    return resident_mb() - before

before = kept_mb()
keep_freed_memory()
print(before, kept_mb())
"""


def run(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=120
    ).stdout


@pytest.mark.skipif(sys.platform != "linux", reason="mallopt belongs to glibc on Linux")
def test_freed_memory_is_kept() -> None:
    before, after = map(int, run(RESIDENT).split())
    assert before < 5
    assert after > 60


def test_the_garbage_collector_leaves_out_what_exists_already() -> None:
    code = (
        "import gc; from bookgraph.cli.process import tune_garbage_collector\n"
        "tune_garbage_collector(); print(gc.get_threshold()[0], gc.get_freeze_count() > 0)"
    )
    assert run(code) == "50000 True\n"


def test_warnings_that_a_user_cannot_act_on_are_hidden() -> None:
    code = (
        "import logging; from bookgraph.cli.process import quiet_library_logs\n"
        "quiet_library_logs()\n"
        "print([logging.getLogger(name).isEnabledFor(logging.WARNING)"
        " for name in ('openTSNE', 'neo4j', 'neo4j.io')])"
    )
    assert run(code) == "[False, False, False]\n"
