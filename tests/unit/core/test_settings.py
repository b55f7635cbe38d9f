"""Settings: read once from the environment, checked, and silent about secrets."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from bookgraph.core.errors import UsageError
from bookgraph.core.settings import Settings, environment_name, load_settings

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


@pytest.mark.parametrize("text", ["-1", "65536", "eight"])
def test_a_port_out_of_bounds_is_named(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("BOOKGRAPH_PORT", text)
    with pytest.raises(UsageError, match=f"BOOKGRAPH_PORT='{text}'"):
        load_settings()


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
        load_settings().port = 1  # type: ignore[misc]  # that is the test


def test_every_setting_has_a_help_text_and_stands_in_the_example() -> None:
    example = (ROOT / ".env.example").read_text("utf-8")
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert f"{environment_name(name)}=" in example
