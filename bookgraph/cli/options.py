"""Options whose help text, bounds and error messages come from the settings that they fill.

typer would print pydantic's sentences for a number that it cannot read. The parsers here name the
option, the value and the accepted numbers instead.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, get_args, get_type_hints

import typer

from bookgraph.core.errors import UsageError
from bookgraph.core.settings import Settings, environment_name
from bookgraph.embed.config import LayoutConfig, Setting, TrainConfig, get_setting


def whole_number(*flags: str, text: str, low: int, high: int | None = None) -> Any:
    """An option that takes a whole number.

    Args:
        *flags: such as `--num` and `-n`; the first one stands in messages.
        text: the help text, without the bounds.
        low: the smallest number accepted.
        high: the largest number accepted, or None for no limit.
    """
    bounds = Setting(text, low, math.inf if high is None else high)
    limits = f"of at least {low}" if high is None else f"from {low} to {high}"
    parser = _parser(flags[0], int, f"a whole number {limits}", bounds)
    return typer.Option(
        *flags,
        help=f"{text} {limits.removeprefix('of ').capitalize()}.",
        parser=parser,
        metavar="INTEGER",
    )


def number(flag: str, *, text: str, low: float, high: float) -> Any:
    """An option that takes a number with a fraction."""
    accepted = f"a number from {low:g} to {high:g}"
    return typer.Option(
        flag,
        help=text,
        parser=_parser(flag, float, accepted, Setting(text, low, high)),
        metavar="FLOAT",
    )


def train_option(name: str) -> Any:
    """The option of a field of `TrainConfig`."""
    return _config_option(TrainConfig, name)


def map_option(name: str) -> Any:
    """The option of a field of `LayoutConfig`."""
    return _config_option(LayoutConfig, name)


def settings_option(name: str, *, metavar: str) -> Any:
    """The option that overrides a field of `Settings`, which checks the value."""
    text = Settings.model_fields[name].description
    return typer.Option(help=f"{text} Overrides {environment_name(name)}.", metavar=metavar)


def _config_option(config: type[TrainConfig | LayoutConfig], name: str) -> Any:
    setting = get_setting(config, name)
    kind = get_type_hints(config)[name]
    kinds = {kind, *get_args(kind)}
    for one, article, metavar in ((int, "a whole number", "INTEGER"), (float, "a number", "FLOAT")):
        if one in kinds:
            accepted = f"{article} {setting.describe_range()}"
            parser = _parser(f"--{name.replace('_', '-')}", one, accepted, setting)
            return typer.Option(help=setting.help, parser=parser, metavar=metavar)
    return typer.Option(help=setting.help)


def _parser(
    flag: str, kind: type[int | float], accepted: str, bounds: Setting
) -> Callable[[str], int | float]:
    def parse(text: str) -> int | float:
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not bounds.contains(value):
            raise UsageError(f"{flag} is {text!r}. Use {accepted}.")
        return value

    return parse
