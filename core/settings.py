"""The frozen `Settings`, read once from the environment and `.env` by the command line.

No other module reads the environment: the object is passed to whatever needs a setting. Secrets are
`SecretStr`, which never prints its value. Each of them may come from a file instead, whose path is
in a variable that ends with `_FILE`, as container platforms pass secrets.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import platformdirs
from dotenv import dotenv_values
from pydantic import AliasChoices, Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from bookgraph.core.errors import UsageError

ENV_FILE = Path(".env")
_SECRET_FILE_MAX_BYTES = 64 * 1024


class Settings(BaseSettings):
    """All settings. Each field has one environment variable."""

    model_config = SettingsConfigDict(
        env_prefix="BOOKGRAPH_",
        env_file=ENV_FILE,
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
    public: bool = Field(
        default=False,
        description="Confirm that everybody who reaches the server may read, without a key.",
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
        description="Host names that the server is reached by, separated by commas: names, "
        "`*.example.org`, or `*` for all. Its own addresses and localhost are always known.",
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

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003  # pydantic passes it
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read secrets from files too. Values that are passed as arguments win over all others."""
        given = init_settings()
        has_env_file = bool(getattr(dotenv_settings, "env_file", None))
        variables = {**(_read_env_file() if has_env_file else {}), **_environment()}
        fields = [
            name for name in secret_fields() if not {name, environment_name(name)} & given.keys()
        ]
        secrets = InitSettingsSource(settings_cls, _read_secret_files(fields, variables))
        return init_settings, secrets, env_settings, dotenv_settings

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
    """Split a setting that holds several values, separated by commas or, in a file, by lines."""
    return tuple(part for one in re.split(r"[,\r\n]", text) if (part := one.strip()))


def load_settings(**overrides: object) -> Settings:
    """Read the settings from the environment and from `.env`.

    Args:
        **overrides: values that take precedence, by field. Messages name them as options.

    Raises:
        UsageError: a variable or an override has a value that is not accepted, or a file of a
            secret or `.env` cannot be read. The message names it, and what is accepted.
    """
    _read_env_file()  # pydantic's own errors about the file do not name it
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


def environment_name(field: str) -> str:
    """The environment variable of a field of `Settings`."""
    alias = Settings.model_fields[field].validation_alias
    if isinstance(alias, AliasChoices):
        return str(alias.choices[0])
    return f"BOOKGRAPH_{field.upper()}"


def secret_fields() -> tuple[str, ...]:
    """The fields of `Settings` that hold secrets."""
    return tuple(
        name
        for name, field in Settings.model_fields.items()
        if SecretStr in (field.annotation, *get_args(field.annotation))
    )


def describe_env_file() -> str | None:
    """Which settings `.env` in the current folder sets, by name. None if it sets none.

    Raises:
        UsageError: the file cannot be read.
    """
    found = _read_env_file()
    names = [environment_name(name) for name in Settings.model_fields]
    names += [f"{environment_name(name)}_FILE" for name in secret_fields()]
    used = [name for name in names if name in found and name not in _environment()]
    return f"Using {ENV_FILE.absolute()}: {', '.join(used)}." if used else None


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


def _environment() -> dict[str, str]:
    """The variables of this process that are not empty. Upper and lower case are the same."""
    return {name.upper(): text for name, text in os.environ.items() if text}


def _read_env_file() -> dict[str, str]:
    """The variables in `.env` that are not empty; none if there is no such file."""
    try:
        found = dotenv_values(ENV_FILE) if ENV_FILE.is_file() else {}
    except (OSError, UnicodeDecodeError) as error:
        problem = "is not text in UTF-8" if isinstance(error, ValueError) else "cannot be read"
        raise UsageError(
            f"{ENV_FILE.absolute()} {problem}. Correct it, or run bookgraph in another folder."
        ) from error
    return {name.upper(): text for name, text in found.items() if text}


def _read_secret_files(fields: list[str], variables: Mapping[str, str]) -> dict[str, str]:
    """The secrets whose files are named, by field."""
    found = {}
    for field in fields:
        name = environment_name(field)
        file = f"{name}_FILE"
        if file not in variables:
            continue
        if name in variables:
            raise UsageError(f"{name} and {file} are both set. Remove one of them.")
        found[field] = _read_secret_file(file, Path(variables[file]))
    return found


def _read_secret_file(variable: str, path: Path) -> str:
    """The content of a file without the line end that editors add."""
    try:
        # A device such as /dev/zero must not fill the memory.
        with path.open("rb") as file:
            content = file.read(_SECRET_FILE_MAX_BYTES + 1)
        text = content.decode("utf-8")
    except (OSError, ValueError) as error:
        reasons: dict[type[Exception], str] = {
            FileNotFoundError: "does not exist",
            PermissionError: "may not be read by this user",
            IsADirectoryError: "is a folder",
            UnicodeDecodeError: "is not text in UTF-8",
        }
        problem = reasons.get(type(error), "cannot be read")
        raise UsageError(f"{variable} names {str(path)!r}, which {problem}.") from error
    secret = text.removesuffix("\n").removesuffix("\r")
    if len(content) > _SECRET_FILE_MAX_BYTES:
        raise UsageError(f"{variable} names {str(path)!r}, which is too large for a secret.")
    if not secret.strip():
        # Without this, an empty file of keys would open the server to everybody.
        raise UsageError(f"{variable} names {str(path)!r}, which is empty.")
    return secret
