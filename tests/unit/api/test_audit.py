"""The server audit of the npm package graphql-http, against a served application."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bookgraph.api.app import build_app
from bookgraph.api.options import ServerOptions
from bookgraph.testing.fakes import RecordingStore
from bookgraph.testing.serving import running_app

SCRIPT = """
import { auditServer } from 'graphql-http';
const results = await auditServer({ url: process.argv[2] });
console.log(JSON.stringify(results.map(({ id, name, status, reason }) =>
  ({ id, name, status, reason }))));
"""


@pytest.fixture(scope="module")
def audit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the audit installed."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("there is no Node here to run the npm package graphql-http with")
    folder = tmp_path_factory.mktemp("audit")
    command = ["npm", "install", "--no-audit", "--no-fund", "graphql-http@1", "graphql@16"]
    installed = subprocess.run(
        command, check=False, cwd=folder, capture_output=True, text=True, timeout=120
    )
    if installed.returncode:
        pytest.skip(f"graphql-http cannot be installed: {installed.stderr.strip()[-200:]}")
    (folder / "audit.mjs").write_text(SCRIPT, "utf-8")
    return folder


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    app = build_app(RecordingStore(), ServerOptions())  # type: ignore[arg-type]
    with running_app(app) as site:
        yield f"{site}/graphql"


def test_the_audit_finds_nothing(audit: Path, address: str) -> None:
    done = subprocess.run(
        ["node", "audit.mjs", address], cwd=audit, capture_output=True, text=True, check=True
    )
    results = json.loads(done.stdout)
    assert [one for one in results if one["status"] != "ok"] == []
    assert len(results) == 61
