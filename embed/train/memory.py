"""How the process's memory is kept while it trains."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager

# From glibc's malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_MMAP_MAX = -1, -3, -4
_MOST = 2**31 - 1
# Where glibc's own adjusting ends, and its usual limit of mappings.
_USUAL = {_M_TRIM_THRESHOLD: 64 * 2**20, _M_MMAP_THRESHOLD: 32 * 2**20, _M_MMAP_MAX: 65_536}


@contextmanager
def keep_freed_memory() -> Iterator[None]:
    """Let the C library keep what is freed inside, and hand it out again.

    By default glibc gives every block above 32 MB back to the system when it is freed. A step on
    10 million edges asks for such blocks some 40 times, and having the system clear each of their
    pages anew took half of its time. Elsewhere than on glibc nothing changes.
    """
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    if libc is None or not hasattr(libc, "mallopt") or not hasattr(libc, "malloc_trim"):
        yield
        return
    libc.mallopt(_M_MMAP_MAX, 0)
    libc.mallopt(_M_TRIM_THRESHOLD, _MOST)
    try:
        yield
    finally:
        for parameter, value in _USUAL.items():
            libc.mallopt(parameter, value)
        libc.malloc_trim(0)
