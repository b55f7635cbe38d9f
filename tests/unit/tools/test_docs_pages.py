"""The generated pages in `docs/` match the code and are the same on every machine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from bookgraph.cli import app as command_line
from bookgraph.core import errors
from bookgraph.core.settings import Settings, environment_name
from bookgraph.tools.docs import EXIT_CODES, FOLDERS, PAGES, ROOMS, ROOT, find_rooms


@pytest.mark.parametrize(("path", "build"), PAGES.items(), ids=[*PAGES])
def test_a_generated_page_is_up_to_date(path: str, build: Callable[[], str]) -> None:
    committed = (ROOT / path).read_text("utf-8")
    assert committed == build(), f"{path} is out of date: run `make docs` and commit the result."


def test_no_page_holds_a_path_of_this_machine() -> None:
    for path in PAGES:
        text = (ROOT / path).read_text("utf-8")
        assert str(Path.home()) + "/" not in text
        assert str(ROOT) + "/" not in text


def test_the_settings_page_has_every_setting() -> None:
    text = (ROOT / "docs" / "settings.md").read_text("utf-8")
    for name in Settings.model_fields:
        assert f"| `{environment_name(name)}` |" in text


def test_the_settings_page_gives_every_computed_default_in_words() -> None:
    computed = {name for name, one in Settings.model_fields.items() if one.default_factory}
    assert computed == {*FOLDERS}


def test_the_command_line_page_has_every_command_and_option() -> None:
    text = (ROOT / "docs" / "cli.md").read_text("utf-8")
    group = typer.main.get_command(command_line.app)
    found = dict(group.commands)  # type: ignore[attr-defined]
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        found |= {f"{name} {sub}": one for sub, one in getattr(command, "commands", {}).items()}
    assert len(found) > 15
    for name, command in found.items():
        section = text[text.index(f"## `bookgraph {name}`") :]
        for option in command.params:
            if option.param_type_name == "option" and not option.hidden:
                assert option.opts[0] in section


def test_every_exit_code_is_explained() -> None:
    def codes(error: type[errors.BookgraphError]) -> set[int]:
        return {error.exit_code}.union(*map(codes, error.__subclasses__()))

    assert codes(errors.BookgraphError) | {0, 130} == {*EXIT_CODES}


def test_the_reading_order_has_every_room() -> None:
    assert {*ROOMS} == find_rooms()
