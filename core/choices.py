"""Choices that the command line shares with the folders whose modules are slow to import.

`bookgraph --help` lists them without loading the Neo4j driver, torch or the web framework.
"""

from __future__ import annotations

from typing import Literal

Cleaning = Literal["default", "reference"]
"""How to clean links: the default steps, or those of the published reference."""

ExportFormat = Literal["csv", "graphml", "npz", "parquet", "projector"]
"""File formats of the graph."""

MapFormat = Literal["html", "png", "svg"]
"""File formats of the map."""
