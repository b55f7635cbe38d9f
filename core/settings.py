"""The frozen `Settings`, read once from the environment and `.env` by the command line.

No other module reads the environment: the object is passed to whatever needs a setting. Secrets are
`SecretStr`, which never prints its value.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import platformdirs
from pydantic import AliasChoices, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from bookgraph.core.errors import UsageError
from bookgraph.core.masking import SET, mask_urls


class Settings(BaseSettings):
    """All settings. Each field has one environment variable."""

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
        description="Data folder: the local Neo4j's database, models, dumps and logs.",
    )
    cache: Path = Field(
        default_factory=lambda: Path(platformdirs.user_cache_dir("bookgraph", appauthor=False)),
        description="Cache folder: downloaded jars and Java caches. Safe to delete.",
    )
    host: str = Field(default="127.0.0.1", description="Address that the server listens on.")
    port: int = Field(
        default=8000,
        ge=0,
        le=65535,
        description="Port that the server listens on; 0 chooses a free one.",
    )
    bolt_port: int = Field(
        default=7687,
        ge=0,
        le=65535,
        description="The local Neo4j's Bolt port. If the default is taken, a free port is used.",
    )
    http_port: int = Field(
        default=7474,
        ge=0,
        le=65535,
        description="The local Neo4j's HTTP port. If the default is taken, a free port is used.",
    )
    workers: int = Field(
        default=1, ge=1, le=64, description="Number of server processes that share the port."
    )
    production: bool = Field(
        default=False,
        description="Hide the schema and the console, and require a custom header on GET requests.",
    )
    read_keys: SecretStr = Field(
        default=SecretStr(""),
        description="Bearer keys for reading, separated by commas. If set, `/graphql` needs one.",
    )
    write_keys: SecretStr = Field(
        default=SecretStr(""),
        description="Bearer keys that also permit mutations. Without any, mutations are off.",
    )
    allowed_hosts: str = Field(
        default="",
        description="Host names, separated by commas, that a proxy publishes the server under.",
    )
    trusted_proxies: str = Field(
        default="127.0.0.1,::1",
        description="Addresses of proxies, separated by commas, whose X-Forwarded-For is trusted.",
    )
    cors_origins: str = Field(
        default="",
        description="Origins, separated by commas, whose pages may send requests, such as https://app.example.org.",
    )
    timeout_s: float = Field(default=15.0, gt=0, le=600, description="Query timeout, in seconds.")
    contact: str | None = Field(
        default=None,
        description="E-mail address or URL that Wikimedia can reach you at. Sent with downloads.",
    )
    log_json: bool = Field(
        default=False,
        description="Log one JSON object on each line, including one for each request.",
    )
    otel: bool = Field(
        default=False,
        description="Send traces through OpenTelemetry, which its OTEL_* variables configure.",
    )
    heap_mb: int = Field(
        default=1024, ge=256, description="Size of the local Neo4j's Java heap, in MiB."
    )
    neo4j_uri: str | None = Field(
        default=None,
        validation_alias=AliasChoices("NEO4J_URI"),
        description="URI of a Neo4j to use instead of the local one: bolt://, neo4j+s://, ...",
    )
    neo4j_username: str = Field(
        default="neo4j",
        validation_alias=AliasChoices("NEO4J_USERNAME"),
        description="User name for NEO4J_URI.",
    )
    neo4j_password: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("NEO4J_PASSWORD"),
        description="Password for NEO4J_URI.",
    )
    neo4j_database: str = Field(
        default="neo4j",
        validation_alias=AliasChoices("NEO4J_DATABASE"),
        description="Name of the database at NEO4J_URI.",
    )

    @property
    def neo4j_home(self) -> Path:
        """The local Neo4j's folder."""
        return self.home / "neo4j"

    @property
    def models_dir(self) -> Path:
        """The folder of trained embeddings and checkpoints."""
        return self.home / "models"

    @property
    def dumps_dir(self) -> Path:
        """The folder of downloaded dumps."""
        return self.home / "dumps"

    @property
    def spools_dir(self) -> Path:
        """The folder of records read from dumps, from which an interrupted ingest resumes."""
        return self.home / "spools"

    @property
    def run_dir(self) -> Path:
        """The folder through which the processes of one server share data."""
        return self.home / "run"

    @property
    def is_remote(self) -> bool:
        """Whether `NEO4J_URI` is set, so that no local Neo4j is started."""
        return self.neo4j_uri is not None


def split_list(text: str) -> tuple[str, ...]:
    """Split a setting that holds several values, separated by commas."""
    return tuple(part for one in text.split(",") if (part := one.strip()))


def load_settings(**overrides: object) -> Settings:
    """Read the settings from the environment and from `.env`.

    Args:
        **overrides: values that take precedence, by field. Messages name them as options.

    Raises:
        UsageError: a variable or an override has a value that is not accepted. The message names
            it, and the accepted values.
    """
    try:
        return Settings(**overrides)  # type: ignore[arg-type]  # pydantic checks the values itself
    except ValidationError as error:
        problems = [
            f"{_source(name, overrides)} is {item['input']!r}. Use {accepted_values(name)}."
            for item in error.errors()
            for name in [_field(str(item["loc"][0]))]
        ]
        raise UsageError(" ".join(problems)) from error


def export_settings(values: Mapping[str, object]) -> None:
    """Set fields for the processes that this one starts, which load their own settings."""
    for name, value in values.items():
        os.environ[environment_name(name)] = str(value)


def inherited_environment(*, without: tuple[str, ...]) -> dict[str, str]:
    """This process's environment for a process that it starts.

    Args:
        without: prefixes of variables to leave out.
    """
    return {name: text for name, text in os.environ.items() if not name.startswith(without)}


def public_values(settings: Settings) -> dict[str, str | None]:
    """The settings by their variables, without secrets: a key or a password is `(set)`."""
    values: dict[str, str | None] = {}
    for name in Settings.model_fields:
        value = getattr(settings, name)
        if isinstance(value, SecretStr):
            text = SET if value.get_secret_value() else ""
        else:
            text = mask_urls(str(value))
        values[environment_name(name)] = None if value is None else text
    return values


def secret_values(settings: Settings) -> list[str]:
    """The secrets among the settings, each key by itself."""
    secrets = (getattr(settings, name) for name in Settings.model_fields)
    texts = [one.get_secret_value() for one in secrets if isinstance(one, SecretStr)]
    return [part for text in texts for part in {text, *split_list(text)} if part]


def environment_name(field: str) -> str:
    """The environment variable of a field of `Settings`."""
    alias = Settings.model_fields[field].validation_alias
    if isinstance(alias, AliasChoices):
        return str(alias.choices[0])
    return f"BOOKGRAPH_{field.upper()}"


def accepted_values(field: str) -> str:
    """The values that a field of `Settings` accepts, in words."""
    info = Settings.model_fields[field]
    if info.annotation is bool:
        return "true or false"
    bounds = {
        sign: f"{getattr(one, sign):g}"
        for one in info.metadata
        for sign in ("gt", "ge", "le")
        if hasattr(one, sign)
    }
    match bounds:
        case {"ge": low, "le": high}:
            limits = f" from {low} to {high}"
        case {"gt": low, "le": high}:
            limits = f" above {low} and at most {high}"
        case {"ge": low}:
            limits = f" of at least {low}"
        case _:
            limits = ""
    kinds: dict[Any, str] = {int: "a whole number", float: "a number"}
    return kinds.get(info.annotation, "text") + limits


def _field(location: str) -> str:
    """The field that pydantic means: it names some by their environment variable."""
    return next(
        (name for name in Settings.model_fields if environment_name(name) == location), location
    )


def _source(field: str, overrides: Mapping[str, object]) -> str:
    return f"--{field.replace('_', '-')}" if field in overrides else environment_name(field)
