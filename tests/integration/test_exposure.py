"""`bookgraph serve` beyond loopback: what it says, what it refuses, and whom it answers."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from pathlib import Path

import pytest

from bookgraph.core.settings import Settings
from bookgraph.graph.store import Store
from bookgraph.testing.command_line import environment, refused, run_with
from bookgraph.testing.serving import ROOT, serving

EVIL = "evil.example"


def get(port: int, path: str, host: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path, headers={"Host": host})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_beyond_loopback_a_foreign_host_is_refused_and_one_line_warns(
    settings: Settings, store: Store, tmp_path: Path, workers: str
) -> None:
    log = tmp_path / "log"
    with (
        log.open("wb") as file,
        serving(
            settings.home, "--host", "0.0.0.0", "--workers", workers, log=file,
            allowed_hosts="books.example",
        ) as (port, _),
    ):  # fmt: skip
        assert get(port, "/", f"127.0.0.1:{port}")[0] == 200
        assert get(port, "/", "books.example")[0] == 200
        assert get(port, "/healthz", EVIL)[0] == 200
        status, body = get(port, "/", EVIL)
        assert status == 421
        assert EVIL.encode() not in body
        assert b"BOOKGRAPH_ALLOWED_HOSTS" in body
    lines = [line for line in log.read_text().splitlines() if "BOOKGRAPH_READ_KEYS" in line]
    assert len(lines) == 1
    assert "--public" in lines[0]


def test_with_public_nothing_is_warned_of(settings: Settings, store: Store, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with (
        log.open("wb") as file,
        serving(settings.home, "--host", "0.0.0.0", "--public", log=file, production="true"),
    ):
        pass
    assert "READ_KEYS" not in log.read_text()


@pytest.mark.parametrize("arguments", [("serve",), ("serve", "--background"), ("demo",)])
def test_production_without_keys_is_refused_before_anything_starts(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    home = tmp_path / "home"
    message = refused(
        run_with(*arguments, BOOKGRAPH_HOME=str(home), BOOKGRAPH_PRODUCTION="true"), exit_code=2
    )
    assert "BOOKGRAPH_READ_KEYS" in message
    assert "--public" in message
    assert not (home / "neo4j").exists()


def test_a_host_that_is_none_is_refused_before_anything_starts(tmp_path: Path) -> None:
    home = tmp_path / "home"
    message = refused(
        run_with("serve", BOOKGRAPH_HOME=str(home), BOOKGRAPH_ALLOWED_HOSTS="https://a.example"),
        exit_code=2,
    )
    assert "'https://a.example' is not a host name" in message
    assert not (home / "neo4j").exists()


def test_an_env_file_is_a_line_of_json_in_a_log_of_json(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("BOOKGRAPH_HEAP_MB=512\n", "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "bookgraph", "serve", "--stop"],
        cwd=tmp_path, capture_output=True, text=True, check=True, timeout=240,
        env=environment(
            BOOKGRAPH_HOME=str(tmp_path), BOOKGRAPH_LOG_JSON="true", PYTHONPATH=str(ROOT)
        ),
    )  # fmt: skip
    assert json.loads(done.stderr)["message"] == f"Using {tmp_path / '.env'}: BOOKGRAPH_HEAP_MB."
