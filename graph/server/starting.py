"""Starting the local Neo4j: which ports it gets, whether it responds, and why a start failed.

Reads ports and logs and turns failures into the errors of `bookgraph.core.errors`.
"""

from __future__ import annotations

import logging
import re
from pathlib import Path

from bookgraph.core.errors import (
    BookgraphError,
    DiskFullError,
    LocalServerError,
    PortTakenError,
    ServerDiedError,
    StoreDamagedError,
    StoreUnreachableError,
)
from bookgraph.core.files import describe_disk, free_bytes
from bookgraph.core.processes import find_free_port, find_port_problem, is_listening, is_port_free
from bookgraph.graph.server import java
from bookgraph.graph.server.home import ROOM_BYTES, Neo4jHome
from bookgraph.graph.store import Store

logger = logging.getLogger(__name__)

USERNAME = "neo4j"
DATABASE = "neo4j"
SYSTEM = "system"

# How long one attempt may take with a server that accepts connections and does not respond.
_PROBE_TIMEOUT_S = 10.0
_NUM_LOG_LINES = 5
_MAX_REASON_CHARS = 300
_NUM_CAUSE_BYTES = 1_000_000
_MEMORY_WORDS = (
    "Could not reserve enough space",
    "Invalid memory configuration",
    "java.lang.OutOfMemoryError",
)


def choose_port(
    wanted: int, *, remembered: int, others: tuple[int, ...], setting: str | None
) -> int:
    """Choose a port for a start.

    Args:
        wanted: the preferred port; 0 for any.
        remembered: the port of the last start, which clients may know; 0 for none.
        others: ports that this start has already chosen.
        setting: the environment variable by which the user chose `wanted`; None if it is the
            default.

    Returns:
        `wanted` if it is free, else `remembered` if that is, else any free port.

    Raises:
        PortTakenError: the user chose a port that another program listens on.
    """
    if not wanted:
        problem = None
    elif wanted in others:
        problem = "Neo4j uses it for another protocol"
    else:
        problem = find_port_problem(wanted)
    if wanted and problem is None:
        return wanted
    if problem is not None and setting is not None:
        raise PortTakenError(
            f"Cannot start Neo4j on port {wanted} ({setting}): {problem}. Free the port, or set "
            f"{setting} to another one or to 0 (any free port).",
            port=wanted,
        )
    is_usable = remembered and remembered not in others and is_port_free(remembered)
    chosen = remembered if is_usable else find_free_port()
    if problem is not None:
        logger.warning("Port %d: %s. Neo4j uses port %d instead.", wanted, problem, chosen)
    return chosen


def find_response_problem(
    bolt_port: int, http_port: int, *, password: str
) -> BookgraphError | None:
    """Run a query and look at the HTTP port; None when both respond."""
    uri = bolt_uri(bolt_port)
    # A refused connection is the rule during a start, and a driver is costly to set up.
    if not (is_listening(bolt_port) and is_listening(http_port)):
        return StoreUnreachableError(f"Nothing listens at {uri}.")
    try:
        Store.open(
            uri,
            (USERNAME, password),
            database=DATABASE,
            retry_limit_s=0.0,
            connection_timeout_s=_PROBE_TIMEOUT_S / 2,  # the driver waits twice this
        ).close()
    except BookgraphError as error:
        return error
    return None


def find_damage(bolt_port: int, *, password: str) -> str | None:
    """Why Neo4j cannot work with the database, in its own words; None while it can, or starts."""
    uri = bolt_uri(bolt_port)
    try:
        with Store.open(
            uri,
            (USERNAME, password),
            database=SYSTEM,
            retry_limit_s=0.0,
            connection_timeout_s=_PROBE_TIMEOUT_S / 2,
            probe="SHOW DEFAULT DATABASE YIELD name",
        ) as store:
            rows = store.read(
                "SHOW DATABASE $name YIELD currentStatus, statusMessage", name=DATABASE
            )
    except BookgraphError:
        return None
    # A database that failed in use still calls itself online.
    return next((str(row["statusMessage"]) for row in rows if row["statusMessage"]), None)


def explain_damage(home: Neo4jHome, reason: str) -> LocalServerError:
    """The error of a database that Neo4j cannot work with.

    Args:
        home: its home.
        reason: what Neo4j says.
    """
    if "space" in reason or free_bytes(home.folder) < ROOM_BYTES:
        return explain_failure(home, "no space")
    reason = _find_cause(home) or _first_line(reason)
    return StoreDamagedError(
        f"Neo4j cannot open the graph's files in {home.folder / 'data'}. Run `bookgraph neo4j "
        "repair`: it recovers the graph, or else keeps the files and starts with an empty graph. "
        f"Neo4j says: {reason} Its log is {home.debug_file}.",
        database=DATABASE,
    )


def explain_system_damage(home: Neo4jHome) -> LocalServerError:
    """The error of a Neo4j whose own database cannot be opened, so that it never responds."""
    if free_bytes(home.folder) < ROOM_BYTES:
        return explain_failure(home, "no space")
    return StoreDamagedError(
        f"Neo4j cannot open its own database in {home.folder / 'data'}, which holds the users. Run "
        "`bookgraph neo4j repair`: it keeps the files, and starts with a new one. The graph stays. "
        f"Neo4j's log is {home.debug_file}.",
        database=SYSTEM,
    )


def explain_failure(home: Neo4jHome, reason: str) -> LocalServerError:
    """The error of a database that failed in use, see `explain_damage`."""
    if "space" in reason:
        return DiskFullError(
            f"Neo4j's disk is full. {describe_disk(home.folder, needed_bytes=ROOM_BYTES)} What was "
            "written before is kept, and Neo4j is restarted."
        )
    return LocalServerError(
        f"Neo4j's database has failed: {_first_line(reason)} Run the command again, which restarts "
        f"Neo4j. What was written before is kept. Its log is {home.log_file}."
    )


def _find_cause(home: Neo4jHome) -> str:
    """The last error of the database in Neo4j's detailed log; empty without one."""
    text = _read_from(home.debug_file, max(_size(home.debug_file) - _NUM_CAUSE_BYTES, 0))
    # One JSON object a line.
    errors = re.findall(rf'"level":"ERROR".*?"message":"\[{DATABASE}/\w+\] ([^"]+)', text)
    return _first_line(errors[-1]) if errors else ""


def _first_line(reason: str) -> str:
    line = reason.strip().splitlines()[0][:_MAX_REASON_CHARS].rstrip(".")
    return f"{line}."


def bolt_uri(port: int) -> str:
    """Where drivers connect."""
    return f"bolt://127.0.0.1:{port}"


class LogMark:
    """Where the logs ended before a start, so that only the lines of this start are read."""

    def __init__(self, home: Neo4jHome) -> None:
        """Remember the end of the log at this moment."""
        self._home = home
        self._offset = _size(home.log_file)
        self._debug_offset = _size(home.debug_file)

    def lines(self) -> list[str]:
        """The lines since: the console's, then those of Neo4j's own log."""
        console = _read_from(self._home.console_file, 0)
        return (console + _read_from(self._home.log_file, self._offset)).splitlines()

    def has_system_failed(self) -> bool:
        """Whether Neo4j's own database could not be opened. The process lives on and says no more.

        Its name is all that Neo4j's detailed log is searched for.
        """
        text = _read_from(self._home.debug_file, self._debug_offset)
        return re.search(rf"Failed to start DatabaseId\{{\w+\[{SYSTEM}\]", text) is not None


def explain_death(home: Neo4jHome, lines: list[str], *, ports: tuple[int, ...]) -> Exception:
    """Turn the log of a server that ended by itself into the error that says why.

    Args:
        home: its home.
        lines: the log lines of this start.
        ports: its Bolt and its HTTP port.

    Returns:
        The error to raise.
    """
    text = "\n".join(lines)
    see = f"Logs: {home.log_file} and {home.console_file}."
    taken = re.search(r"Address .*?(\d+) is already in use|Address already in use", text)
    if taken:
        port = int(taken.group(1) or ports[0])
        message = (
            f"Neo4j could not listen on port {port}: another program took it during the start. "
            f"Run the command again. {see}"
        )
        return PortTakenError(message, port=port)
    if "StoreLockException" in text or "FileLockException" in text:
        return LocalServerError(explain_lock(home.folder, java.find_server(home.folder)))
    if "No space left on device" in text:
        return DiskFullError(
            f"The disk became full while Neo4j started. {describe_disk(home.folder)} {see}"
        )
    if any(words in text for words in _MEMORY_WORDS):
        return ServerDiedError(
            "Not enough memory for Neo4j's heap. Set BOOKGRAPH_HEAP_MB to a smaller number and "
            f"run the command again. Its log ends with: {_excerpt(lines)} {see}"
        )
    return ServerDiedError(
        f"Neo4j ended while it was starting. Its log ends with: {_excerpt(lines)} {see} "
        "It is safe to run the command again."
    )


def refuse_newer_store(home: Neo4jHome, version: str) -> None:
    """Refuse files that a newer Neo4j used last: Neo4j opens those of earlier versions only.

    Args:
        home: its home.
        version: of the Neo4j that would be started.

    Raises:
        LocalServerError: a newer Neo4j used them.
    """
    last = home.read_last_start()
    if last is None or _version_key(last.version) <= _version_key(version):
        return
    raise LocalServerError(
        f"Neo4j {last.version} used the store in {home.folder} last, and this release of bookgraph "
        f"has Neo4j {version}, which cannot open it. Use the later release. To come back to this "
        "one, save the graph there (`bookgraph backup FILE`) and restore it here into an empty "
        "BOOKGRAPH_HOME (`bookgraph restore FILE`)."
    )


def _version_key(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))


def explain_lock(folder: Path, pid: int | None) -> str:
    """What to say when another process has the store in this home open."""
    if pid is None:
        return (
            f"Another process has the store in {folder} open, perhaps a Neo4j of another user. "
            "Stop that process, or set BOOKGRAPH_HOME to another folder."
        )
    return (
        f"Another Neo4j (process {pid}) already runs on {folder}, and its ports are not known. "
        "Stop it with `bookgraph neo4j stop` and run the command again."
    )


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _read_from(path: Path, offset: int) -> str:
    try:
        with path.open("rb") as file:
            # A log that is shorter than before was rotated: then all of it is new.
            file.seek(offset if offset <= path.stat().st_size else 0)
            return file.read().decode("utf-8", errors="replace")
    except OSError:
        return ""


def _excerpt(lines: list[str]) -> str:
    """The last lines that name an error, or else the last lines."""
    marks = ("ERROR", "Error:", "Caused by", "Unrecognized", "Exception:", "Invalid")
    found = [line.strip() for line in lines if any(mark in line for mark in marks)]
    found = found or [line.strip() for line in lines if line.strip()]
    if not found:
        return "(nothing)."
    return " | ".join(found[-_NUM_LOG_LINES:]).rstrip(".") + "."
