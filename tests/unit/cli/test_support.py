"""`bookgraph doctor` names what is wrong, and no secret is in a support bundle."""

from __future__ import annotations

import json
import stat
import zipfile
from pathlib import Path

import pytest

from bookgraph.cli import app as command_line
from bookgraph.core.settings import Settings, environment_name

SECRET = "hunter2S3cret"


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    for name in Settings.model_fields:
        monkeypatch.delenv(environment_name(name), raising=False)
    home = tmp_path / "home"
    monkeypatch.setenv("BOOKGRAPH_HOME", str(home))
    monkeypatch.chdir(tmp_path)
    return home


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int | str | None:
    monkeypatch.setattr("sys.argv", ["bookgraph", *arguments])
    with pytest.raises(SystemExit) as caught:
        command_line.main()
    return caught.value.code


def plant(home: Path) -> None:
    """Secrets in every log and file below the home."""
    logs, neo4j = home / "logs", home / "neo4j"
    for folder in (logs, neo4j / "logs", neo4j / "conf"):
        folder.mkdir(parents=True)
    lines = [
        f"Authorization: Bearer {SECRET}-header",
        f'{{"neo4j_password": "{SECRET}-json"}}',
        f"connecting to bolt://neo4j:{SECRET}-url@db:7687",
        f"bookgraph serve --read-keys {SECRET}-key",
        f"a plain sentence with {SECRET}-stored and {SECRET}-r1 in it",
        *(["x" * 99] * 3_000),
        f"dbms.token={SECRET}-conf",
    ]
    text = "\n".join(lines)
    for path in (
        logs / "serve.log",
        logs / "serve.log.1",
        neo4j / "logs" / "neo4j.log",
        neo4j / "logs" / "debug.log",
        neo4j / "logs" / "console.log",
        neo4j / "conf" / "neo4j.conf",
    ):
        path.write_text(text, "utf-8")
        # Also within the part that is read.
        path.write_text("\n".join(lines[:5]) if path.name != "debug.log" else text, "utf-8")
    (neo4j / "logs" / "query.log").write_text("MATCH (b:Book {title: 'A Secret Title'})", "utf-8")
    (neo4j / "password").write_text(f"{SECRET}-stored", "utf-8")
    outside = home.parent / "id_rsa.log"
    outside.write_text(f"PRIVATE {SECRET}-outside", "utf-8")
    (logs / "linked.log").symlink_to(outside)


def test_no_planted_secret_is_in_the_bundle(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plant(home)
    monkeypatch.setenv("BOOKGRAPH_READ_KEYS", f"{SECRET}-r1,{SECRET}-r2")
    monkeypatch.setenv("BOOKGRAPH_WRITE_KEYS", f"{SECRET}-w")
    monkeypatch.setenv("NEO4J_PASSWORD", f"{SECRET}-p")
    monkeypatch.setenv("NEO4J_URI", f"bolt://neo4j:{SECRET}-u@127.0.0.1:9")
    monkeypatch.setenv("HTTPS_PROXY", f"http://u:{SECRET}-proxy@127.0.0.1:9")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", f"api-key={SECRET}-otel")
    file = home.parent / "bundle.zip"
    assert run(monkeypatch, "support-bundle", str(file)) in {0, None}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with zipfile.ZipFile(file) as archive:
        contents = {name: archive.read(name).decode() for name in archive.namelist()}
    for name, text in contents.items():
        assert SECRET not in text, name
        assert "A Secret Title" not in text, name
    assert "x" * 99 in contents["logs/neo4j-logs-debug.log"], "the logs are there"
    assert json.loads(contents["settings.json"])["NEO4J_PASSWORD"] == "(set)"
    assert any(one["state"] == "problem" for one in json.loads(contents["doctor.json"]))
    printed = capsys.readouterr()
    assert SECRET not in printed.out + printed.err
    assert "It does not hold: passwords, keys" in printed.out


def test_a_bundle_is_not_written_over_another_file(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = home.parent / "bundle.zip"
    file.write_text("mine")
    assert run(monkeypatch, "support-bundle", str(file)) == 2
    assert "--force" in capsys.readouterr().err
    assert file.read_text() == "mine"


def checks(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> dict[str, dict[str, str]]:
    run(monkeypatch, "doctor", "--json")
    return {check["name"]: check for check in json.loads(capsys.readouterr().out)}


def test_doctor_finds_what_is_wrong_in_a_home(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    neo4j = home / "neo4j"
    (neo4j / "data" / "databases" / "system").mkdir(parents=True)
    (neo4j / "server.json").write_text("")
    (neo4j / "import-is-half-done").touch()
    (home / ".serve.json.4194304-1.part").write_text("half")
    cache = home.parent / "cache"
    monkeypatch.setenv("BOOKGRAPH_CACHE", str(cache))
    monkeypatch.setenv("BOOKGRAPH_HOST", "0.0.0.0")
    from bookgraph.graph.jars.lock import load_lock

    (cache / "jars").mkdir(parents=True)
    (cache / "jars" / load_lock()[0].file_name).write_bytes(b"damaged")
    found = checks(monkeypatch, capsys)
    assert {
        name: found[name]["state"] for name in found if found[name]["state"] != "ok"
    }.items() >= {
        "password": "problem",
        "import": "warning",
        "server.json": "warning",
        "leftovers": "warning",
        "jars": "problem",
        "backup": "warning",
        "serving": "warning",
    }.items()
    assert found["password"]["command"] == "bookgraph neo4j reset-password"
    assert found["backup"]["command"] == "bookgraph backup FILE"
    assert run(monkeypatch, "doctor") == 1
    assert "PROBLEM  password: " in capsys.readouterr().out


def test_doctor_names_a_password_that_others_may_read(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    password = home / "neo4j" / "password"
    password.parent.mkdir(parents=True)
    password.write_text(SECRET)
    password.chmod(0o644)
    found = checks(monkeypatch, capsys)
    assert found["password"]["command"] == f"chmod 600 {password}"
    assert SECRET not in str(found)


@pytest.mark.parametrize(
    ("days", "is_there", "expected"),
    [(0, True, "ok"), (8, True, "warning"), (0, False, "warning")],
)
def test_doctor_tells_the_age_of_the_last_backup(
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    days: int,
    expected: str,
    *,
    is_there: bool,
) -> None:
    from datetime import UTC, datetime, timedelta

    home.mkdir()
    file = home.parent / "b.zip"
    if is_there:
        file.touch()
    at = (datetime.now(UTC) - timedelta(days=days)).isoformat()
    (home / "last-backup.json").write_text(json.dumps({"file": str(file), "at": at}))
    assert checks(monkeypatch, capsys)["backup"]["state"] == expected
