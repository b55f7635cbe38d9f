"""Ports for a start, and the errors made of the logs of one that failed."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from bookgraph.core.errors import DiskFullError, LocalServerError, PortTakenError, ServerDiedError
from bookgraph.core.processes import find_free_port, is_port_free
from bookgraph.graph.server.home import LastStart, Neo4jHome
from bookgraph.graph.server.starting import (
    LogMark,
    choose_port,
    explain_death,
    explain_lock,
    refuse_newer_store,
)

_PORTS = (7001, 7002)


@pytest.fixture
def home(tmp_path: Path) -> Neo4jHome:
    home = Neo4jHome(tmp_path / "neo4j")
    home.prepare()
    return home


def test_only_lines_since_the_mark_are_read(home: Neo4jHome) -> None:
    home.log_file.write_text("old\n", encoding="utf-8")
    mark = LogMark(home)
    assert mark.lines() == []
    with home.log_file.open("a", encoding="utf-8") as log:
        log.write("new\n")
    home.console_file.write_text("console\n", encoding="utf-8")
    assert mark.lines() == ["console", "new"]


def test_a_log_that_was_rotated_is_read_from_its_start(home: Neo4jHome) -> None:
    home.log_file.write_text("a long old line\n", encoding="utf-8")
    mark = LogMark(home)
    home.log_file.write_text("short\n", encoding="utf-8")
    assert mark.lines() == ["short"]


def test_missing_logs_and_broken_characters_are_accepted(home: Neo4jHome) -> None:
    mark = LogMark(home)
    assert mark.lines() == []
    home.log_file.write_bytes(b"\xff broken\n")
    assert mark.lines() == ["\ufffd broken"]


@pytest.mark.parametrize(
    ("lines", "kind", "words"),
    [
        (
            [
                "ERROR Failed to start Neo4j on 127.0.0.1:7002.",
                "Caused by: java.net.BindException: Address already in use",
            ],
            PortTakenError,
            "another program took it during the start",
        ),
        (
            ["ERROR Address 127.0.0.1:7001 is already in use, cannot bind to it."],
            PortTakenError,
            "port 7001",
        ),
        (
            ["Caused by: org.neo4j.io.locker.FileLockException: Lock file has been locked"],
            LocalServerError,
            "Another process has the store",
        ),
        (
            ["Caused by: java.io.IOException: No space left on device"],
            DiskFullError,
            "became full while Neo4j started",
        ),
        (
            ["Error occurred: Could not reserve enough space for 41943040000KB object heap"],
            ServerDiedError,
            "BOOKGRAPH_HEAP_MB",
        ),
        (
            ["ERROR Invalid memory configuration - exceeds physical memory."],
            ServerDiedError,
            "BOOKGRAPH_HEAP_MB",
        ),
        (
            ["Terminating due to java.lang.OutOfMemoryError: Java heap space"],
            ServerDiedError,
            "BOOKGRAPH_HEAP_MB",
        ),
        (
            ["Unrecognized VM option 'NoSuchThing'", "Error: Could not create the JVM."],
            ServerDiedError,
            "Unrecognized VM option 'NoSuchThing' | Error: Could not create the JVM. Logs",
        ),
        (["INFO one", "INFO two"], ServerDiedError, "Its log ends with: INFO one | INFO two."),
        ([], ServerDiedError, "Its log ends with: (nothing)."),
    ],
)
def test_each_cause_has_its_own_error_and_message(
    home: Neo4jHome, lines: list[str], kind: type[LocalServerError], words: str
) -> None:
    error = explain_death(home, lines, ports=_PORTS)
    assert type(error) is kind
    assert words in str(error)


def test_the_message_names_both_logs(home: Neo4jHome) -> None:
    message = str(explain_death(home, ["INFO"], ports=_PORTS))
    assert str(home.log_file) in message
    assert str(home.console_file) in message


def test_the_last_five_of_many_errors_are_shown(home: Neo4jHome) -> None:
    lines = ["INFO noise", *(f"ERROR number {number}" for number in range(9)), "INFO noise"]
    message = str(explain_death(home, lines, ports=_PORTS))
    assert "number 3" not in message
    assert "number 4 | ERROR number 5" in message
    assert "noise" not in message


def test_a_port_in_the_log_wins_over_the_first_one(home: Neo4jHome) -> None:
    error = explain_death(
        home, ["Address localhost/127.0.0.1:7002 is already in use"], ports=_PORTS
    )
    assert isinstance(error, PortTakenError)
    assert error.port == 7002


def test_a_locked_store_is_explained_with_and_without_the_process(tmp_path: Path) -> None:
    assert "process 77" in explain_lock(tmp_path, 77)
    assert "bookgraph neo4j stop" in explain_lock(tmp_path, 77)
    assert "BOOKGRAPH_HOME" in explain_lock(tmp_path, None)


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that another program listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_the_wanted_port_is_used_when_free(caplog: pytest.LogCaptureFixture) -> None:
    wanted = find_free_port()
    assert choose_port(wanted, remembered=1, others=(), setting=None) == wanted
    assert choose_port(wanted, remembered=1, others=(), setting="BOOKGRAPH_BOLT_PORT") == wanted
    assert caplog.text == ""


def test_a_taken_default_port_is_replaced_with_a_warning(
    taken: int, caplog: pytest.LogCaptureFixture
) -> None:
    chosen = choose_port(taken, remembered=0, others=(), setting=None)
    assert chosen != taken
    assert is_port_free(chosen)
    assert f"Port {taken}: " in caplog.text
    assert str(chosen) in caplog.text


def test_the_last_port_is_preferred_to_a_new_one(taken: int) -> None:
    remembered = find_free_port()
    assert choose_port(taken, remembered=remembered, others=(), setting=None) == remembered
    assert choose_port(0, remembered=remembered, others=(), setting=None) == remembered
    assert choose_port(0, remembered=taken, others=(), setting=None) not in (0, taken)


def test_no_port_is_chosen_twice() -> None:
    wanted, remembered = find_free_port(), find_free_port()
    assert choose_port(wanted, remembered=remembered, others=(wanted,), setting=None) == remembered
    chosen = choose_port(0, remembered=remembered, others=(remembered,), setting=None)
    assert chosen != remembered


def test_a_taken_port_chosen_by_the_user_is_an_error(taken: int) -> None:
    with pytest.raises(PortTakenError) as caught:
        choose_port(taken, remembered=0, others=(), setting="BOOKGRAPH_HTTP_PORT")
    assert caught.value.port == taken
    message = str(caught.value)
    assert f"port {taken}" in message
    assert "BOOKGRAPH_HTTP_PORT" in message
    assert f"(process {os.getpid()}) uses it" in message
    assert "to 0 (any free port)" in message


def test_one_port_for_both_protocols_is_an_error() -> None:
    wanted = find_free_port()
    with pytest.raises(PortTakenError, match="Neo4j uses it for another protocol"):
        choose_port(wanted, remembered=0, others=(wanted,), setting="BOOKGRAPH_HTTP_PORT")


@pytest.mark.parametrize(
    ("last", "is_refused"),
    [
        ("", False),
        ("2026.8.0", False),
        ("2026.08.0", False),
        ("5.26.1", False),
        ("2026.10.0", True),
    ],
)
def test_files_of_a_newer_neo4j_are_refused(tmp_path: Path, last: str, *, is_refused: bool) -> None:
    home = Neo4jHome(tmp_path)
    home.write_last_start(LastStart(None, 7687, 7474, last))
    if not is_refused:
        refuse_newer_store(home, "2026.08.0")
        return
    with pytest.raises(LocalServerError, match=r"Neo4j 2026.10.0 used .*`bookgraph restore FILE`"):
        refuse_newer_store(home, "2026.08.0")


def test_a_state_file_without_a_version_is_read(tmp_path: Path) -> None:
    (tmp_path / "server.json").write_text('{"pid": null, "bolt_port": 1, "http_port": 2}', "utf-8")
    assert Neo4jHome(tmp_path).read_last_start() == LastStart(None, 1, 2, "")
