"""The managed Neo4j, for real: whatever goes wrong leaves a clear message and a usable home.

One home for the whole module; every test begins with `server.start()` or `server.stop()` and so
does not care what the one before it left.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import neo4j
import psutil
import pytest

from bookgraph.core.errors import LocalServerError, PortTakenError, ServerDiedError
from bookgraph.core.processes import is_running, stop_process, wait_until
from bookgraph.core.progress import Progress
from bookgraph.core.settings import Settings, load_settings
from bookgraph.graph.server import java, starting
from bookgraph.graph.server import local as server_module
from bookgraph.graph.server.home import LastStart, Neo4jHome
from bookgraph.graph.server.local import LocalServer, ServerStatus

_ROOT = Path(__file__).parents[2]
_START = """
import sys
from bookgraph.core.settings import load_settings
from bookgraph.graph.server.local import LocalServer
status = LocalServer(load_settings(home=sys.argv[1], bolt_port=0, http_port=0, heap_mb=512)).start()
print(status.pid, status.bolt_uri)
"""


@pytest.fixture(scope="module")
def local_settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    # A blank and an accent, as in a person's name: the path goes through Java and three files.
    home = tmp_path_factory.mktemp("home of Zoë")
    return load_settings(home=home, bolt_port=0, http_port=0, heap_mb=512)


@pytest.fixture(scope="module")
def server(local_settings: Settings) -> Iterator[LocalServer]:
    server = LocalServer(local_settings)
    yield server
    server.stop()


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A live process that has nothing to do with Neo4j."""
    process = subprocess.Popen(["sleep", "300"])
    yield process
    process.kill()
    process.wait()


def _run(server: LocalServer, query: str) -> list[object]:
    uri, auth = server.status().bolt_uri, ("neo4j", server.password)
    with neo4j.GraphDatabase.driver(uri, auth=auth) as driver:
        return [record.value() for record in driver.execute_query(query).records]


def _start_elsewhere(home: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _START, str(home)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=_ROOT,
        start_new_session=True,
    )


def _wait_until_gone(pid: int) -> None:
    assert wait_until(lambda: not is_running(pid), timeout_s=15), f"process {pid} still runs"


def _pid(status: ServerStatus) -> int:
    assert status.is_running
    assert status.pid is not None
    return status.pid


def test_the_first_start_creates_a_home_and_ends_ready(server: LocalServer) -> None:
    before = server.status()
    assert not before.is_running
    assert before.pid is None
    assert before.version.startswith("2026.")
    assert not before.home.exists(), "looking must not make anything"
    assert server.stop() is False

    steps: list[Progress] = []
    status = server.start(on_progress=steps.append)
    assert psutil.pid_exists(_pid(status))
    assert _run(server, "RETURN 41 + 1") == [42]
    assert steps[-1].is_finished
    assert steps[-1].note == f"ready at {status.bolt_uri}"
    assert any("password" in step.note for step in steps)
    for part in (status.home, status.home / "password"):
        mode = stat.S_IMODE(part.stat().st_mode)
        assert mode == (0o700 if part.is_dir() else 0o600)
    assert status.log_file.is_file()


def test_the_password_is_required_and_not_in_a_command_line(server: LocalServer) -> None:
    status = server.start()
    assert server.password not in " ".join(psutil.Process(_pid(status)).cmdline())
    for auth in (None, ("neo4j", "neo4j")):
        with (
            neo4j.GraphDatabase.driver(status.bolt_uri, auth=auth) as driver,
            pytest.raises(neo4j.exceptions.AuthError),
        ):
            driver.verify_connectivity()


def test_it_listens_on_loopback_only_and_shows_neo4j_browser(server: LocalServer) -> None:
    status = server.start()
    connections = psutil.Process(_pid(status)).net_connections(kind="inet")
    assert {conn.type for conn in connections} == {socket.SOCK_STREAM}
    listening = {conn.laddr for conn in connections if conn.status == psutil.CONN_LISTEN}
    assert {address.ip.removeprefix("::ffff:") for address in listening} == {"127.0.0.1"}
    assert {f"bolt://127.0.0.1:{address.port}" for address in listening} >= {status.bolt_uri}
    with urllib.request.urlopen(status.http_url, timeout=10) as response:
        assert status.bolt_uri in response.read().decode()
    with urllib.request.urlopen(f"{status.http_url}/browser/", timeout=10) as response:
        assert b"<html" in response.read().lower()


def test_a_second_start_returns_at_once(server: LocalServer, local_settings: Settings) -> None:
    status = server.start()
    steps: list[Progress] = []
    started_s = time.monotonic()
    assert server.start(on_progress=steps.append) == status
    assert LocalServer(local_settings).start() == status
    assert time.monotonic() - started_s < 2
    assert steps == []
    assert LocalServer(local_settings).password == server.password


def test_neo4j_admin_runs_and_its_failure_is_an_error(server: LocalServer) -> None:
    assert server.status().version in server.run_admin(["--version"])
    with pytest.raises(LocalServerError, match="neo4j-admin no-such thing failed"):
        server.run_admin(["no-such", "thing"])


def test_a_killed_server_is_noticed_and_restarts_with_its_data(server: LocalServer) -> None:
    server.start()
    _run(server, "MERGE (n:Kept {name: 'before the kill'})")
    old = _pid(server.status())
    os.kill(old, signal.SIGKILL)
    _wait_until_gone(old)
    assert not server.status().is_running
    status = server.start()
    assert status.pid != old
    assert _run(server, "MATCH (n:Kept) RETURN n.name") == ["before the kill"]


def test_stopping_twice_stops_once(server: LocalServer) -> None:
    pid = _pid(server.start())
    started_s = time.monotonic()
    assert server.stop() is True
    assert time.monotonic() - started_s < 5
    _wait_until_gone(pid)
    assert server.stop() is False
    assert not server.status().is_running


def test_a_wrong_java_option_is_quoted_from_java(local_settings: Settings) -> None:
    LocalServer(local_settings).stop()
    server = LocalServer(local_settings, java_options=("-XX:+NoSuchThing",))
    with pytest.raises(ServerDiedError) as caught:
        server.start()
    message = str(caught.value)
    assert "Unrecognized VM option 'NoSuchThing'" in message
    assert str(server.status().log_file) in message
    assert not server.status().is_running


def test_a_heap_beyond_the_machine_names_its_setting(local_settings: Settings) -> None:
    LocalServer(local_settings).stop()
    huge = local_settings.model_copy(update={"heap_mb": 40_000_000})
    with pytest.raises(ServerDiedError, match="BOOKGRAPH_HEAP_MB"):
        LocalServer(huge).start()


def test_a_taken_port_chosen_by_the_user_prevents_the_start(local_settings: Settings) -> None:
    LocalServer(local_settings).stop()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        fixed = load_settings(home=local_settings.home, bolt_port=port, http_port=0)
        with pytest.raises(PortTakenError, match=rf"port {port} \(BOOKGRAPH_BOLT_PORT\)"):
            LocalServer(fixed).start()
    assert not LocalServer(local_settings).status().is_running


def test_a_port_taken_during_the_start_is_an_error(
    local_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    LocalServer(local_settings).stop()
    monkeypatch.setattr(starting, "find_port_problem", lambda _port: None)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        fixed = load_settings(home=local_settings.home, bolt_port=port, http_port=0, heap_mb=512)
        with pytest.raises(PortTakenError, match="took it during the start") as caught:
            LocalServer(fixed).start()
    assert caught.value.port == port


def test_the_server_of_a_copied_home_on_the_same_port_is_not_taken_for_this_one(
    server: LocalServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.start()
    port = server.last_start().bolt_port
    copied = load_settings(home=tmp_path, bolt_port=port, http_port=0, heap_mb=512)
    home = Neo4jHome(copied.neo4j_home)
    home.prepare()
    shutil.copy(Neo4jHome(server.status().home).password_file, home.password_file)
    monkeypatch.setattr(starting, "find_port_problem", lambda _port: None)
    with pytest.raises(PortTakenError, match="took it during the start"):
        LocalServer(copied).start()


def test_a_start_that_times_out_leaves_no_process(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.stop()
    monkeypatch.setattr(server_module, "_READY_TIMEOUT_S", 0.3)
    with pytest.raises(
        LocalServerError, match=r"did not respond at bolt://127.0.0.1:\d+ within 0 s"
    ):
        server.start()
    assert not server.status().is_running
    assert java.find_server(server.status().home) is None


def test_an_interrupted_start_leaves_no_process(
    local_settings: Settings, server: LocalServer
) -> None:
    server.stop()
    starter = _start_elsewhere(local_settings.home)
    assert wait_until(
        lambda: server.status().is_running or starter.poll() is not None,
        timeout_s=30,
        pause_s=0.02,
    )
    pid = _pid(server.status())
    starter.send_signal(signal.SIGINT)
    output, _ = starter.communicate(timeout=30)
    assert "KeyboardInterrupt" in output
    _wait_until_gone(pid)
    assert not server.status().is_running


def test_a_stale_process_id_of_another_program_is_replaced(
    server: LocalServer, sleeper: subprocess.Popen[bytes], caplog: pytest.LogCaptureFixture
) -> None:
    server.stop()
    files = Neo4jHome(server.status().home)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        # The remembered port belongs to another program too, by now.
        port = listener.getsockname()[1]
        files.write_last_start(LastStart(sleeper.pid, port, port))
        assert not server.status().is_running
        assert server.stop() is False
        assert sleeper.poll() is None
        files.write_last_start(LastStart(sleeper.pid, port, port))
        status = server.start()
    assert status.pid != sleeper.pid
    assert not status.bolt_uri.endswith(f":{port}")
    assert sleeper.poll() is None
    assert "in use" not in caplog.text, "port 0 asks for any, so nothing is out of the ordinary"


@pytest.mark.parametrize("content", [None, b"", b"{", bytes(60)])
def test_a_lost_state_file_heals_while_the_server_runs(
    server: LocalServer, content: bytes | None
) -> None:
    before = server.start()
    state = before.home / "server.json"
    state.unlink()
    if content is not None:
        state.write_bytes(content)
    assert server.status() == before
    assert server.start() == before
    assert _run(server, "RETURN 1") == [1]


def test_a_store_that_a_foreign_process_has_open_is_an_error(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    pid = _pid(server.start())
    (server.status().home / "server.json").unlink()
    with monkeypatch.context() as patch:
        # As with a process that this user cannot see: then Neo4j's own lock refuses.
        patch.setattr(java, "find_server", lambda _home: None)
        with pytest.raises(LocalServerError, match=r"Another process has the store .* open"):
            server.start()
    assert psutil.pid_exists(pid)
    assert server.stop() is True
    _wait_until_gone(pid)
    assert server.stop() is False


def test_two_starts_at_once_make_one_server_that_outlives_them(
    server: LocalServer, local_settings: Settings
) -> None:
    server.stop()
    starters = [_start_elsewhere(local_settings.home) for _ in range(2)]
    outputs = [starter.communicate(timeout=120)[0].strip() for starter in starters]
    assert [starter.returncode for starter in starters] == [0, 0], outputs
    assert outputs[0] == outputs[1]
    status = server.status()
    assert outputs[0] == f"{status.pid} {status.bolt_uri}"
    assert _run(server, "MATCH (n:Kept) RETURN n.name") == ["before the kill"]


def test_a_server_that_hangs_is_an_error_and_can_be_stopped(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pid = _pid(server.start())
    os.kill(pid, signal.SIGSTOP)
    monkeypatch.setattr(server_module, "_READY_TIMEOUT_S", 0.5)
    monkeypatch.setattr(starting, "_PROBE_TIMEOUT_S", 0.5)
    with pytest.raises(LocalServerError, match=r"did not respond .* Run .bookgraph neo4j stop"):
        server.start()
    assert server.status().pid == pid, "what somebody else may still use is not killed"
    stop_process(pid, name="Neo4j", timeout_s=0.5)
    assert "killing it" in caplog.text
    _wait_until_gone(pid)
    assert not server.status().is_running
