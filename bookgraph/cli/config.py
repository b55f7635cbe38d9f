"""`bookgraph config`: the settings in use."""

from __future__ import annotations

from rich.table import Table

from bookgraph.cli.common import AsJson
from bookgraph.cli.render import print_json, print_table
from bookgraph.core.settings import Settings, environment_name, load_settings


def config(as_json: AsJson = False) -> None:
    """Print each setting: its environment variable, its value and its meaning."""
    settings = load_settings()
    rows = [
        {
            "variable": environment_name(name),
            "value": str(getattr(settings, name)),
            "is_default": name not in settings.model_fields_set,
            "description": field.description or "",
        }
        for name, field in Settings.model_fields.items()
    ]
    if as_json:
        print_json(rows)
        return
    table = Table("variable", "value", "meaning", box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(str(row[column]) for column in ("variable", "value", "description")))
    print_table(table)
