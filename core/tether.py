"""Runs one command that ends when the process that started it does, however that ends.

A program of its own, run by path: `python -I -S tether.py COMMAND...`. Its standard input is a pipe
whose other end only its parent holds. When the parent ends, or closes the pipe, the command is
killed. It imports the standard library only and starts in 20 ms.

A pipe works on every system and has no race. Linux's parent-death signal is set as well, so that
nothing is left when this process is killed together with its parent.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from functools import partial

_PR_SET_PDEATHSIG = 1  # from Linux's prctl.h


def main(command: list[str]) -> None:
    """Run the command, and end with its exit code."""
    # A terminal sends Ctrl-C to this process too, but the parent decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with = _parent_death_signal()
    if end_with is not None:
        end_with(os.getppid())
    child = subprocess.Popen(  # noqa: S603  # the parent's own program, without a shell
        command,
        stdin=subprocess.DEVNULL,
        preexec_fn=end_with and partial(end_with, os.getpid()),  # noqa: PLW1509  # no thread yet
    )
    # Asked to end, the command ends in its own way, and this process with it.
    signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    threading.Thread(target=_end_with_pipe, args=(child,), daemon=True).start()
    code = child.wait()
    # The thread may be blocked in its read, so the interpreter is not taken down in order.
    os._exit(code if code >= 0 else 128 - code)


def _end_with_pipe(child: subprocess.Popen[bytes]) -> None:
    # Nobody writes into the pipe: a read returns when its other end is closed.
    while os.read(0, 1):
        pass
    child.kill()


def _parent_death_signal() -> Callable[[int], None] | None:
    """What has Linux kill the calling process when its parent ends; None on other systems."""
    if sys.platform != "linux":
        return None
    # Loaded before a fork, after which a child should do as little as possible.
    libc = ctypes.CDLL(None)

    def end_with(parent: int) -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it ended before the call
            os._exit(1)

    return end_with


if __name__ == "__main__":
    main(sys.argv[1:])
