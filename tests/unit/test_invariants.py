"""What ARCHITECTURE.md says never happens in the source, checked in the source."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("core", "ingest", "graph", "embed", "api", "bookgraph/cli")
MODULES = {
    str(path.relative_to(ROOT)): ast.parse(path.read_text("utf-8"))
    for folder in FOLDERS
    for path in sorted((ROOT / folder).rglob("*.py"))
}


def modules_with(is_bad: object) -> set[str]:
    return {
        name
        for name, tree in MODULES.items()
        if any(is_bad(node) for node in ast.walk(tree))  # type: ignore[operator]  # a predicate
    }


def test_the_drivers_errors_are_translated_in_one_module() -> None:
    def names_them(node: ast.AST) -> bool:
        if isinstance(node, ast.ImportFrom):
            return node.module == "neo4j.exceptions" or (
                node.module == "neo4j" and any(one.name == "exceptions" for one in node.names)
            )
        return isinstance(node, ast.Attribute) and ast.unparse(node) == "neo4j.exceptions"

    assert modules_with(names_them) == {"graph/driver.py"}


def test_the_driver_is_opened_in_one_module() -> None:
    def opens(node: ast.AST) -> bool:
        return isinstance(node, ast.Attribute) and node.attr == "GraphDatabase"

    assert modules_with(opens) == {"graph/driver.py"}


def test_cypher_stands_in_graph_only() -> None:
    cypher = re.compile(r"\b(?:MATCH|MERGE|UNWIND|CREATE|RETURN) (?:\(|\$|[a-z]\w*[.( ])")

    def is_cypher(node: ast.AST) -> bool:
        return (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and bool(cypher.search(node.value))
        )

    found = modules_with(is_cypher)
    assert {name for name in found if not name.startswith("graph/")} == set()
    assert len(found) > 10, "the pattern finds no Cypher any more"


def test_log_levels_are_not_set_on_import() -> None:
    def sets(node: ast.AST) -> bool:
        return isinstance(node, ast.Call) and ast.unparse(node.func).endswith(
            (".setLevel", "basicConfig", ".disable")
        )

    for name, tree in MODULES.items():
        at_import = [node for node in tree.body if not isinstance(node, _DEFINITIONS)]
        assert not any(sets(node) for one in at_import for node in ast.walk(one)), name


_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def test_only_the_settings_read_the_environment_by_name() -> None:
    """One more module sets a variable for a library, and restores it."""

    def reads(node: ast.AST) -> bool:
        text = ast.unparse(node) if isinstance(node, (ast.Call, ast.Subscript)) else ""
        return bool(re.match(r"os\.(?:getenv|environ\.get)\(|os\.environ\[", text))

    for_prometheus = "api/ops/metrics.py"
    assert modules_with(reads) <= {"core/settings.py", for_prometheus}


@pytest.mark.parametrize(
    ("prefixes", "owners"),
    [
        (("shutil.disk_usage", "os.statvfs", "os.replace"), {"core/files.py"}),
        (("filelock", "fcntl.flock"), {"core/locks.py"}),
        (("psutil.Process", "psutil.net_connections"), {"core/processes.py"}),
        (("truststore.inject_into_ssl",), set()),
    ],
)
def test_some_things_have_one_owner(prefixes: tuple[str, ...], owners: set[str]) -> None:
    def uses(node: ast.AST) -> bool:
        if isinstance(node, ast.Import):
            names = [one.name for one in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{one.name}" for one in node.names]
        else:
            names = [ast.unparse(node)] if isinstance(node, ast.Attribute) else []
        return any(name.startswith(prefixes) for name in names)

    assert modules_with(uses) == owners


STATEMENTS = """
from bookgraph.graph.query.compile import Compiler
from bookgraph.graph.schema import BOOK
from bookgraph.graph.store import Store


def constant(store: Store) -> None:
    store.read("MATCH (n:" + BOOK.label + ") RETURN n." + BOOK.key)


def joined(store: Store, title: str) -> None:
    store.read("MATCH (n:Book {title: '" + title + "'}) RETURN n")


def formatted(store: Store, title: str) -> None:
    store.run(f"MATCH (n:Book {{title: '{title}'}}) DELETE n")


def streamed(store: Store, name: str) -> None:
    list(store.read_all("MATCH (n) RETURN n." + name))


def in_a_transaction(store: Store, name: str) -> None:
    store.write(lambda transaction: transaction.run("MATCH (n) REMOVE n." + name))


def named(compiler: Compiler, name: str) -> None:
    compiler.name(name)
"""


@pytest.mark.slow
def test_pyright_refuses_a_value_in_a_statement(tmp_path: Path) -> None:
    """`make lint` runs pyright over graph/, so that every statement there consists of constants."""
    path = tmp_path / "statements.py"
    path.write_text(STATEMENTS, "utf-8")
    config = tmp_path / "pyrightconfig.json"
    config.write_text(
        json.dumps({"include": [str(path)], "extraPaths": [str(ROOT)], "pythonVersion": "3.11"})
    )
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("basedpyright")),
            *("--project", str(config), "--pythonpath", sys.executable, "--outputjson"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    errors = {
        one["range"]["start"]["line"]
        for one in json.loads(done.stdout)["generalDiagnostics"]
        if one["severity"] == "error" and one.get("rule") == "reportArgumentType"
    }
    lines = STATEMENTS.splitlines()
    refused = {_function_of(lines, line) for line in errors}
    assert refused == {"joined", "formatted", "streamed", "in_a_transaction", "named"}


def _function_of(lines: list[str], line: int) -> str:
    return next(_definitions(lines[: line + 1]))


def _definitions(lines: list[str]) -> Iterator[str]:
    for line in reversed(lines):
        if match := re.match(r"def (\w+)", line):
            yield match[1]


def test_make_lint_checks_the_statements_with_pyright() -> None:
    lint = re.search(r"^lint:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert lint is not None
    assert re.search(r"basedpyright .*bookgraph/graph\n", lint[1])
