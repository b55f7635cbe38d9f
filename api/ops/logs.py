"""How a server logs: sentences for people, or one JSON object on each line for machines."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping
from datetime import UTC, datetime

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
