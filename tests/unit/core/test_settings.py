"""Settings are read from the environment and checked. Secrets never print."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from bookgraph.core.errors import UsageError
from bookgraph.core.settings import (
    Settings,
    describe_env_file,
    environment_name,
    export_settings,
    load_settings,
    secret_fields,
    split_list,
)

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(environment_name(name), raising=False)
        monkeypatch.delenv(f"{environment_name(name)}_FILE", raising=False)
    monkeypatch.chdir(tmp_path)


def test_the_defaults_are_those_that_scripts_rely_on() -> None:
    settings = load_settings()
    assert (settings.host, settings.port) == ("127.0.0.1", 8000)
    assert not settings.is_remote
    assert settings.neo4j_home.parent == settings.models_dir.parent == settings.home


@pytest.mark.parametrize(
    ("variable", "text", "field", "value"),
    [
        ("BOOKGRAPH_HOME", "/data/bg", "home", Path("/data/bg")),
        ("BOOKGRAPH_PORT", "9000", "port", 9000),
        ("BOOKGRAPH_HOST", "0.0.0.0", "host", "0.0.0.0"),
        ("BOOKGRAPH_BOLT_PORT", "17687", "bolt_port", 17687),
        ("NEO4J_URI", "bolt://db:7687", "neo4j_uri", "bolt://db:7687"),
        ("NEO4J_USERNAME", "reader", "neo4j_username", "reader"),
        ("NEO4J_DATABASE", "books", "neo4j_database", "books"),
    ],
)
def test_each_variable_sets_its_field(
    monkeypatch: pytest.MonkeyPatch, variable: str, text: str, field: str, value: object
) -> None:
    monkeypatch.setenv(variable, text)
    assert getattr(load_settings(), field) == value
    assert environment_name(field) == variable


def test_an_env_file_is_read_and_the_environment_wins(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("BOOKGRAPH_PORT=9001\nBOOKGRAPH_HOST=::1\n", "utf-8")
    monkeypatch.setenv("BOOKGRAPH_PORT", "9002")
    settings = load_settings()
    assert (settings.host, settings.port) == ("::1", 9002)


@pytest.mark.parametrize(
    ("variable", "text", "accepted"),
    [
        ("BOOKGRAPH_PORT", "-1", "a whole number from 0 to 65535"),
        ("BOOKGRAPH_PORT", "65536", "a whole number from 0 to 65535"),
        ("BOOKGRAPH_PORT", "abc", "a whole number from 0 to 65535"),
        ("BOOKGRAPH_HEAP_MB", "1", "a whole number of at least 256"),
        ("BOOKGRAPH_TIMEOUT_S", "0", "a number above 0 and at most 600"),
        ("BOOKGRAPH_OTEL", "maybe", "true or false"),
    ],
)
def test_a_message_names_the_variable_the_value_and_what_is_accepted(
    monkeypatch: pytest.MonkeyPatch, variable: str, text: str, accepted: str
) -> None:
    monkeypatch.setenv(variable, text)
    with pytest.raises(UsageError) as caught:
        load_settings()
    assert str(caught.value) == f"{variable} is {text!r}. Use {accepted}."


def test_a_message_names_an_override_as_an_option() -> None:
    with pytest.raises(
        UsageError, match=r"^--port is '99999'\. Use a whole number from 0 to 65535\.$"
    ):
        load_settings(port="99999")


def test_exported_settings_reach_other_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOOKGRAPH_WORKERS", "1")
    export_settings({"workers": 3})
    assert load_settings().workers == 3


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEO4J_URI", "")
    assert not load_settings().is_remote


def test_the_password_never_prints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEO4J_PASSWORD", "hunter2")
    settings = load_settings()
    assert "hunter2" not in repr(settings) + str(settings.neo4j_password)
    assert settings.neo4j_password is not None
    assert settings.neo4j_password.get_secret_value() == "hunter2"


SECRETS = ("BOOKGRAPH_READ_KEYS", "BOOKGRAPH_WRITE_KEYS", "NEO4J_PASSWORD")
each_secret = pytest.mark.parametrize("variable", SECRETS)


def test_the_secrets_are_those_that_print_as_stars() -> None:
    assert tuple(environment_name(name) for name in secret_fields()) == SECRETS


def secret_of(variable: str) -> str:
    (field,) = [name for name in secret_fields() if environment_name(name) == variable]
    return str(getattr(load_settings(), field).get_secret_value())


@each_secret
@pytest.mark.parametrize(
    ("content", "secret"),
    [
        (b"sesame", "sesame"),
        (b"sesame\n", "sesame"),
        (b"sesame\r\n", "sesame"),
        (b" sesame \n\n", " sesame \n"),
        ("sésame, 開け\n".encode(), "sésame, 開け"),
        (b"$HOME ${HOME} \\n # \"'\n", "$HOME ${HOME} \\n # \"'"),
    ],
)
def test_a_secret_may_stand_in_a_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str, content: bytes, secret: str
) -> None:
    (tmp_path / "secret").write_bytes(content)
    monkeypatch.setenv(f"{variable}_FILE", str(tmp_path / "secret"))
    assert secret_of(variable) == secret


def test_the_file_may_be_named_in_an_env_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("sesame\n", "utf-8")
    (tmp_path / ".env").write_text("NEO4J_PASSWORD_FILE=secret\nNEO4J_PASSWORD=\n", "utf-8")
    assert secret_of("NEO4J_PASSWORD") == "sesame"


def test_keys_in_a_file_are_separated_by_lines_or_commas() -> None:
    assert split_list("one\ntwo, three\r\n\n four \n") == ("one", "two", "three", "four")


@each_secret
def test_a_secret_and_its_file_are_not_given_both(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str
) -> None:
    (tmp_path / "secret").write_text("from-file", "utf-8")
    monkeypatch.setenv(f"{variable}_FILE", str(tmp_path / "secret"))
    monkeypatch.setenv(variable, "from-variable")
    with pytest.raises(UsageError) as caught:
        load_settings()
    assert str(caught.value) == f"{variable} and {variable}_FILE are both set. Remove one of them."
    monkeypatch.delenv(variable)
    (tmp_path / ".env").write_text(f"{variable}=from-env-file", "utf-8")
    with pytest.raises(UsageError, match="are both set"):
        load_settings()
    # An argument of the call wins over both, and an empty variable counts as unset.
    (field,) = [name for name in secret_fields() if environment_name(name) == variable]
    given = load_settings(**{field: "argument"})
    assert getattr(given, field).get_secret_value() == "argument"
    (tmp_path / ".env").write_text(f"{variable}=", "utf-8")
    assert secret_of(variable) == "from-file"


@each_secret
@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "does not exist"),
        (b"", "is empty"),
        (b" \n\n", "is empty"),
        (b"\xff\xfe", "is not text in UTF-8"),
        (b"x" * 100_000, "is too large for a secret"),
        ("folder", "is a folder"),
    ],
)
def test_a_file_that_holds_no_secret_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str, content: Any, problem: str
) -> None:
    path = tmp_path / "secret"
    if content == "folder":
        path.mkdir()
    elif content is not None:
        path.write_bytes(content)
    monkeypatch.setenv(f"{variable}_FILE", str(path))
    with pytest.raises(UsageError) as caught:
        load_settings()
    assert str(caught.value) == f"{variable}_FILE names {str(path)!r}, which {problem}."


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read every file")
def test_a_file_of_another_user_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "secret").touch(mode=0o000)
    monkeypatch.setenv("NEO4J_PASSWORD_FILE", str(tmp_path / "secret"))
    with pytest.raises(UsageError, match="may not be read by this user"):
        load_settings()


def test_a_secret_from_a_file_never_prints(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for variable in SECRETS:
        (tmp_path / variable).write_text("hunter2", "utf-8")
        monkeypatch.setenv(f"{variable}_FILE", str(tmp_path / variable))
    settings = load_settings()
    assert "hunter2" not in repr(settings) + str(settings.model_dump()) + settings.model_dump_json()


def test_the_names_in_an_env_file_are_told_and_no_value(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert describe_env_file() is None
    (tmp_path / ".env").write_text(
        "export BOOKGRAPH_PORT=9001\nneo4j_password='hunter2'\nBOOKGRAPH_HOST=::1\n"
        "BOOKGRAPH_WORKERS=\nOTHER=1\nBOOKGRAPH_READ_KEYS_FILE=/run/keys\n",
        "utf-8",
    )
    monkeypatch.setenv("BOOKGRAPH_HOST", "::1")
    assert describe_env_file() == (
        f"Using {tmp_path / '.env'}: BOOKGRAPH_PORT, NEO4J_PASSWORD, BOOKGRAPH_READ_KEYS_FILE."
    )
    (tmp_path / ".env").write_text("# BOOKGRAPH_PORT=1\nOTHER=2\n", "utf-8")
    assert describe_env_file() is None


def test_an_env_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"BOOKGRAPH_PORT=\xff\xfe")
    for read in (load_settings, describe_env_file):
        with pytest.raises(UsageError, match=r"\.env is not text in UTF-8\. Correct it"):
            read()


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        load_settings().port = 1  # type: ignore[misc]  # the test


def test_every_setting_is_described_and_listed_in_the_example() -> None:
    example = (ROOT / ".env.example").read_text("utf-8")
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert f"{environment_name(name)}=" in example
