"""Settings are read from the environment and checked. Secrets never print."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from bookgraph.core.errors import UsageError
from bookgraph.core.settings import Settings, environment_name, export_settings, load_settings

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(environment_name(name), raising=False)
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


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        load_settings().port = 1  # type: ignore[misc]  # the test


def test_every_setting_is_described_and_listed_in_the_example() -> None:
    example = (ROOT / ".env.example").read_text("utf-8")
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert f"{environment_name(name)}=" in example
