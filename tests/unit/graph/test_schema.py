"""Every label, relationship type and property in a Cypher text is one that the schema names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bookgraph.graph import schema

GRAPH = Path(schema.__file__).parent
TEXTS = sorted(GRAPH.rglob("*.py"))


def strings_of(path: Path) -> str:
    """All string constants of a module that look like Cypher, docstrings left out."""
    import ast

    tree = ast.parse(path.read_text("utf-8"))
    return "\n".join(
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and re.search(r"\b(MATCH|MERGE|UNWIND|CREATE|SEARCH|COLLECT)\b|\)-\[|\]->\(", node.value)
    )


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_labels_and_types_are_known(path: Path) -> None:
    text = strings_of(path)
    labels = set(re.findall(r"\(\w*:([A-Z]\w*)", text))
    types = set(re.findall(r"\[\w*:([A-Z_|]+)[ {\]]", text))
    assert labels <= {*schema.LABELS}
    assert {one for some in types for one in some.split("|")} <= {*schema.RELATIONSHIP_TYPES}


def test_every_label_has_its_constraint() -> None:
    constrained = {re.search(r"FOR \(n:(\w+)\)", text)[1] for text in schema.CONSTRAINTS}
    assert constrained == {*schema.LABELS}


def test_the_filters_stand_inside_the_vector_indexes() -> None:
    for statement, filters in zip(
        schema.VECTOR_INDEXES, (schema.BOOK_FILTERS, schema.LINK_FILTERS), strict=True
    ):
        inside = re.search(r"WITH \[(.+?)\]", statement)[1]
        assert tuple(part.strip().removeprefix("n.") for part in inside.split(",")) == filters
        assert "`vector.quantization.type`: 'none'" in statement
