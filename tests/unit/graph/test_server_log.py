"""What is made of the logs of a start that failed; the lines are Neo4j's and Java's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from bookgraph.core.errors import DiskFullError, LocalServerError, PortTakenError, ServerDiedError
from bookgraph.graph.server.home import ServerFiles
from bookgraph.graph.server.log import LogMark, explain_death, held_message

_PORTS = (7001, 7002)


@pytest.fixture
def files(tmp_path: Path) -> ServerFiles:
    files = ServerFiles(tmp_path / "neo4j")
    files.prepare()
    return files


def test_only_lines_since_the_mark_are_read(files: ServerFiles) -> None:
    files.log_file.write_text("old\n", encoding="utf-8")
    mark = LogMark(files)
    assert mark.lines() == []
    with files.log_file.open("a", encoding="utf-8") as log:
        log.write("new\n")
    files.console_file.write_text("console\n", encoding="utf-8")
    assert mark.lines() == ["console", "new"]


def test_a_log_that_was_rotated_is_read_from_its_start(files: ServerFiles) -> None:
    files.log_file.write_text("a long old line\n", encoding="utf-8")
    mark = LogMark(files)
    files.log_file.write_text("short\n", encoding="utf-8")
    assert mark.lines() == ["short"]


def test_no_logs_and_broken_characters_are_no_trouble(files: ServerFiles) -> None:
    mark = LogMark(files)
    assert mark.lines() == []
    files.log_file.write_bytes(b"\xff broken\n")
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
            "held open by another process",
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
            "Unrecognized VM option 'NoSuchThing' | Error: Could not create the JVM. The",
        ),
        (["INFO one", "INFO two"], ServerDiedError, "Its last words: INFO one | INFO two."),
        ([], ServerDiedError, "Its last words: (none)."),
    ],
)
def test_each_cause_has_its_error_and_its_words(
    files: ServerFiles, lines: list[str], kind: type[LocalServerError], words: str
) -> None:
    error = explain_death(files, lines, ports=_PORTS)
    assert type(error) is kind
    assert words in str(error)


def test_the_message_names_both_logs(files: ServerFiles) -> None:
    message = str(explain_death(files, ["INFO"], ports=_PORTS))
    assert str(files.log_file) in message
    assert str(files.console_file) in message


def test_of_many_errors_the_last_five_are_told(files: ServerFiles) -> None:
    lines = ["INFO noise", *(f"ERROR number {number}" for number in range(9)), "INFO noise"]
    message = str(explain_death(files, lines, ports=_PORTS))
    assert "number 3" not in message
    assert "number 4 | ERROR number 5" in message
    assert "noise" not in message


def test_a_port_in_the_log_wins_over_the_first_one(files: ServerFiles) -> None:
    error = explain_death(
        files, ["Address localhost/127.0.0.1:7002 is already in use"], ports=_PORTS
    )
    assert isinstance(error, PortTakenError)
    assert error.port == 7002


def test_a_held_store_is_told_with_and_without_the_process(tmp_path: Path) -> None:
    assert "process 77" in held_message(tmp_path, 77)
    assert "bookgraph neo4j stop" in held_message(tmp_path, 77)
    assert "BOOKGRAPH_HOME" in held_message(tmp_path, None)
