"""The analysts' tutorial shows what happens: its queries and snippets run on the sample."""

from __future__ import annotations

import io
import re
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from bookgraph.core.settings import Settings
from bookgraph.graph.store import Store
from bookgraph.testing.command_line import run_with

ROOT = Path(__file__).resolve().parents[2]
TUTORIAL = (ROOT / "docs" / "tutorial-analysts.md").read_text("utf-8")
QUERIES = re.findall(
    r"^```cypher\n(.*?)^```\n\n((?:\|[^\n]*\n)+)", TUTORIAL, re.DOTALL | re.MULTILINE
)
SNIPPETS = re.findall(
    r"^```python\n(.*?)^```\n\n```text\n(.*?)^```", TUTORIAL, re.DOTALL | re.MULTILINE
)


def shown(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def test_every_query_and_snippet_shows_its_result() -> None:
    assert len(QUERIES) == len(re.findall(r"^```cypher", TUTORIAL, re.MULTILINE)) >= 9
    assert len(SNIPPETS) == len(re.findall(r"^```python", TUTORIAL, re.MULTILINE)) >= 5


@pytest.mark.parametrize(("query", "table"), QUERIES)
def test_a_query_returns_what_is_shown(demo_store: Store, query: str, table: str) -> None:
    rows = demo_store.read(query)  # type: ignore[arg-type]  # the document's own text
    header, _, *body = map(cells, table.splitlines())
    assert list(rows[0]) == header
    found = [[shown(value) for value in row.values()] for row in rows]
    if "cosine" not in header:
        assert found == body
        return
    # Another processor rounds the vectors differently, which can swap neighbours.
    assert len(found) == len(body)
    first_of = [{row[0] for row in some} for some in (found, body)]
    assert len(first_of[0] & first_of[1]) >= len(body) - 1
    column = header.index("cosine")
    for one, other in zip(found, body, strict=True):
        assert float(one[column]) == pytest.approx(float(other[column]), abs=0.05)


def test_the_python_snippets_print_what_is_shown(
    demo_store: Store, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("csv", "npz"):
        folder = tmp_path / "export"
        done = run_with("export", name, "--to", folder, BOOKGRAPH_HOME=str(settings.home))
        assert done.returncode == 0, done.stderr
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BOOKGRAPH_HOME", str(settings.home))
    names: dict[str, object] = {}
    for snippet, output in SNIPPETS:
        with redirect_stdout(io.StringIO()) as printed:
            exec(compile(snippet, "tutorial", "exec"), names)
        if "cosine" in snippet:
            assert "Carmilla" in printed.getvalue()
        else:
            assert printed.getvalue() == output
