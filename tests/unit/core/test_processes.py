"""Starting, recognising and stopping real processes, and looking at real ports on loopback."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from bookgraph.core.processes import (
    TETHER,
    ProcessMark,
    command_of,
    find_free_port,
    find_port_problem,
    format_address,
    is_port_free,
    is_running,
    run_tied,
    start_detached,
    stop_process,
    wait_until,
)

_SLEEPER = "import signal, time; {setup}; print('up', flush=True); time.sleep(60)"


class Sleepers:
    """Starts Python processes that wait to be stopped, and kills those that are left."""

    def __init__(self) -> None:
        self._started: list[subprocess.Popen[str]] = []

    def start(self, *, setup: str = "pass") -> subprocess.Popen[str]:
        command = [sys.executable, "-c", _SLEEPER.format(setup=setup)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self._started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        return process

    def close(self) -> None:
        for process in self._started:
            process.kill()
            process.communicate()


@pytest.fixture
def sleepers() -> Iterator[Sleepers]:
    sleepers = Sleepers()
    yield sleepers
    sleepers.close()


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that another program listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.mark.parametrize(
    ("host", "address"),
    [("::1", "[::1]:8000"), ("127.0.0.1", "127.0.0.1:8000"), ("localhost", "localhost:8000")],
)
def test_an_ipv6_address_stands_in_brackets(host: str, address: str) -> None:
    assert format_address(host, 8000) == address


def test_stop_asks_first(sleepers: Sleepers, caplog: pytest.LogCaptureFixture) -> None:
    process = sleepers.start()
    stop_process(process.pid, name="It", timeout_s=20)
    process.wait()
    assert process.returncode in (0, -signal.SIGTERM)  # 0 where psutil has reaped it
    assert caplog.text == ""


def test_stop_kills_what_ignores_the_request_and_says_so(
    sleepers: Sleepers, caplog: pytest.LogCaptureFixture
) -> None:
    deaf = sleepers.start(setup="signal.signal(signal.SIGTERM, signal.SIG_IGN)")
    stop_process(deaf.pid, name="It", timeout_s=0.2)
    assert not is_running(deaf.pid)
    assert f"It (process {deaf.pid}) did not stop in 0 s: killing it." in caplog.text


def test_stop_of_a_process_that_has_ended_does_nothing(sleepers: Sleepers) -> None:
    process = sleepers.start()
    process.kill()
    process.wait()
    stop_process(process.pid, name="It", timeout_s=1)


def test_a_mark_names_one_process_and_not_the_next_with_its_id(sleepers: Sleepers) -> None:
    process = sleepers.start()
    mark = ProcessMark.of(process.pid)
    assert mark.is_running()
    assert not ProcessMark(mark.pid, mark.started_at_s - 60).is_running()
    process.kill()
    # It stays a zombie until it is waited for.
    assert wait_until(lambda: not mark.is_running(), timeout_s=10)
    process.wait()
    assert not mark.is_running()


@pytest.mark.parametrize("pid", [-1, 2**22 + 5, 2**70])
def test_an_impossible_id_does_not_run(pid: int) -> None:
    assert not is_running(pid)
    assert not ProcessMark(pid, 0.0).is_running()
    assert command_of(pid) == []


def test_a_detached_process_leads_its_own_session_and_leaves_no_zombie(tmp_path: Path) -> None:
    code = "import os; print(os.getsid(0) == os.getpid(), os.getcwd(), os.environ['A'])"
    log = tmp_path / "log"
    command = [sys.executable, "-c", code]
    pid = start_detached(command, log_file=log, folder=tmp_path, environment={"A": "b"})
    assert command_of(pid) == command
    assert wait_until(lambda: not is_running(pid) and not psutil.pid_exists(pid), timeout_s=10)
    assert log.read_text().split() == ["True", str(tmp_path), "b"]


def test_waiting_ends_with_the_condition_or_the_timeout() -> None:
    looks = iter([False, False, True])
    waits: list[float] = []
    assert wait_until(lambda: next(looks), timeout_s=10, pause_s=0, on_wait=waits.append)
    assert len(waits) == 2
    assert not wait_until(lambda: False, timeout_s=0.01, pause_s=0.001)


def test_a_listened_port_is_not_free_and_a_released_one_is(taken: int) -> None:
    assert not is_port_free(taken)
    assert is_port_free(find_free_port())


def test_a_listener_on_all_addresses_counts() -> None:
    with socket.create_server(("", 0)) as listener:
        assert not is_port_free(listener.getsockname()[1])


def test_a_bound_port_that_does_not_listen_counts() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        assert not is_port_free(bound.getsockname()[1])


def test_a_lingering_connection_does_not_count() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        client = socket.create_connection(("127.0.0.1", port))
        server_side, _ = listener.accept()
        server_side.close()
        client.close()
    assert is_port_free(port)


def test_the_user_of_a_port_is_named(taken: int) -> None:
    problem = find_port_problem(taken)
    assert problem is not None
    assert f"(process {os.getpid()}) uses it" in problem


def test_an_address_of_another_machine_is_a_problem() -> None:
    problem = find_port_problem(0, host="192.0.2.1")
    assert problem == "192.0.2.1 is not an address of this machine"


_TIED = """
import sys
from bookgraph.core.processes import run_tied
run_tied([sys.executable, "-c", {program!r}], timeout_s=60)
"""
_CHILD = "import time; time.sleep(60)"


def test_a_tied_program_returns_its_exit_code_and_output() -> None:
    program = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"
    code, output = run_tied([sys.executable, "-c", program], timeout_s=30)
    assert code == 3
    assert sorted(output.split()) == ["err", "out"]
    program = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    assert run_tied([sys.executable, "-c", program], timeout_s=30)[0] == 128 + signal.SIGKILL


def test_a_tied_program_that_cannot_be_run_or_takes_too_long_is_an_error() -> None:
    with pytest.raises(FileNotFoundError):
        run_tied(["/no/such/program"], timeout_s=1)
    with pytest.raises(TimeoutError):
        run_tied([sys.executable, "-c", _CHILD], timeout_s=0.5)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("whom", ["parent", "both", "group"])
def test_a_tied_program_ends_with_its_parent(
    number: signal.Signals, whom: str, tmp_path: Path
) -> None:
    file = tmp_path / "pid"
    program = (
        f"import os, time; open({str(file)!r}, 'w').write(f'{{os.getpid()}}.'); time.sleep(60)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", _TIED.format(program=program)],
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    assert wait_until(
        lambda: file.exists() and file.read_text().endswith("."), timeout_s=30, pause_s=0.01
    )
    child = int(file.read_text().rstrip("."))
    (tether,) = psutil.Process(parent.pid).children()
    if whom == "group":
        os.killpg(parent.pid, number)
    else:
        if whom == "both":
            tether.kill()
        parent.send_signal(number)
    parent.wait(10)
    assert wait_until(lambda: not is_running(child), timeout_s=5)
    assert wait_until(lambda: not tether.is_running(), timeout_s=5)


def test_without_a_death_signal_the_pipe_ends_the_program(tmp_path: Path) -> None:
    """As on systems other than Linux."""
    file = tmp_path / "pid"
    program = (
        f"import os, time; open({str(file)!r}, 'w').write(f'{{os.getpid()}}.'); time.sleep(60)"
    )
    run_tether = (
        f"import sys; sys.path.insert(0, {str(TETHER.parent)!r}); import tether; "
        "tether._parent_death_signal = lambda: None; "
        f"tether.main([sys.executable, '-c', {program!r}])"
    )
    child = subprocess.Popen([sys.executable, "-c", run_tether], stdin=subprocess.PIPE)
    assert wait_until(
        lambda: file.exists() and file.read_text().endswith("."), timeout_s=30, pause_s=0.01
    )
    assert child.stdin is not None
    child.stdin.close()
    assert child.wait(10) == 128 + signal.SIGKILL
    assert not is_running(int(file.read_text().rstrip(".")))


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_a_process_is_recognised_after_the_clock_was_set(monkeypatch: pytest.MonkeyPatch) -> None:
    mark = ProcessMark.of(os.getpid())
    real = psutil.Process.create_time
    monkeypatch.setattr(psutil.Process, "create_time", lambda self: real(self) + 3600)
    assert mark.is_running()
    assert not ProcessMark(mark.pid, mark.started_at_s + 60).is_running()


def test_a_mark_that_counts_from_1970_is_understood() -> None:
    started_at_s = psutil.Process().create_time()
    assert ProcessMark(os.getpid(), started_at_s).is_running()
    assert not ProcessMark(os.getpid(), started_at_s - 60).is_running()
