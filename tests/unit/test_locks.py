"""The locks of the Python packages: complete, with hashes, and without host names."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("runtime", "dev")
ENTRY = re.compile(
    r"^([a-z0-9][a-z0-9.-]*)==([^ ;]+)[^\n]*\\\n((?:    --hash=sha256:[0-9a-f]{64}.*\n)+)",
    re.MULTILINE,
)


def text_of(name: str) -> str:
    return (ROOT / "requirements" / f"{name}.txt").read_text("utf-8")


def versions(name: str) -> dict[str, set[str]]:
    """The locked versions of each package. Some have several, for several Pythons."""
    found: dict[str, set[str]] = {}
    for package, version, _ in ENTRY.findall(text_of(name)):
        found.setdefault(package, set()).add(version)
    return found


def requirements(*, with_dev: bool) -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    lines = project["dependencies"]
    if with_dev:
        lines = lines + project["optional-dependencies"]["dev"]
    names = {re.match(r"[\w.-]+", line)[0] for line in lines}
    return {name.lower().replace("_", "-") for name in names}


@pytest.mark.parametrize("name", NAMES)
def test_each_entry_has_a_version_and_hashes(name: str) -> None:
    entries = re.findall(r"^[a-z0-9].*", text_of(name), re.MULTILINE)
    assert len(entries) == len(ENTRY.findall(text_of(name)))


@pytest.mark.parametrize("name", NAMES)
def test_no_entry_names_a_host(name: str) -> None:
    assert "://" not in text_of(name)
    assert "-index" not in text_of(name)


@pytest.mark.parametrize(("name", "with_dev"), [("runtime", False), ("dev", True)])
def test_every_required_package_is_locked(name: str, with_dev: bool) -> None:
    assert requirements(with_dev=with_dev) <= versions(name).keys()


def test_the_lock_of_the_tools_holds_the_versions_of_the_runtime() -> None:
    tools = versions("dev")
    assert {name: tools[name] for name in versions("runtime")} == versions("runtime")
