"""What the logs of the local Neo4j say about a start that failed.

Reads log files and turns them into the errors of `bookgraph.core.errors`; changes nothing.
"""

from __future__ import annotations

import re
from pathlib import Path

from bookgraph.core.errors import DiskFullError, LocalServerError, PortTakenError, ServerDiedError
from bookgraph.graph.server import process as server_process
from bookgraph.graph.server.home import ServerFiles

_NUM_TELLING_LINES = 5
_MEMORY_WORDS = (
    "Could not reserve enough space",
    "Invalid memory configuration",
    "java.lang.OutOfMemoryError",
)


class LogMark:
    """Where the logs ended before a start, so that only this start's lines are read."""

    def __init__(self, files: ServerFiles) -> None:
        """Remember the end of the log at this moment."""
        self._files = files
        self._offset = files.log_file.stat().st_size if files.log_file.exists() else 0

    def lines(self) -> list[str]:
        """The lines since: the console's, then Neo4j's own log's."""
        console = _read_from(self._files.console_file, 0)
        return (console + _read_from(self._files.log_file, self._offset)).splitlines()


def explain_death(files: ServerFiles, lines: list[str], *, ports: tuple[int, ...]) -> Exception:
    """Turn the log of a server that ended by itself into the error that says why.

    Args:
        files: its home.
        lines: this start's log lines.
        ports: its Bolt and its HTTP port.

    Returns:
        The error to raise.
    """
    text = "\n".join(lines)
    see = f"The whole log is in {files.log_file} and {files.console_file}."
    taken = re.search(r"Address .*?(\d+) is already in use|Address already in use", text)
    if taken:
        port = int(taken.group(1) or ports[0])
        message = (
            f"Neo4j could not listen on port {port}: another program took it during the start. "
            f"Run the command again. {see}"
        )
        return PortTakenError(message, port=port)
    if "StoreLockException" in text or "FileLockException" in text:
        return LocalServerError(held_message(files.home, server_process.find_server(files.home)))
    if "No space left on device" in text:
        message = (
            f"The disk of {files.home} became full while Neo4j started. Free some space and run "
            f"the command again. {see}"
        )
        return DiskFullError(message)
    if any(words in text for words in _MEMORY_WORDS):
        message = (
            "There is not enough memory for Neo4j's heap. Set BOOKGRAPH_HEAP_MB to a smaller "
            f"number and run the command again. Its last words: {_telling(lines)} {see}"
        )
        return ServerDiedError(message)
    message = (
        f"Neo4j ended by itself while it was starting. Its last words: {_telling(lines)} {see} "
        "Running the command again is safe."
    )
    return ServerDiedError(message)


def held_message(home: Path, pid: int | None) -> str:
    """What to say when another process has this home's store open."""
    if pid is None:
        return (
            f"The store in {home} is held open by another process, perhaps a Neo4j of another "
            "user. Stop that one, or set BOOKGRAPH_HOME to another folder."
        )
    return (
        f"Another Neo4j (process {pid}) already runs on {home}, and its ports are not known. "
        "Stop it with `bookgraph neo4j stop` and run the command again."
    )


def _read_from(path: Path, offset: int) -> str:
    try:
        with path.open("rb") as file:
            # A log that is now shorter was rotated: then all of it is new.
            file.seek(offset if offset <= path.stat().st_size else 0)
            return file.read().decode("utf-8", errors="replace")
    except OSError:
        return ""


def _telling(lines: list[str]) -> str:
    marks = ("ERROR", "Error:", "Caused by", "Unrecognized", "Exception:", "Invalid")
    told = [line.strip() for line in lines if any(mark in line for mark in marks)]
    told = told or [line.strip() for line in lines if line.strip()]
    if not told:
        return "(none)."
    return " | ".join(told[-_NUM_TELLING_LINES:]).rstrip(".") + "."
