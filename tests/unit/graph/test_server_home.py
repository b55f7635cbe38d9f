"""The files of the local Neo4j's home: password, last start, configuration, permissions."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from bookgraph.core.errors import DiskFullError, LocalServerError
from bookgraph.graph.server.home import LastStart, Neo4jHome


@pytest.fixture
def home(tmp_path: Path) -> Neo4jHome:
    return Neo4jHome(tmp_path / "data" / "neo4j")


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_prepare_makes_a_home_for_this_user_alone(home: Neo4jHome) -> None:
    home.prepare()
    home.prepare()
    assert _mode(home.folder) == 0o700
    assert home.conf_dir.is_dir()
    assert home.logs_dir.is_dir()
    assert not home.has_store


def test_prepare_makes_an_open_home_private(home: Neo4jHome) -> None:
    home.folder.mkdir(parents=True, mode=0o755)
    home.prepare()
    assert _mode(home.folder) == 0o700


def test_the_password_is_created_once_and_readable_by_its_owner_only(home: Neo4jHome) -> None:
    password = home.password()
    assert len(password) >= 32
    assert home.password() == password
    assert Neo4jHome(home.folder).password() == password
    assert _mode(home.folder / "password") == 0o600
    assert _mode(home.folder) == 0o700


def test_homes_have_different_passwords_and_none_looks_like_an_option(tmp_path: Path) -> None:
    passwords = {Neo4jHome(tmp_path / str(number)).password() for number in range(50)}
    assert len(passwords) == 50
    assert all(password[0].isalpha() for password in passwords)


def test_a_missing_password_beside_a_store_is_an_error(home: Neo4jHome) -> None:
    (home.folder / "data" / "databases" / "system").mkdir(parents=True)
    with pytest.raises(LocalServerError, match=r"password file .* is missing") as caught:
        home.password()
    assert str(home.folder) in str(caught.value)
    assert not (home.folder / "password").exists()


@pytest.mark.parametrize("damage", ["missing", "empty", "zeros", "a folder"])
def test_a_lost_password_names_the_command_that_resets_it(home: Neo4jHome, damage: str) -> None:
    (home.folder / "data" / "databases" / "system").mkdir(parents=True)
    if damage == "a folder":
        home.password_file.mkdir()
    elif damage != "missing":
        home.password_file.write_bytes(b"" if damage == "empty" else bytes(33))
    with pytest.raises(LocalServerError, match=r"`bookgraph neo4j reset-password`, which keeps"):
        home.password()
    home.replace_password("new")
    assert home.password() == "new"
    assert _mode(home.password_file) == 0o600


@pytest.mark.parametrize("content", [b"", bytes(33), b"\n"])
def test_a_blank_password_of_a_home_without_a_store_is_replaced(
    home: Neo4jHome, content: bytes
) -> None:
    home.folder.mkdir(parents=True)
    home.password_file.write_bytes(content)
    password = home.password()
    assert len(password) >= 32
    assert home.password() == password


def test_the_mark_of_an_import_outlives_the_deletion_of_its_data(
    home: Neo4jHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = home.folder / "data" / "databases" / "neo4j"
    database.mkdir(parents=True)
    assert home.import_state is None
    home.mark_import("importing")
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", _fail)
        with pytest.raises(LocalServerError, match=f"Cannot delete {database}"):
            home.discard_half_import("neo4j")
    assert home.import_state == "importing"
    assert home.discard_half_import("neo4j")
    assert not database.exists()
    assert home.import_state == "unproven"
    database.mkdir()
    assert not home.discard_half_import("neo4j"), "what was made since is nobody's half"
    assert database.exists()
    home.unmark_import()
    assert home.import_state is None


@pytest.mark.parametrize(
    ("content", "state"),
    [(bytes(9), "unproven"), (b"\xff", "unproven"), (b"x", "unproven"), (b"", "importing")],
)
def test_only_a_mark_of_this_or_an_earlier_version_lets_a_store_be_deleted(
    home: Neo4jHome, content: bytes, state: str
) -> None:
    home.folder.mkdir(parents=True)
    (home.folder / "import-is-half-done").write_bytes(content)
    assert home.import_state == state


def test_a_store_is_set_aside_whole_and_copied_back(home: Neo4jHome) -> None:
    assert home.set_aside("neo4j") is None
    for kind in ("databases", "transactions"):
        (home.folder / "data" / kind / "neo4j").mkdir(parents=True)
        (home.folder / "data" / kind / "neo4j" / "file").write_text(kind)
    aside = home.set_aside("neo4j")
    assert aside is not None
    assert sorted(path.name for path in aside.iterdir()) == ["databases", "transactions"]
    assert not (home.folder / "data" / "databases" / "neo4j").exists()
    home.copy_back(aside, "neo4j")
    assert (home.folder / "data" / "transactions" / "neo4j" / "file").read_text() == "transactions"
    assert (aside / "transactions" / "file").read_text() == "transactions"


def test_what_a_killed_process_left_is_removed(home: Neo4jHome) -> None:
    home.prepare()
    dead = subprocess.Popen(["true"])
    dead.wait()
    for pid in (dead.pid, os.getpid()):
        (home.folder / f"import-files-{pid}-x").mkdir()
        (home.folder / f".server.json.{pid}-1.part").touch()
        (home.conf_dir / f".neo4j.conf.{pid}-1.part").touch()
    home.remove_leftovers()
    left = [str(path) for path in home.folder.rglob("*") if "-" in path.name]
    assert len(left) == 3
    assert all(str(os.getpid()) in name for name in left)


def _fail(*_: object, **__: object) -> None:
    raise PermissionError(13, "denied")


def test_the_last_start_is_read_back(home: Neo4jHome) -> None:
    assert home.read_last_start() is None
    home.prepare()
    state = LastStart(pid=12, bolt_port=7001, http_port=7002)
    home.write_last_start(state)
    assert home.read_last_start() == state


def test_a_stop_forgets_the_process_and_keeps_the_ports(home: Neo4jHome) -> None:
    home.prepare()
    home.forget_pid()
    assert home.read_last_start() is None
    home.write_last_start(LastStart(pid=12, bolt_port=7001, http_port=7002))
    home.forget_pid()
    assert home.read_last_start() == LastStart(pid=None, bolt_port=7001, http_port=7002)


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
def test_a_damaged_state_counts_as_none(home: Neo4jHome, text: str) -> None:
    home.prepare()
    (home.folder / "server.json").write_text(text, encoding="utf-8")
    assert home.read_last_start() is None


def test_the_state_file_holds_no_secret(home: Neo4jHome) -> None:
    home.prepare()
    password = home.password()
    home.write_last_start(LastStart(pid=1, bolt_port=2, http_port=3))
    home.write_configuration(bolt_port=2, http_port=3)
    for path in home.folder.rglob("*"):
        if path.is_file() and path.name != "password":
            assert password not in path.read_text("utf-8")
    assert set(json.loads((home.folder / "server.json").read_text("utf-8"))) == {
        "pid",
        "version",
        "bolt_port",
        "http_port",
    }


def test_the_configuration_keeps_to_loopback_with_a_login_and_sends_nothing(
    home: Neo4jHome,
) -> None:
    home.prepare()
    home.write_configuration(bolt_port=7001, http_port=7002)
    lines = (home.conf_dir / "neo4j.conf").read_text("utf-8").splitlines()
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


def test_too_little_disk_space_prevents_a_start(
    home: Neo4jHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home.folder / "data" / "databases" / "system").mkdir(parents=True)
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage._replace(free=150_000_000))
    with pytest.raises(DiskFullError) as caught:
        home.prepare()
    message = str(caught.value)
    assert "needs 200 MB, and 150 MB are free" in message
    assert str(home.folder) in message
    assert "BOOKGRAPH_HOME" in message
    mount = next(folder for folder in home.folder.parents if folder.is_mount())
    assert f"the disk mounted at {mount}." in message


def test_a_new_store_needs_space_for_its_logs(
    home: Neo4jHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage._replace(free=300_000_000))
    with pytest.raises(DiskFullError, match="needs 550 MB, and 300 MB are free"):
        home.prepare()


def test_a_file_in_place_of_the_home_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("not a folder", encoding="utf-8")
    with pytest.raises(LocalServerError, match=r"Cannot use .*neo4j.*BOOKGRAPH_HOME"):
        Neo4jHome(tmp_path / "data" / "neo4j").prepare()


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
def test_a_folder_of_another_user_is_an_error(home: Neo4jHome, part: str) -> None:
    home.prepare()
    folder = home.folder / part
    folder.mkdir(exist_ok=True)
    home.folder.chmod(0o777)
    _open_to_all(home.folder.parent)
    for other in ("data", "logs", "conf"):
        if (home.folder / other).exists():
            (home.folder / other).chmod(0o777)
    folder.chmod(0o555)
    message = _message_as_nobody(home.prepare)
    folder.chmod(0o700)
    assert f"Cannot use {folder} for the local Neo4j: permission denied." in message
    assert f"It belongs to the user {folder.owner()}." in message
    assert "BOOKGRAPH_HOME" in message
