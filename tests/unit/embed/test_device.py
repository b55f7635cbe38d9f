"""Only `embed/device.py` moves data between devices and numpy."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from bookgraph.embed.device import CPU, to_device, to_numpy

EMBED = Path(__file__).resolve().parents[3] / "embed"
# Methods that move a tensor or a module, and functions that take an array over from numpy.
MOVES = {"to", "cuda", "cpu", "numpy", "from_numpy", "as_tensor"}


def find_moves(source: str) -> Iterator[tuple[int, str]]:
    """Line and name of each call of a method in `MOVES`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            is_device = ast.unparse(node.func) == "torch.device"
            if is_device or node.func.attr in MOVES:
                yield node.lineno, ast.unparse(node.func)


def test_no_other_module_moves_data() -> None:
    found = [
        f"{path.relative_to(EMBED)}:{line}: {call}"
        for path in sorted(EMBED.rglob("*.py"))
        if path.name != "device.py"
        for line, call in find_moves(path.read_text("utf-8"))
    ]
    assert found == []


@pytest.mark.parametrize(
    "source",
    ["x.to(device)", "x.cuda()", "x.detach().cpu().numpy()", "torch.device('cpu')"],
)
def test_the_search_itself_finds_moves(source: str) -> None:
    assert list(find_moves(source))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, np.bool_])
def test_arrays_keep_dtype_shape_and_values(dtype: type[np.generic]) -> None:
    array = np.array([[1, 0], [0, 1]]).astype(dtype)[:, ::-1]
    back = to_numpy(to_device(array, CPU))
    assert np.array_equal(back, array)
    assert back.dtype == array.dtype
    assert back.flags.c_contiguous
