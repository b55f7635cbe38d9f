"""What the log says about worker processes that end."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import sys
import time
from unittest.mock import Mock

import pytest
import uvicorn

from bookgraph.api.ops.workers import Supervisor, describe_exit


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0, "exit status 0"),
        (3, "exit status 3"),
        (-9, "signal 9 (SIGKILL)"),
        (-signal.SIGSEGV, "signal 11 (SIGSEGV)"),
        (-200, "signal 200"),
        (None, "an unknown exit status"),
    ],
)
def test_an_exit_is_named(code: int | None, words: str) -> None:
    assert describe_exit(code) == words


async def app(*_: object) -> None:
    """Never called."""


class Worker:
    """A process that ends by itself or does not respond."""

    def __init__(self, *, exit_status: int | None) -> None:
        context = multiprocessing.get_context("spawn")
        ends = exit_status is not None
        self.process = context.Process(
            target=sys.exit if ends else time.sleep, args=(exit_status if ends else 60,)
        )
        self.process.start()
        if ends:
            self.process.join()

    @property
    def pid(self) -> int | None:
        return self.process.pid

    @property
    def exitcode(self) -> int | None:
        return self.process.exitcode

    def is_alive(self, timeout: float = 5) -> bool:
        return False

    def kill(self) -> None:
        if self.process.is_alive():
            os.kill(self.process.pid or 0, signal.SIGKILL)

    def join(self) -> None:
        self.process.join()

    def start(self) -> None:
        """Started already."""


def replaced(
    worker: Worker,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    *,
    timeout_s: int = 5,
) -> list[str]:
    """What is logged when a supervisor finds a worker in this state."""
    other = Mock()
    monkeypatch.setattr("signal.signal", lambda *_: None)
    monkeypatch.setattr("uvicorn.supervisors.multiprocess.Process", lambda *_: other)
    config = uvicorn.Config(app, workers=2, timeout_worker_healthcheck=timeout_s)
    supervisor = Supervisor(config, [])
    supervisor.processes.append(worker)  # type: ignore[arg-type]
    with caplog.at_level(logging.WARNING, "bookgraph"):
        supervisor.keep_subprocess_alive()
    assert supervisor.processes == [other]
    return [one.getMessage() for one in caplog.records]


def test_a_worker_that_ended_is_logged_with_its_status(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    worker = Worker(exit_status=7)
    assert replaced(worker, monkeypatch, caplog) == [
        f"Worker process {worker.pid} ended with exit status 7. Starting another one."
    ]


def test_a_worker_that_does_not_respond_is_logged_as_such(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    worker = Worker(exit_status=None)
    assert replaced(worker, monkeypatch, caplog, timeout_s=0) == [
        f"Worker process {worker.pid} did not respond and was killed. Starting another one."
    ]
