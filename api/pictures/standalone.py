"""Puts the explorer's map, its modules and its points into one HTML file.

A page that is opened as a file may not load modules beside it, so each becomes a `data:` address
and an import map tells the browser which is which. The same modules draw the page that the server
serves. Nothing is loaded from anywhere: the page's own policy forbids it.
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Mapping
from pathlib import Path
from posixpath import dirname, join, normpath
from typing import Any

from bookgraph.graph.query.overview import MapColumns

_FOLDER = Path(__file__).parents[1] / "explorer"
_TEMPLATE = Path(__file__).parent / "standalone.html"
_ENTRY = "standalone.js"
_STYLE = re.compile(r'href="(css/[^"]+)"')
_IMPORT = re.compile(r'(?:from|import) "(?P<path>\.[^"]+)"')
# Bare names of modules, which only the import map can resolve.
_PREFIX = "bookgraph/"
_NAMES = {"num_links": "numLinks", "num_books": "numBooks"}
_DECIMALS = 3
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' data:; style-src 'unsafe-inline'; "
    "img-src data: blob:"
)


def build_page(maps: Mapping[str, MapColumns]) -> str:
    """The page.

    Args:
        maps: by kind and layout, `book tsne` or `link umap`; at least one.
    """
    imports = {_PREFIX + path: _data_url(text) for path, text in _modules(_ENTRY).items()}
    # The served page's own list of style sheets.
    paths = _STYLE.findall((_FOLDER / "index.html").read_text("utf-8"))
    styles = "\n".join((_FOLDER / path).read_text("utf-8") for path in paths)
    data = {name: _columns_of(one) for name, one in maps.items()}
    parts = {
        "policy": html.escape(_POLICY),
        "imports": _json({"imports": imports}),
        "styles": styles,
        "data": _json(data),
        "entry": _PREFIX + _ENTRY,
    }
    template = _TEMPLATE.read_text("utf-8")
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], template)


def _modules(entry: str) -> dict[str, str]:
    """A module and all that it imports, by path, with bare names in their imports."""
    found: dict[str, str] = {}
    waiting = [entry]
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        text = (_FOLDER / path).read_text("utf-8")
        imported = {
            one["path"]: normpath(join(dirname(path), one["path"]))
            for one in _IMPORT.finditer(text)
        }
        for relative, known in imported.items():
            text = text.replace(f'"{relative}"', f'"{_PREFIX}{known}"')
        found[path] = text
        waiting += imported.values()
    return found


def _data_url(text: str) -> str:
    return "data:text/javascript;base64," + base64.b64encode(text.encode()).decode()


def _columns_of(points: MapColumns) -> dict[str, Any]:
    """What the API would answer to `mapPoints`."""
    columns = {_NAMES.get(name, name): values for name, values in points.columns.items()}
    for axis in ("x", "y"):
        columns[axis] = [round(value, _DECIMALS) for value in columns[axis]]
    return {
        **columns,
        "numPoints": points.num_points,
        "numUnplaced": points.num_unplaced,
        "layouts": [layout.upper() for layout in points.layouts],
        "seed": points.seed,
        "keptShare": points.kept_share,
    }


def _json(value: object) -> str:
    """JSON that can stand in a script element: no title can end it."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
