"""How a server logs: sentences for people, or one JSON object on each line for machines."""

from __future__ import annotations

import json
import logging
import os
import shutil
import sys
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

logger = logging.getLogger(__name__)

MAX_LOG_BYTES = 10_000_000
NUM_OLD_LOGS = 4
"""With the current one, the log of a server takes 50 MB at most."""

_access_log = logging.getLogger("bookgraph.access")


class JsonFormatter(logging.Formatter):
    """Formats a record as one JSON object on one line.

    The mapping in the record's attribute `fields`, if it has one, takes the place of the message.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as JSON."""
        fields = getattr(record, "fields", None)
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            **(fields if isinstance(fields, dict) else {"message": record.getMessage()}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def configure_logs(*, is_json: bool) -> None:
    """Set up the logs of this process, on stderr. Only a process's entry point calls this.

    Args:
        is_json: log JSON, with one line for each request. Otherwise log warnings as sentences,
            unless the process has log handlers already.
    """
    if not is_json:
        logging.basicConfig(
            level=logging.WARNING, format="bookgraph: %(message)s", stream=sys.stderr
        )
        return
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    _access_log.setLevel(logging.INFO)


def keep_log_bounded(
    path: Path, *, max_bytes: int = MAX_LOG_BYTES, num_old: int = NUM_OLD_LOGS, pause_s: float = 1.0
) -> threading.Event | None:
    """Keep a log small that this process and its children write as their stderr.

    A thread moves what was written into `NAME.1`, `NAME.2` and so on, and empties the file, which
    all of them keep open. So no process needs to know of it. A line that is written in the moment
    between is lost.

    Args:
        path: the log.
        max_bytes: size from which it is emptied.
        num_old: how many old ones stay.
        pause_s: seconds between two looks at the size.

    Returns:
        Ends the thread when set; None if stderr is not this file.
    """
    try:
        is_stderr = os.path.samestat(path.stat(), os.fstat(2))
    except OSError:
        return None
    if not is_stderr:
        return None
    is_ended = threading.Event()

    def watch() -> None:
        while not is_ended.wait(pause_s):
            try:
                if path.stat().st_size >= max_bytes:
                    _rotate(path, num_old)
            except OSError as error:
                logger.warning("The log %s cannot be kept small: %s", path, error)

    threading.Thread(target=watch, daemon=True, name="log").start()
    return is_ended


def _rotate(path: Path, num_old: int) -> None:
    for number in range(num_old - 1, 0, -1):
        older = path.with_name(f"{path.name}.{number}")
        if older.exists():
            older.replace(path.with_name(f"{path.name}.{number + 1}"))
    with path.open("rb") as log, path.with_name(f"{path.name}.1").open("wb") as old:
        shutil.copyfileobj(log, old)
        os.truncate(path, 0)


def log_request(scope: Mapping[str, object], path: str, elapsed_s: float) -> None:
    """Log one request, if anybody reads the log of requests.

    Args:
        scope: the request's ASGI scope, with what the server noted under `bookgraph`.
        path: below the prefix under which the application is mounted.
        elapsed_s: seconds from the request to the end of its response.
    """
    if not _access_log.isEnabledFor(logging.INFO):
        return
    record = scope["bookgraph"]
    assert isinstance(record, dict)
    line = {
        "id": record["id"],
        "method": scope["method"],
        "path": path,
        "status": record["status"],
        "ms": round(elapsed_s * 1000, 1),
    }
    for name in ("operation", "name", "cost", "codes"):
        if record.get(name):
            line[name] = record[name]
    _access_log.info("%s", json.dumps(line, ensure_ascii=False), extra={"fields": line})
