"""The folder that holds the verified jars, and what is remembered of each check.

A jar counts as there when its file's time and size are those of its last check by sha256, so that
looking at all of them costs milliseconds. Nothing here fetches.
"""

from __future__ import annotations

import hashlib
import json
import logging
import threading
from pathlib import Path

from bookgraph.graph.jars.lock import Jar

logger = logging.getLogger(__name__)


class JarFolder:
    """The folder of verified jars, with the stamp file that remembers what was verified."""

    def __init__(self, folder: Path) -> None:
        """Read what was remembered; the folder need not exist yet."""
        self.folder = folder
        self.partial = folder / "partial"
        self._stamp_file = folder / ".verified.json"
        self._guard = threading.Lock()
        self._stamps: dict[str, list[object]] = self._read_stamps()

    def path(self, jar: Jar) -> Path:
        """Where the jar is, or will be."""
        return self.folder / jar.file_name

    def missing(self, jars: tuple[Jar, ...]) -> tuple[Jar, ...]:
        """The jars that are not there or not known to be what the lock names."""
        return tuple(jar for jar in jars if not self._is_verified(jar))

    def adopt(self, jar: Jar) -> bool:
        """Check a jar's file by its sha256; keep it when it is right, delete it when not."""
        path = self.path(jar)
        if not path.is_file():
            return False
        if path.stat().st_size == jar.size and sha256_of(path) == jar.sha256:
            self._stamp(jar)
            return True
        logger.warning("%s in %s is damaged and is fetched again.", jar.coordinate, self.folder)
        path.unlink()
        return False

    def put(self, jar: Jar, source: Path) -> None:
        """Move a verified file in, at once and whole."""
        source.replace(self.path(jar))
        self._stamp(jar)

    def save_stamps(self) -> None:
        """Write down what was verified, so that the next call need not read the jars."""
        temporary = self._stamp_file.with_suffix(".tmp")
        with self._guard:
            temporary.write_text(json.dumps(self._stamps), encoding="utf-8")
        temporary.replace(self._stamp_file)

    def _stamp(self, jar: Jar) -> None:
        with self._guard:
            self._stamps[jar.file_name] = self._fingerprint(jar)

    def _is_verified(self, jar: Jar) -> bool:
        try:
            return self._stamps.get(jar.file_name) == self._fingerprint(jar)
        except OSError:
            return False

    def _fingerprint(self, jar: Jar) -> list[object]:
        found = self.path(jar).stat()
        if found.st_size != jar.size:
            return []
        return [found.st_mtime_ns, found.st_size, jar.sha256]

    def _read_stamps(self) -> dict[str, list[object]]:
        try:
            stamps = json.loads(self._stamp_file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}  # A lost or damaged stamp file only costs reading the jars once more.
        return stamps if isinstance(stamps, dict) else {}


def sha256_of(path: Path) -> str:
    """The sha256 of a file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
