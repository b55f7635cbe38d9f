"""Only `embed/device.py` moves data between numpy and a torch device."""

from __future__ import annotations

import ast
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[3] / "embed"
MOVES = {"to", "cuda", "cpu", "from_numpy", "as_tensor", "pin_memory"}


def test_no_other_module_moves_data_to_a_device() -> None:
    movers = set()
    for path in FOLDER.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            function = node.func if isinstance(node, ast.Call) else None
            if isinstance(function, ast.Attribute) and function.attr in MOVES:
                movers.add(path.relative_to(FOLDER).as_posix())
    assert movers == {"device.py"}
