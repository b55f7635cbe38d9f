"""The bill of materials names everything in the locks, and is valid CycloneDX."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from bookgraph.tools.sbom import SPEC_VERSION, build_bill

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.slow
@pytest.mark.timeout(900)  # the schema is checked for thousands of hashes
def test_it_is_valid() -> None:
    validation = pytest.importorskip("cyclonedx.validation.json")
    schema = pytest.importorskip("cyclonedx.schema")
    validator = validation.JsonStrictValidator(schema.SchemaVersion.from_version(SPEC_VERSION))
    bill = build_bill()
    assert validator.validate_str(json.dumps(bill)) is None
    bill["components"] = [{**bill["components"][0], "hash": "x"}]
    assert validator.validate_str(json.dumps(bill)) is not None


def test_it_holds_each_jar_and_each_package_with_each_hash() -> None:
    components = build_bill()["components"]
    text = json.dumps(components)
    jars = (ROOT / "graph" / "jars" / "jars.lock").read_text("utf-8")
    coordinates = {line.split()[0] for line in jars.splitlines() if re.match(r"\S+:\S+ ", line)}
    packages = (ROOT / "requirements" / "runtime.txt").read_text("utf-8")
    names = set(re.findall(r"^([a-z0-9][a-z0-9.-]*==[^ ;\\]+)", packages, re.MULTILINE))
    assert len(components) == len(coordinates) + len(names)
    for one in re.findall(r"\b[0-9a-f]{64}\b", jars + packages):
        assert one in text
    for coordinate in coordinates:
        group, artifact, version, *_ = coordinate.split(":")
        assert f"pkg:maven/{group}/{artifact}@{version}" in text


def test_it_depends_on_the_locks_alone_and_names_licences() -> None:
    first, second = build_bill(), build_bill()
    assert first == second
    by_name = {one["name"]: one for one in first["components"]}
    assert by_name["pydantic"]["licenses"]
    assert len({one["bom-ref"] for one in first["components"]}) == len(first["components"])
