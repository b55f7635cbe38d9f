"""The files of the local Neo4j's home: password, state, configuration, rights and room."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from bookgraph.core.errors import DiskFullError, LocalServerError
from bookgraph.graph.server.home import ServerFiles, ServerState


@pytest.fixture
def files(tmp_path: Path) -> ServerFiles:
    return ServerFiles(tmp_path / "data" / "neo4j")


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_prepare_makes_a_home_for_this_user_alone(files: ServerFiles) -> None:
    files.prepare()
    files.prepare()
    assert _mode(files.home) == 0o700
    assert files.conf_dir.is_dir()
    assert files.logs_dir.is_dir()
    assert not files.has_store


def test_prepare_closes_an_open_home(files: ServerFiles) -> None:
    files.home.mkdir(parents=True, mode=0o755)
    files.prepare()
    assert _mode(files.home) == 0o700


def test_the_password_is_made_once_and_only_its_owner_reads_it(files: ServerFiles) -> None:
    password = files.password()
    assert len(password) >= 32
    assert files.password() == password
    assert ServerFiles(files.home).password() == password
    assert _mode(files.home / "password") == 0o600
    assert _mode(files.home) == 0o700


def test_two_homes_have_two_passwords_and_none_looks_like_an_option(tmp_path: Path) -> None:
    passwords = {ServerFiles(tmp_path / str(number)).password() for number in range(50)}
    assert len(passwords) == 50
    assert all(password[0].isalpha() for password in passwords)


def test_a_lost_password_beside_a_store_is_said_so(files: ServerFiles) -> None:
    (files.home / "data" / "databases" / "system").mkdir(parents=True)
    with pytest.raises(LocalServerError, match=r"password file .* is gone") as caught:
        files.password()
    assert str(files.home) in str(caught.value)
    assert not (files.home / "password").exists()


def test_an_unreadable_password_is_said_so(files: ServerFiles) -> None:
    (files.home / "password").mkdir(parents=True)
    with pytest.raises(LocalServerError, match="Cannot read Neo4j's password from"):
        files.password()


def test_a_state_is_read_back(files: ServerFiles) -> None:
    assert files.read_state() is None
    files.prepare()
    state = ServerState(pid=12, bolt_port=7001, http_port=7002)
    files.write_state(state)
    assert files.read_state() == state


def test_a_stop_forgets_the_process_and_keeps_the_ports(files: ServerFiles) -> None:
    files.prepare()
    files.forget_pid()
    assert files.read_state() is None
    files.write_state(ServerState(pid=12, bolt_port=7001, http_port=7002))
    files.forget_pid()
    assert files.read_state() == ServerState(pid=None, bolt_port=7001, http_port=7002)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '{"pid": 1}',
        '{"pid": "x", "bolt_port": 1, "http_port": 2}',
        '{"pid": 1, "bolt_port": null, "http_port": 2}',
    ],
)
def test_a_damaged_state_counts_as_none(files: ServerFiles, text: str) -> None:
    files.prepare()
    (files.home / "server.json").write_text(text, encoding="utf-8")
    assert files.read_state() is None


def test_the_state_file_holds_no_secret(files: ServerFiles) -> None:
    files.prepare()
    password = files.password()
    files.write_state(ServerState(pid=1, bolt_port=2, http_port=3))
    files.write_configuration(bolt_port=2, http_port=3)
    for path in files.home.rglob("*"):
        if path.is_file() and path.name != "password":
            assert password not in path.read_text("utf-8")
    assert set(json.loads((files.home / "server.json").read_text("utf-8"))) == {
        "pid",
        "bolt_port",
        "http_port",
    }


def test_the_configuration_keeps_to_loopback_with_a_login_and_sends_nothing(
    files: ServerFiles,
) -> None:
    files.prepare()
    files.write_configuration(bolt_port=7001, http_port=7002)
    lines = (files.conf_dir / "neo4j.conf").read_text("utf-8").splitlines()
    settings = dict(line.split("=", 1) for line in lines if not line.startswith("#"))
    assert settings["server.bolt.listen_address"] == "127.0.0.1:7001"
    assert settings["server.bolt.advertised_address"] == "127.0.0.1:7001"
    assert settings["server.http.listen_address"] == "127.0.0.1:7002"
    assert settings["server.http.advertised_address"] == "127.0.0.1:7002"
    assert settings["server.https.enabled"] == "false"
    assert settings["dbms.security.auth_enabled"] == "true"
    assert settings["dbms.usage_report.enabled"] == "false"
    assert settings["client.allow_telemetry"] == "false"
    assert settings["dbms.fleet_manager.enabled"] == "false"
    assert settings["server.fleet_discovery.enabled"] == "false"
    assert "0.0.0.0" not in "".join(lines)


def test_a_full_disk_is_said_before_anything_starts(
    files: ServerFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage._replace(free=150_000_000))
    with pytest.raises(DiskFullError) as caught:
        files.prepare()
    message = str(caught.value)
    assert "needs 200 MB, and 150 MB are free" in message
    assert str(files.home) in message
    assert "BOOKGRAPH_HOME" in message


def test_a_file_where_the_home_should_be_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("not a folder", encoding="utf-8")
    with pytest.raises(LocalServerError, match=r"Cannot use .*neo4j.*BOOKGRAPH_HOME"):
        ServerFiles(tmp_path / "data" / "neo4j").prepare()


def _message_as_nobody(action: Callable[[], object]) -> str:
    """Run in a child process without root's rights; what it raises, as text."""
    context = multiprocessing.get_context("fork")
    messages = context.SimpleQueue()

    def run() -> None:
        if os.geteuid() == 0:
            os.setgid(65534)
            os.setuid(65534)
        try:
            action()
        except LocalServerError as error:
            messages.put(str(error))
        else:
            messages.put("")

    child = context.Process(target=run)
    child.start()
    child.join(30)
    assert child.exitcode == 0
    message: str = messages.get()
    return message


def _open_to_all(folder: Path) -> None:
    """Let another user reach the folder, which pytest makes for one user."""
    for place in (folder, *folder.parents):
        if place == Path("/tmp"):
            break
        if place.owner() == Path.home().owner() and place != Path(place.anchor):
            place.chmod(place.stat().st_mode | 0o055)


@pytest.mark.parametrize("part", ["", "data", "logs", "conf"])
def test_a_folder_of_another_user_is_said_so(files: ServerFiles, part: str) -> None:
    files.prepare()
    folder = files.home / part
    folder.mkdir(exist_ok=True)
    files.home.chmod(0o777)
    _open_to_all(files.home.parent)
    for other in ("data", "logs", "conf"):
        if (files.home / other).exists():
            (files.home / other).chmod(0o777)
    folder.chmod(0o555)
    message = _message_as_nobody(files.prepare)
    folder.chmod(0o700)
    assert f"Cannot use {folder} for the local Neo4j: permission denied." in message
    assert f"It belongs to the user {folder.owner()}." in message
    assert "BOOKGRAPH_HOME" in message
