"""`bookgraph uninstall`: removes what bookgraph made, and nothing else wherever it is pointed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bookgraph.cli import app as command_line

MODEL = "dot-50d-c2c1860c5269.npz"


@pytest.fixture
def folders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> tuple[Path, Path]:
    home, cache = tmp_path / "home", tmp_path / "cache"
    monkeypatch.setenv("BOOKGRAPH_HOME", str(home))
    monkeypatch.setenv("BOOKGRAPH_CACHE", str(cache))
    monkeypatch.delenv("NEO4J_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    return home, cache


def write(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("content", "utf-8")


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int | str | None:
    monkeypatch.setattr("sys.argv", ["bookgraph", "uninstall", *arguments])
    with pytest.raises(SystemExit) as caught:
        command_line.main()
    return caught.value.code


def test_everything_of_bookgraph_is_removed_with_its_folders(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    home, cache = folders
    write(
        home / "neo4j" / "start.lock",
        home / "neo4j" / "data" / "databases" / "neo4j" / "store",
        home / "models" / MODEL,
        home / "models" / "dot-50d-c2c1860c5269.checkpoint.npz",
        home / "dumps" / "enwiki" / "pages" / "one.bz2",
        home / "spools" / "0123456789abcdef-1-2-3" / "books",
        home / "run" / "workers-12" / "x",
        home / "logs" / "serve.log",
        home / "logs" / "serve.log.1",
        home / "serve.json",
        cache / "jars" / ".lock",
        cache / "aot" / "server-0123456789abcdef.aot",
    )
    assert run(monkeypatch, "--data", "--yes") in {0, None}
    assert not home.exists()
    assert not cache.exists()


def test_it_lists_with_sizes_and_removes_nothing_by_itself(
    folders: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    home, _ = folders
    write(home / "models" / MODEL)
    assert run(monkeypatch, "--json") in {0, None}
    listed = json.loads(capsys.readouterr().out)
    assert listed["items"] == [{"path": str(home / "models" / MODEL), "bytes": 7}]
    assert (home / "models" / MODEL).exists()
    assert run(monkeypatch, "--data") == 2, "without a terminal, --yes must be given"
    assert "--yes" in capsys.readouterr().err
    assert (home / "models" / MODEL).exists()


def test_a_home_that_is_the_users_own_keeps_all_other_files(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its folders have the names of bookgraph's, and a link leads out of it."""
    home, cache = folders
    others = [
        home / "neo4j" / "conf" / "neo4j.conf",
        home / "models" / "thesis.npz",
        home / "dumps" / "customers.sql",
        home / "spools" / "mail",
        home / "run" / "sshd.pid",
        home / "logs" / "apache.log",
        home / "notes.txt",
        home / ".bashrc",
        cache / "jars" / "my-own.jar",
        cache / "aot" / "other.bin",
        home.parent / "outside" / MODEL,
    ]
    write(*others, home / "models" / MODEL, home / "logs" / "serve.log")
    (home / "models" / "dot-50d-000000000000.npz").symlink_to(home.parent / "outside" / MODEL)
    (home / "dumps" / "enwiki").symlink_to(home.parent / "outside")
    assert run(monkeypatch, "--data", "--yes") in {0, None}
    assert [path for path in others if not path.exists()] == []
    assert not (home / "models" / MODEL).exists()
    assert not (home / "logs" / "serve.log").exists()


@pytest.mark.parametrize("name", ["models", "dumps", "logs", "neo4j"])
def test_a_folder_that_is_a_link_is_not_followed(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    home, _ = folders
    outside = home.parent / "outside"
    write(outside / MODEL, outside / "start.lock", outside / "serve.log", outside / "enwiki" / "x")
    home.mkdir()
    (home / name).symlink_to(outside)
    assert run(monkeypatch, "--data", "--yes") in {0, None}
    assert len([path for path in outside.rglob("*") if path.is_file()]) == 4


def test_the_root_of_the_file_system_is_safe(
    folders: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("BOOKGRAPH_HOME", "/")
    assert run(monkeypatch, "--json") in {0, None}
    assert json.loads(capsys.readouterr().out)["items"] == []


def test_a_running_server_is_named_and_nothing_is_removed(
    folders: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    home, _ = folders
    write(home / "models" / MODEL)
    monkeypatch.setattr("bookgraph.api.BackgroundServer.url", "http://127.0.0.1:8000")
    assert run(monkeypatch, "--data", "--yes") == 2
    assert "bookgraph serve --stop" in capsys.readouterr().err
    assert (home / "models" / MODEL).exists()
