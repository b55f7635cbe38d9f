"""How a server logs: sentences for people, or one JSON object a line for machines."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

ACCESS_LOGGER = "bookgraph.access"


class JsonFormatter(logging.Formatter):
    """One JSON object a line; what a record carries as `fields` stands beside the usual ones."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as JSON."""
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
    """Set up the logs of a serving process, on stderr.

    Args:
        is_json: log JSON, each request among it; else only what goes wrong, in sentences, unless
            the process has its own way already.
    """
    if not is_json:
        logging.basicConfig(
            level=logging.WARNING, format="bookgraph: %(message)s", stream=sys.stderr
        )
        return
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger(ACCESS_LOGGER).setLevel(logging.INFO)
