"""Settings of the whole process: library logs, memory, garbage collection.

Only commands call these functions. A library call such as `fit` or `build_app` must not change the
process of the program that makes it.
"""

from __future__ import annotations

import ctypes
import gc
import logging
import sys

# From glibc's malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4
_MAX_INT = 2**31 - 1
_GC_THRESHOLD = 50_000
_CHATTY_LOGGERS = {
    "neo4j": logging.WARNING,
    # openTSNE warns about spread-out starting positions, which is how a map is updated.
    "openTSNE": logging.ERROR,
}


def quiet_library_logs() -> None:
    """Hide library warnings that a user of bookgraph cannot act on."""
    for name, level in _CHATTY_LOGGERS.items():
        logging.getLogger(name).setLevel(level)


def keep_freed_memory() -> None:
    """Make glibc keep freed blocks for reuse. Does nothing with other C libraries.

    By default glibc returns each block above 32 MB to the system when it is freed. A training step
    on 10 million edges needs 40 such blocks, and clearing their pages took half of its time.
    """
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    if libc is not None and hasattr(libc, "mallopt"):
        libc.mallopt(_M_MMAP_MAX, 0)
        libc.mallopt(_M_TRIM_THRESHOLD, _MAX_INT)


def tune_garbage_collector() -> None:
    """Collect garbage rarely, and exclude the objects that exist now.

    A response consists of hundreds of objects that live until it is sent, with almost no reference
    cycles. With Python's default thresholds the collector took 5 % of the server's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_GC_THRESHOLD)
