"""Processes and ports of this machine: start, recognise, wait for and stop."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from bookgraph.core.errors import LocalServerError

logger = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"

TETHER = Path(__file__).with_name("tether.py")
"""The program that `tied_process` runs a command through."""

_POLL_S = 0.05
_START_TIME_FIELD = 22 - 3
# A mark with such a number counts from 1970: no system runs for 30 years.
_AFTER_2001_S = 1e9
_KILL_TIMEOUT_S = 20.0

# A parent must wait for its child, or the child stays a zombie. The objects are kept, because one
# that is collected warns about a child that still runs, and these children are meant to.
_children: dict[int, subprocess.Popen[bytes]] = {}


@dataclass(frozen=True, slots=True)
class ProcessMark:
    """Names one process. Its id alone does not: the system gives it to another one later.

    Attributes:
        pid: the process id.
        started_at_s: when the process started, in seconds since the start of the system where that
            is known, else since 1970. Only the former stays the same when the clock is set.
    """

    pid: int
    started_at_s: float

    @classmethod
    def of(cls, pid: int) -> ProcessMark:
        """The mark of a running process."""
        uptime_s = _uptime_at_start(pid)
        return cls(pid, psutil.Process(pid).create_time() if uptime_s is None else uptime_s)

    def is_running(self) -> bool:
        """Whether this process runs, and not another one with its id."""
        started_at_s = None if self.started_at_s > _AFTER_2001_S else _uptime_at_start(self.pid)
        try:
            if started_at_s is None:
                started_at_s = psutil.Process(self.pid).create_time()
        except (psutil.Error, ValueError, OverflowError):
            return False
        # The system derives the time from its uptime and is off by a little each time.
        return is_running(self.pid) and abs(started_at_s - self.started_at_s) < 1


def _uptime_at_start(pid: int) -> float | None:
    """When a process started, in seconds since the start of the system; None if not known."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text("utf-8", errors="replace")
        # The name of the program, in brackets, may hold anything. `man 5 proc` counts from 1.
        ticks = int(text.rpartition(")")[2].split()[_START_TIME_FIELD])
        return ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return None


def machine_id() -> str:
    """Names this machine since its start, and the process ids that this process sees.

    Two containers on one machine see different processes under the same ids.
    """
    parts = [socket.gethostname()]
    with contextlib.suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip())
        parts.append(str(Path("/proc/self/ns/pid").readlink()))
    return " ".join(parts)


def start_detached(
    command: Sequence[str],
    *,
    log_file: Path,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> int:
    """Start a process that outlives this one and its terminal.

    Args:
        command: the program and its arguments.
        log_file: takes what it prints; overwritten.
        folder: its working folder; by default this process's own.
        environment: its variables; by default this process's own.

    Returns:
        The process id.

    Raises:
        OSError: the program cannot be run, or the log cannot be written.
    """
    log_file.write_bytes(b"")
    # For appending, so that `keep_log_bounded` may empty it while it is written.
    with log_file.open("ab") as log:
        child = subprocess.Popen(  # noqa: S603  # our own programs, without a shell
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=environment,
            start_new_session=True,
        )
    _children[child.pid] = child
    return child.pid


@contextmanager
def tied_process(
    command: Sequence[str],
    *,
    log_file: Path | None = None,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Iterator[subprocess.Popen[str]]:
    """Run a program that ends with the block, and with this process even if that is killed.

    Args:
        command: the program and its arguments.
        log_file: takes what it prints; by default its `stdout` is a pipe.
        folder: its working folder; by default this process's own.
        environment: its variables; by default this process's own.

    Yields:
        The process that runs the program. Its exit code is the program's, or 128 and the number of
        the signal that ended it.

    Raises:
        OSError: the program cannot be run, or the log cannot be written.
    """
    if shutil.which(command[0]) is None:
        raise FileNotFoundError(command[0])
    with ExitStack() as stack:
        log = stack.enter_context(log_file.open("wb")) if log_file else subprocess.PIPE
        child = subprocess.Popen(  # noqa: S603  # our own programs, without a shell
            [sys.executable, "-I", "-S", str(TETHER), *command],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            cwd=folder,
            env=environment,
        )
        try:
            yield child
        finally:
            if child.stdin is not None:
                child.stdin.close()  # which ends the program
            child.wait()
            if child.stdout is not None:
                child.stdout.close()


def run_tied(
    command: Sequence[str],
    *,
    timeout_s: float,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> tuple[int, str]:
    """Run a program to its end, see `tied_process`. An interruption ends it.

    Returns:
        Its exit code, and what it printed.

    Raises:
        TimeoutError: it ran too long and was killed.
    """
    with tied_process(command, folder=folder, environment=environment) as child:
        is_late = threading.Event()

        def end_it() -> None:
            is_late.set()
            if child.stdin is not None:
                child.stdin.close()

        timer = threading.Timer(timeout_s, end_it)
        timer.daemon = True
        timer.start()
        try:
            # Returns when the last process that may still print has ended.
            output = child.stdout.read() if child.stdout else ""
            code = child.wait()
        finally:
            timer.cancel()
        if is_late.is_set():
            raise TimeoutError
        return code, output


def is_running(pid: int) -> bool:
    """Whether a process runs. A zombie does not."""
    try:
        has_ended = _has_ended(psutil.Process(pid))
    except (psutil.Error, ValueError, OverflowError):
        has_ended = True
    if has_ended:
        _fetch_exit_code(pid)
    return not has_ended


def command_of(pid: int) -> list[str]:
    """The command line of a process; empty if it has ended or is not visible."""
    child = _children.get(pid)
    if child is not None and isinstance(child.args, list):
        # The system shows no command line in the first moments of a process.
        return [str(part) for part in child.args]
    try:
        return psutil.Process(pid).cmdline()
    except (psutil.Error, ValueError, OverflowError):
        return []


def parent_of(pid: int) -> int:
    """The process that started another one; 0 if it is not visible."""
    try:
        return psutil.Process(pid).ppid()
    except psutil.Error:
        return 0


def stop_process(pid: int, *, name: str, timeout_s: float) -> None:
    """Ask a process to end, and kill it after a timeout.

    Args:
        pid: the process; nothing happens if it has ended.
        name: for messages, such as "Neo4j".
        timeout_s: seconds before it is killed.

    Raises:
        LocalServerError: the process belongs to another user, or hangs.
    """
    try:
        process = psutil.Process(pid)
        process.terminate()
        if not wait_until(lambda: _has_ended(process), timeout_s=timeout_s):
            logger.warning(
                "%s (process %d) did not stop in %.0f s: killing it.", name, pid, timeout_s
            )
            process.kill()
            if not wait_until(lambda: _has_ended(process), timeout_s=_KILL_TIMEOUT_S):
                raise LocalServerError(
                    f"{name} (process {pid}) was killed but has not ended: its disk may not "
                    "respond. Try again later."
                )
    except psutil.NoSuchProcess:
        pass
    except psutil.AccessDenied as error:
        raise LocalServerError(
            f"Cannot stop {name} (process {pid}): it belongs to another user."
        ) from error
    _fetch_exit_code(pid)


def wait_until(
    is_done: Callable[[], bool],
    *,
    timeout_s: float,
    pause_s: float = _POLL_S,
    on_wait: Callable[[float], None] | None = None,
) -> bool:
    """Wait until a condition holds.

    Args:
        is_done: the condition; an error that it raises ends the wait.
        timeout_s: seconds to wait at most.
        pause_s: seconds between two looks.
        on_wait: called after each look that failed, with the seconds since the start.

    Returns:
        Whether the condition held in time.
    """
    start_s = time.monotonic()
    while not is_done():
        elapsed_s = time.monotonic() - start_s
        if elapsed_s >= timeout_s:
            return False
        if on_wait is not None:
            on_wait(elapsed_s)
        time.sleep(pause_s)
    return True


def format_address(host: str, port: int) -> str:
    """Join host and port as in a URL: an IPv6 address stands in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def local_url(host: str, port: int) -> str:
    """The URL at which this machine reaches a server that listens on an address."""
    # These mean every address of the machine, and are none that a browser should use.
    known = {"": LOOPBACK, "0.0.0.0": LOOPBACK, "::": "::1"}  # noqa: S104  # nosec B104  # replaced, not bound
    return f"http://{format_address(known.get(host, host), port)}"


def is_port_free(port: int, *, host: str = LOOPBACK) -> bool:
    """Whether a server can listen on a port: nothing else does, on all addresses included."""
    return find_port_problem(port, host=host) is None


def find_port_problem(port: int, *, host: str = LOOPBACK) -> str | None:
    """Why a server cannot listen on a port, or None if it can."""
    if is_listening(port, host=host):
        return f"{_find_listener(port)} uses it"
    with _socket_for(host) as probe:
        try:
            probe.bind((host, port))
        except PermissionError:
            return "this user may not use it (ports below 1024 belong to the administrator)"
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return f"{_find_listener(port)} uses it"
            return f"{host} is not an address of this machine"
    return None


def is_listening(port: int, *, host: str = LOOPBACK) -> bool:
    """Whether something accepts connections on a port."""
    try:
        socket.create_connection((host, port), timeout=0.5).close()
    except OSError:
        return False
    return True


def is_listener(pid: int, port: int) -> bool:
    """Whether a process accepts connections on a port; true where this user cannot see it."""
    try:
        connections = psutil.Process(pid).net_connections(kind="tcp")
    except psutil.NoSuchProcess:
        return False
    except psutil.Error:
        return True
    return any(
        connection.status == psutil.CONN_LISTEN and connection.laddr.port == port
        for connection in connections
    )


def find_clients(port: int) -> list[int]:
    """Other processes with a connection to a port of this machine, as far as this user sees."""
    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.Error:  # on macOS, to everybody but root
        return []
    found = {
        connection.pid
        for connection in connections
        if connection.status == psutil.CONN_ESTABLISHED
        and connection.raddr
        and connection.raddr.port == port
    }
    return sorted(pid for pid in found if pid and pid != os.getpid())


def find_free_port(host: str = LOOPBACK) -> int:
    """A port that nothing uses at this moment.

    Raises:
        OSError: the host is not an address of this machine.
    """
    with _socket_for(host) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def _find_listener(port: int) -> str:
    """Who listens on a port, such as `python (process 12)`, as far as this user can see it."""
    try:
        for connection in psutil.net_connections(kind="tcp"):
            is_listener = connection.status == psutil.CONN_LISTEN and connection.pid is not None
            if is_listener and connection.laddr and connection.laddr.port == port:
                return f"{psutil.Process(connection.pid).name()} (process {connection.pid})"
    except psutil.Error:
        pass
    return "another program"


def _socket_for(host: str) -> socket.socket:
    probe = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    if os.name == "posix":
        # Connections of the last server that linger must not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return probe


def _has_ended(process: psutil.Process) -> bool:
    # A child that its parent never waits for stays a zombie, and `Process.wait` would not return.
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def _fetch_exit_code(pid: int) -> None:
    """Release a child that has ended, or else it stays a zombie."""
    child = _children.get(pid)
    # While its last threads end, a killed JVM is a zombie without an exit code.
    if child is not None and child.poll() is not None:
        del _children[pid]
