"""The one frozen `Settings`, read from the environment and `.env` at the front door.

No other module reads the environment: whoever needs a setting is handed this object. Secrets are
`SecretStr` and never print.
"""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs
from pydantic import AliasChoices, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from bookgraph.core.errors import UsageError


class Settings(BaseSettings):
    """Everything that can be set from outside; one field, one environment variable."""

    model_config = SettingsConfigDict(
        env_prefix="BOOKGRAPH_",
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        populate_by_name=True,
    )

    home: Path = Field(
        default_factory=lambda: Path(platformdirs.user_data_dir("bookgraph", appauthor=False)),
        description="The data folder: the local Neo4j's store, models and logs.",
    )
    cache: Path = Field(
        default_factory=lambda: Path(platformdirs.user_cache_dir("bookgraph", appauthor=False)),
        description="The cache folder: the local Neo4j's jars, Java's caches. Safe to delete.",
    )
    host: str = Field(
        default="127.0.0.1", description="The address that `bookgraph serve` listens on."
    )
    port: int = Field(
        default=8000,
        ge=0,
        le=65535,
        description="The port of `bookgraph serve`; 0 picks a free one.",
    )
    bolt_port: int = Field(
        default=7687,
        ge=0,
        le=65535,
        description="The local Neo4j's Bolt port; a free one is chosen when it is taken.",
    )
    http_port: int = Field(
        default=7474,
        ge=0,
        le=65535,
        description="The local Neo4j's HTTP port; a free one is chosen when it is taken.",
    )
    workers: int = Field(
        default=1, ge=1, le=64, description="Processes of `bookgraph serve`; they share the port."
    )
    production: bool = Field(
        default=False,
        description="Hide the schema and the console; a GET then needs a header of its own.",
    )
    read_keys: SecretStr = Field(
        default=SecretStr(""),
        description="Bearer keys, separated by commas, one of which each request needs.",
    )
    write_keys: SecretStr = Field(
        default=SecretStr(""),
        description="Bearer keys that permit mutations too; without any there are no mutations.",
    )
    allowed_hosts: str = Field(
        default="",
        description="Names, separated by commas, under which a proxy makes the server known.",
    )
    trusted_proxies: str = Field(
        default="127.0.0.1,::1",
        description="Addresses of proxies whose X-Forwarded-For is believed.",
    )
    cors_origins: str = Field(
        default="", description="Origins, separated by commas, whose pages may ask, as https://x.y."
    )
    timeout_s: float = Field(
        default=15.0, gt=0, le=600, description="Seconds until a question is given up."
    )
    log_json: bool = Field(
        default=False, description="Log JSON, one object a line, with one for each request."
    )
    otel: bool = Field(
        default=False,
        description="Send traces by OpenTelemetry, whose own OTEL_* variables say where to.",
    )
    heap_mb: int = Field(default=1024, ge=256, description="The local Neo4j's Java heap, in MiB.")
    neo4j_uri: str | None = Field(
        default=None,
        validation_alias=AliasChoices("NEO4J_URI"),
        description="Use this Neo4j (bolt://, neo4j://, neo4j+s://...) and start nothing locally.",
    )
    neo4j_username: str = Field(
        default="neo4j", validation_alias=AliasChoices("NEO4J_USERNAME"), description="Its user."
    )
    neo4j_password: SecretStr | None = Field(
        default=None, validation_alias=AliasChoices("NEO4J_PASSWORD"), description="Its password."
    )
    neo4j_database: str = Field(
        default="neo4j",
        validation_alias=AliasChoices("NEO4J_DATABASE"),
        description="The database to use on it.",
    )

    @property
    def neo4j_home(self) -> Path:
        """The home folder of the local Neo4j."""
        return self.home / "neo4j"

    @property
    def models_dir(self) -> Path:
        """Where trained embeddings and checkpoints are kept."""
        return self.home / "models"

    @property
    def dumps_dir(self) -> Path:
        """Where fetched dumps are kept."""
        return self.home / "dumps"

    @property
    def spools_dir(self) -> Path:
        """Where what was read of dumps is kept, so that it is not read twice."""
        return self.home / "spools"

    @property
    def run_dir(self) -> Path:
        """Where the processes of one server leave what the others read."""
        return self.home / "run"

    @property
    def is_remote(self) -> bool:
        """Whether a Neo4j was named from outside, so that none is started here."""
        return self.neo4j_uri is not None


def split_list(text: str) -> tuple[str, ...]:
    """The parts of a setting that holds several, separated by commas."""
    return tuple(part for one in text.split(",") if (part := one.strip()))


def load_settings(**overrides: object) -> Settings:
    """Read the settings from the environment.

    Args:
        **overrides: fields that take precedence over the environment.

    Raises:
        UsageError: a variable holds a value out of its bounds; the message names it.
    """
    try:
        return Settings(**overrides)  # type: ignore[arg-type]  # pydantic checks the values itself
    except ValidationError as error:
        problems = "; ".join(
            f"{_variable(str(item['loc'][0]))}={item['input']!r}: {item['msg']}"
            for item in error.errors()
        )
        raise UsageError(f"A setting cannot be used. {problems}.") from error


def hand_on(**values: object) -> None:
    """Set fields for the processes that this one starts, which load their own settings."""
    for name, value in values.items():
        os.environ[environment_name(name)] = str(value)


def environment_name(field: str) -> str:
    """The environment variable of a field of `Settings`."""
    alias = Settings.model_fields[field].validation_alias
    if isinstance(alias, AliasChoices):
        return str(alias.choices[0])
    return f"BOOKGRAPH_{field.upper()}"


def _variable(location: str) -> str:
    return environment_name(location) if location in Settings.model_fields else location
