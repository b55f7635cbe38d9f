"""SIGINT, SIGTERM and SIGHUP end every command gently, and in a moment; a second one at once."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bookgraph.core.locks import process_lock
from bookgraph.core.processes import find_free_port, wait_until
from bookgraph.graph.server import java
from bookgraph.graph.server.home import Neo4jHome
from bookgraph.testing import dump_site
from bookgraph.testing.command_line import environment

GENTLE = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
# What a user should wait at most is 2 s; a busy machine of tests gets some more.
_PROMPT_S = 6.0


class Commands:
    """Starts commands in sessions of their own, and ends those that are left."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._started: list[subprocess.Popen[str]] = []

    def start(self, *args: str, **variables: str) -> subprocess.Popen[str]:
        ports = {"BOOKGRAPH_BOLT_PORT": "0", "BOOKGRAPH_HTTP_PORT": "0", "BOOKGRAPH_HEAP_MB": "512"}
        process = subprocess.Popen(
            [sys.executable, "-m", "bookgraph", *args],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(BOOKGRAPH_HOME=str(self.home), **ports, **variables),
            start_new_session=True,
        )
        self._started.append(process)
        return process

    def close(self) -> None:
        for process in self._started:
            process.kill()
            process.communicate()


@pytest.fixture
def commands(tmp_path: Path) -> Iterator[Commands]:
    commands = Commands(tmp_path / "home")
    yield commands
    commands.close()


def _wait_for(process: subprocess.Popen[str], text: str) -> None:
    seen = []
    for line in process.stderr:
        seen.append(line)
        if text in line:
            return
    pytest.fail(f"the command ended without {text!r}: {''.join(seen)}")


def _interrupt(process: subprocess.Popen[str], number: signal.Signals) -> str:
    """Interrupt a command, which says so and ends with the code of the signal; what it printed."""
    start_s = time.monotonic()
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    elapsed_s = time.monotonic() - start_s
    assert process.returncode == 128 + number, errors
    assert "bookgraph: Interrupted." in errors.splitlines()
    assert "Traceback" not in errors
    assert elapsed_s < _PROMPT_S
    return errors


@pytest.mark.parametrize("number", GENTLE)
def test_waiting_for_a_lock(commands: Commands, number: signal.Signals) -> None:
    home = Neo4jHome((commands.home / "neo4j").resolve())
    with process_lock(home.start_lock, work="testing", on_progress=None):
        process = commands.start("neo4j", "start")
        _wait_for(process, "Waiting: another bookgraph process")
        _interrupt(process, number)


@pytest.mark.parametrize("number", GENTLE)
def test_starting_neo4j_leaves_no_process(commands: Commands, number: signal.Signals) -> None:
    process = commands.start("neo4j", "start")
    home = Neo4jHome((commands.home / "neo4j").resolve())
    assert wait_until(lambda: java.find_server(home.folder) is not None, timeout_s=30)
    _interrupt(process, number)
    assert java.find_server(home.folder) is None
    assert java.find_tools(home) == []


@pytest.mark.parametrize("number", GENTLE)
def test_downloading_from_a_site_that_is_silent(commands: Commands, number: signal.Signals) -> None:
    with socket.create_server(("127.0.0.1", 0)) as site:
        site.settimeout(60)
        url = f"http://127.0.0.1:{site.getsockname()[1]}"
        process = commands.start("fetch", "--wiki", "simplewiki", "--mirror", url)
        connection, _ = site.accept()
        _interrupt(process, number)
        connection.close()


def test_downloading_a_dump_that_stalls(
    commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dump_site, "STALL_S", 60)
    name = "testwiki-20260101-pages-articles.xml.bz2"
    with dump_site.open_dump_site() as site:
        site.add_dump("20260101", {name: bytes(1_000_000)})
        site.faults[name] = ["stall"]
        process = commands.start(
            *("fetch", "--wiki", "testwiki", "--date", "20260101", "--source", "classic"),
            *("--mirror", site.url),
        )
        assert wait_until(lambda: bool(site.ranges(name)), timeout_s=60)
        _interrupt(process, signal.SIGTERM)


def test_servers_end_by_each_signal_and_stopping_neo4j_names_them(own_server: Any) -> None:
    commands = Commands(own_server.settings.home)
    try:
        for workers, number in ((1, signal.SIGTERM), (1, signal.SIGHUP), (2, signal.SIGTERM)):
            port = find_free_port()
            process = commands.start("serve", "--port", str(port), "--workers", str(workers))
            assert wait_until(partial(_responds, port), timeout_s=90)
            if workers == 2:
                output, errors = commands.start("neo4j", "stop").communicate()
                assert output == "Stopped Neo4j.\n"
                assert f"`bookgraph serve` (process {process.pid}) uses this Neo4j" in errors
            _interrupt(process, number)
    finally:
        commands.close()


def _responds(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5):
            return True
    except OSError:
        return False


def test_a_second_signal_ends_a_command_at_once(commands: Commands) -> None:
    home = Neo4jHome((commands.home / "neo4j").resolve())
    with process_lock(home.start_lock, work="testing", on_progress=None):
        process = commands.start("neo4j", "start")
        _wait_for(process, "Waiting: another bookgraph process")
        for _ in range(2):
            process.send_signal(signal.SIGTERM)
        assert process.wait(_PROMPT_S) in {-signal.SIGTERM, 128 + signal.SIGTERM}


_BUSY = """
import sys
import numpy
from bookgraph.cli.process import catch_signals, end_interrupted
catch_signals()
table = numpy.random.rand(6000, 6000)
print("up", flush=True)
try:
    numpy.linalg.svd(table)  # compiled code: minutes in which Python handles no signal
except KeyboardInterrupt:
    end_interrupted()
"""


def test_a_second_signal_ends_compiled_code_too() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", _BUSY], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "up\n"
    time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    assert "Interrupt again to stop at once." in process.stderr.readline()
    process.send_signal(signal.SIGTERM)
    assert process.wait(_PROMPT_S) == 128 + signal.SIGTERM
    process.communicate()


def test_ignored_signals_stay_ignored() -> None:
    """As under nohup."""
    code = (
        "import os, signal; signal.signal(signal.SIGHUP, signal.SIG_IGN); "
        "from bookgraph.cli.process import catch_signals; catch_signals(); "
        "os.kill(os.getpid(), signal.SIGHUP); print('still here')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "still here\n"
