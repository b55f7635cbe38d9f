"""Runs commands of bookgraph as processes of their own, many of them in a short time.

Importing torch takes seconds, so a process that has imported everything forks one for each command.
From there on it is an ordinary command: its own process, session, environment and output.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from multiprocessing import forkserver
from pathlib import Path
from typing import Protocol

import psutil

from bookgraph.graph.write import bulk

_PRELOADED = [
    "bookgraph.cli.app",
    "bookgraph.embed.maps.pipeline",
    "bookgraph.embed.maps.methods",
    "bookgraph.embed.pipeline",
    "bookgraph.graph",
    "bookgraph.graph.export.formats",
    "bookgraph.ingest",
    "bookgraph.ingest.fetch.download",
    "bookgraph.api",
    "bookgraph.api.ops.background",
    "bookgraph.cli.worker",
    "openTSNE",
]


class _Process(Protocol):
    """What `multiprocessing` and `subprocess` have in common, by the former's names."""

    @property
    def pid(self) -> int | None: ...

    @property
    def exitcode(self) -> int | None: ...


class Command:
    """One command, started at once.

    Attributes:
        arguments: what follows `bookgraph`.
        pid: of its process, which leads a session of its own.
        output_file: takes what it prints.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        folder: Path,
        variables: Mapping[str, str],
        min_edges: int | None = None,
    ) -> None:
        """Start it.

        Args:
            arguments: what follows `bookgraph`.
            folder: its working folder, which also takes its output.
            variables: its whole environment.
            min_edges: the size from which on an ingest uses the offline importer; by default the
                real one, which takes a larger graph than tests can afford.
        """
        self.arguments = tuple(arguments)
        self.output_file = folder / f"output-{time.monotonic_ns()}"
        self._start_s = time.monotonic()
        if "LD_PRELOAD" in variables:
            # Libraries are preloaded by a new program only.
            self._process: _Process = _start_program(arguments, folder, variables, self.output_file)
        else:
            self._process = _fork(arguments, folder, variables, self.output_file, min_edges)
        assert self._process.pid is not None
        self.pid = self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative after a signal that it did not handle."""
        return self._process.exitcode

    @property
    def output(self) -> str:
        """What it printed to stderr and stdout."""
        return self.output_file.read_text("utf-8", "replace") if self.output_file.exists() else ""

    @property
    def elapsed_s(self) -> float:
        """Seconds since it was started."""
        return time.monotonic() - self._start_s

    def signal(self, number: int, *, to_group: bool = False) -> None:
        """Send a signal to its process, or to its group as a terminal does."""
        with suppress(ProcessLookupError):
            (os.killpg if to_group else os.kill)(self.pid, number)

    def wait(self, limit_s: float) -> int | None:
        """Wait until it ends; None if it has not within the limit, in seconds."""
        end_s = time.monotonic() + limit_s
        while self.exit_code is None and time.monotonic() < end_s:
            time.sleep(0.01)
        return self.exit_code

    def end(self) -> None:
        """Kill it and whatever is left in its session."""
        for pid in self.find_session():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.wait(10)

    def find_session(self) -> list[int]:
        """The processes of its session that run."""
        return [pid for pid in psutil.pids() if _is_in_session(pid, self.pid)]


class _Program:
    """A new Python process."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self.pid: int | None = process.pid

    @property
    def exitcode(self) -> int | None:
        return self._process.poll()


def _start_program(
    arguments: Sequence[str], folder: Path, variables: Mapping[str, str], output: Path
) -> _Program:
    with output.open("wb") as file:
        return _Program(
            subprocess.Popen(
                [sys.executable, "-m", "bookgraph", *arguments],
                cwd=folder,
                env=variables,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )
        )


def _fork(
    arguments: Sequence[str],
    folder: Path,
    variables: Mapping[str, str],
    output: Path,
    min_edges: int | None,
) -> _Process:
    context = multiprocessing.get_context("forkserver")
    _start_forkserver()
    process = context.Process(
        target=_run,
        args=(list(arguments), str(folder), dict(variables), str(output), min_edges),
    )
    process.start()
    return process


def _start_forkserver() -> None:
    """Start the process that forks, unless it runs.

    Its commands compute in one thread. On a busy machine threads wait for each other most of the
    time, and this little data needs no more.
    """
    forkserver.set_forkserver_preload(_PRELOADED)
    before = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = "1"
    try:
        forkserver.ensure_running()
    finally:
        del os.environ["OMP_NUM_THREADS"]
        if before is not None:
            os.environ["OMP_NUM_THREADS"] = before


def _run(
    arguments: list[str],
    folder: str,
    variables: dict[str, str],
    output: str,
    min_edges: int | None,
) -> None:
    """Become the command; `sys.exit` in it ends this process."""
    os.setsid()
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(variables)
    handles = (
        os.open(os.devnull, os.O_RDONLY),
        *([os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)] * 2),
    )
    for stream, handle in enumerate(handles):
        os.dup2(handle, stream)
    # multiprocessing has opened another one for its children.
    sys.stdin = os.fdopen(0)
    if min_edges is not None:
        bulk.MIN_EDGES = min_edges
    sys.argv = ["bookgraph", *arguments]
    runpy.run_module("bookgraph", run_name="__main__")


def _is_in_session(pid: int, session: int) -> bool:
    try:
        return os.getsid(pid) == session and (psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except (ProcessLookupError, psutil.Error):
        return False
