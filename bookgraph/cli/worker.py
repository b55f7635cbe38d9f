"""The entry point of one worker process of `bookgraph serve --workers N`."""

from __future__ import annotations

from starlette.types import ASGIApp

from bookgraph.api.ops.logs import configure_logs
from bookgraph.api.ops.workers import build_worker_app
from bookgraph.cli.process import quiet_library_logs, tune_garbage_collector
from bookgraph.core.settings import load_settings

ENTRY_POINT = f"{__name__}:start_worker"


def start_worker() -> ASGIApp:
    """Set up this process and return its application."""
    settings = load_settings()
    configure_logs(is_json=settings.log_json)
    quiet_library_logs()
    app = build_worker_app(settings)
    tune_garbage_collector()
    return app
