"""Builds one HTML file with the explorer's map, its modules and its points.

A page that is opened as a file may not load modules from other files. So each module becomes a
`data:` URL, and an import map gives it a name. The server serves the same modules. The page loads
nothing from elsewhere: its own Content-Security-Policy forbids it.
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

from bookgraph.api.pictures.draw import PALETTE_FILE
from bookgraph.graph.query.overview import MapColumns

_FOLDER = Path(__file__).parents[1] / "explorer"
_TEMPLATE = Path(__file__).parent / "standalone.html"
_ENTRY = "standalone.js"
_STYLE = re.compile(r'href="(css/[^"]+)"')
_IMPORT = re.compile(r'(?:from|import) "(?P<path>\.[^"]+)"')
# Bare names of modules, which the import map resolves.
_PREFIX = "bookgraph/"
_DECIMALS = 3
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' data:; style-src 'unsafe-inline'; "
    "img-src data: blob:"
)


def build_page(maps: Mapping[str, MapColumns]) -> str:
    """Build the page.

    Args:
        maps: by kind and layout, `book tsne` or `link umap`; with `book tsne` at least.
    """
    imports = {_PREFIX + path: _data_url(text) for path, text in _modules(_ENTRY).items()}
    # The style sheets that the served page lists.
    paths = _STYLE.findall((_FOLDER / "index.html").read_text("utf-8"))
    styles = "\n".join((_FOLDER / path).read_text("utf-8") for path in paths)
    data = {name: _columns_of(one) for name, one in maps.items()}
    parts = {
        "policy": html.escape(_POLICY),
        "imports": _json({"imports": imports}),
        "styles": styles,
        "data": _json(data),
        "palette": _json(json.loads(PALETTE_FILE.read_text("utf-8"))),
        "entry": _PREFIX + _ENTRY,
    }
    template = _TEMPLATE.read_text("utf-8")
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], template)


def _modules(entry: str) -> dict[str, str]:
    """A module and everything that it imports, by path. Their imports use bare names."""
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
    """The response that the API would send to `mapPoints`."""
    columns = {_camel_case(name): values for name, values in points.columns.items()}
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


def _camel_case(name: str) -> str:
    """A property's name as GraphQL has it."""
    return re.sub(r"_(\w)", lambda match: match[1].upper(), name)


def _json(value: object) -> str:
    """JSON for a script element: no title in it can end the element."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
