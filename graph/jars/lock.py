"""The committed lock of jars: the name of each jar, and the content that its file must have.

Only reads text; `bookgraph.tools.lock_jars` makes the lock.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import resources

LOCK_FILE = "jars.lock"

_SECTION = re.compile(r"\[(\S+)\]")
_LINE = re.compile(r"([^:\s]+(?::[^:\s]+){2,3}) ([0-9a-f]{64}) (\d+)")


@dataclass(frozen=True, slots=True)
class Jar:
    """One line of the lock.

    Attributes:
        group: Maven's groupId.
        artifact: Maven's artifactId.
        version: the exact version.
        classifier: empty for most; `linux-x86_64` and the like for native parts.
        sha256: of the file, in lowercase hexadecimal.
        size: of the file, in bytes.
    """

    group: str
    artifact: str
    version: str
    classifier: str
    sha256: str
    size: int

    @classmethod
    def from_coordinate(cls, coordinate: str, *, sha256: str, size: int) -> Jar:
        """Build from `group:artifact:version[:classifier]`.

        Raises:
            ValueError: the coordinate has another number of parts.
        """
        group, artifact, version, *rest = coordinate.split(":")
        if len(rest) > 1:
            raise ValueError(f"{coordinate!r} is not group:artifact:version[:classifier].")
        return cls(group, artifact, version, rest[0] if rest else "", sha256, size)

    @property
    def coordinate(self) -> str:
        """`group:artifact:version[:classifier]`."""
        parts = (self.group, self.artifact, self.version, self.classifier)
        return ":".join(part for part in parts if part)

    @property
    def maven_path(self) -> str:
        """The file's path in a Maven repository."""
        folder = self.group.replace(".", "/")
        return f"{folder}/{self.artifact}/{self.version}/{self._maven_name}"

    @property
    def file_name(self) -> str:
        """The file's name in the cache; unique, as it starts with the group."""
        return f"{self.group}.{self._maven_name}"

    @property
    def _maven_name(self) -> str:
        """The file's name in a Maven repository; not unique over groups."""
        suffix = f"-{self.classifier}" if self.classifier else ""
        return f"{self.artifact}-{self.version}{suffix}.jar"


def load_lock(*, section: str = "neo4j") -> tuple[Jar, ...]:
    """Read the committed lock.

    Args:
        section: which group of jars; `neo4j` is what the local server runs on.

    Returns:
        The section's jars in the lock's order.

    Raises:
        KeyError: the lock has no such section.
    """
    text = resources.files("bookgraph.graph.jars").joinpath(LOCK_FILE).read_text(encoding="utf-8")
    return parse_lock(text)[section]


def parse_lock(text: str) -> dict[str, tuple[Jar, ...]]:
    """Parse the text of a lock: `[section]` lines, then `coordinate sha256 size` lines.

    Raises:
        ValueError: a line has another form; the message quotes it.
    """
    sections: dict[str, list[Jar]] = {}
    jars: list[Jar] | None = None
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        if heading := _SECTION.fullmatch(line):
            jars = sections.setdefault(heading[1], [])
            continue
        found = _LINE.fullmatch(line)
        if jars is None or found is None:
            message = (
                f"{LOCK_FILE}, line {number}: expected 'coordinate sha256 size' under a "
                f"[section], found {line!r}. Make the lock again with `make lock`."
            )
            raise ValueError(message)
        jars.append(Jar.from_coordinate(found[1], sha256=found[2], size=int(found[3])))
    return {name: tuple(members) for name, members in sections.items()}
