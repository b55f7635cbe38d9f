"""Settings of the whole process: signals, library logs, memory, garbage collection.

Only commands call these functions. A library call such as `fit` or `build_app` must not change the
process of the program that makes it.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

_GENTLE = ("SIGINT", "SIGTERM", "SIGHUP")
_SLOW_S = 1.5
# The signal that interrupted this process, if any.
_received: list[int] = []
_wakeup_sockets: list[socket.socket] = []

Handler = Callable[[int, FrameType | None], None]

# From glibc's malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4
_MAX_INT = 2**31 - 1
_GC_THRESHOLD = 50_000
_CHATTY_LOGGERS = {
    # The driver warns of what it then raises, or of a connection that ends after an error.
    "neo4j": logging.ERROR,
    # openTSNE warns about spread-out starting positions, which is how a map is updated.
    "openTSNE": logging.ERROR,
}


def catch_signals() -> None:
    """Have Ctrl-C, SIGTERM and a closed terminal interrupt the command in the same gentle way.

    The first of them raises KeyboardInterrupt in the main thread. The second ends the process at
    once. Signals that whoever started the process ignores, as `nohup` does, stay ignored. A second
    call does nothing.
    """
    if _wakeup_sockets:
        return
    numbers = [getattr(signal, name) for name in _GENTLE if hasattr(signal, name)]
    caught = [number for number in numbers if signal.getsignal(number) != signal.SIG_IGN]

    def interrupt(number: int, _frame: FrameType | None) -> None:
        _received.append(number)
        for one in caught:
            signal.signal(one, signal.SIG_DFL)
        raise KeyboardInterrupt

    for number in caught:
        signal.signal(number, interrupt)
    _watch_for_second_signal(interrupt)


def end_gently_on_hangup() -> None:
    """Have a closed terminal end a server like SIGTERM, which finishes requests in flight."""

    def end(number: int, _frame: FrameType | None) -> None:
        _received.append(number)
        signal.raise_signal(signal.SIGTERM)

    hangup = getattr(signal, "SIGHUP", None)
    if hangup is not None and signal.getsignal(hangup) != signal.SIG_IGN:
        signal.signal(hangup, end)


def was_interrupted() -> bool:
    """Whether one of these signals has arrived."""
    return bool(_received)


def interrupted_exit_code() -> int:
    """The exit code of a command that was interrupted: 128 and the number of the signal."""
    return 128 + (_received[0] if _received else signal.SIGINT)


def end_interrupted() -> NoReturn:
    """Say so and end the process, without waiting for threads that wait for a network."""
    with contextlib.suppress(OSError):  # a closed terminal takes no message
        sys.stderr.write("bookgraph: Interrupted.\n")
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        # The reader, or the terminal, may be gone.
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(interrupted_exit_code())


def _watch_for_second_signal(handler: Handler) -> None:
    """End the process at the second signal while compiled code keeps Python from handling one."""
    reader, writer = socket.socketpair()
    writer.settimeout(0)
    # Python writes the number of each signal here at once, before any handler can run.
    signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)

    def say_if_slow() -> None:
        if not _received:
            sys.stderr.write("Stopping after this step. Interrupt again to stop at once.\n")

    def watch() -> None:
        num_seen = 0
        while number := int.from_bytes(reader.recv(1)):
            # A server has handlers of its own, which finish the requests in flight.
            if signal.getsignal(number) is not handler:
                continue
            num_seen += 1
            if num_seen > 1:
                os._exit(128 + number)
            timer = threading.Timer(_SLOW_S, say_if_slow)
            timer.daemon = True
            timer.start()

    threading.Thread(target=watch, daemon=True, name="signals").start()
    _wakeup_sockets.extend((reader, writer))


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
