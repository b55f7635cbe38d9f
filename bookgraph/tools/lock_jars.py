"""Writes `jars.lock` from `pom.xml`: `make lock`, or `python -m bookgraph.tools.lock_jars`.

Only maintainers run this; it needs Maven. Each profile of the pom becomes one section. The lock
holds coordinates, checksums and sizes, and no host names.
"""

from __future__ import annotations

import logging
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from xml.etree import ElementTree as ET

from bookgraph.core.errors import BookgraphError
from bookgraph.graph import jars as jars_room
from bookgraph.graph.jars.fetch import sha256_of
from bookgraph.graph.jars.lock import LOCK_FILE, Jar

logger = logging.getLogger(__name__)

_POM = Path(jars_room.__file__).with_name("pom.xml")
_HEADER = """\
# Jars that bookgraph downloads, one on each line: group:artifact:version[:classifier] sha256 size
# Written by `make lock` from pom.xml. Do not edit.
"""
# `group:artifact:jar[:classifier]:version:scope:/path/to.jar`, perhaps followed by a module name.
_ARTIFACT = re.compile(r"^\s+([^:\s]+):([^:\s]+):jar:(?:([^:\s]+):)?([^:\s]+):[a-z]+:(.+?\.jar)\b")


def parse_artifacts(listing: str) -> list[tuple[str, Path]]:
    """Parse the output of `mvn dependency:list`.

    Args:
        listing: the text of the output file, with absolute paths.

    Returns:
        The coordinate (`group:artifact:version[:classifier]`) and the file of each jar.
    """
    found = []
    for line in listing.splitlines():
        match = _ARTIFACT.match(line)
        if match:
            group, artifact, classifier, version, path = match.groups()
            parts = (group, artifact, version, classifier)
            found.append((":".join(part for part in parts if part), Path(path)))
    return found


def format_lock(sections: dict[str, list[Jar]]) -> str:
    """Format a lock: the header, then the jars of each section, sorted by coordinate."""
    text = _HEADER
    for name, jars in sections.items():
        lines = sorted(f"{jar.coordinate} {jar.sha256} {jar.size}" for jar in jars)
        text += "\n".join(["", f"[{name}]", *lines, ""])
    return text


def list_profiles(pom: Path) -> list[str]:
    """List the names of the pom's profiles, in order."""
    root = ET.parse(pom).getroot()  # noqa: S314  # nosec B314 # a file of this package
    return [profile.text or "" for profile in root.iterfind(".//{*}profile/{*}id")]


def resolve_profile(pom: Path, profile: str) -> list[Jar]:
    """Let Maven resolve one profile. Maven downloads the jars that it does not have.

    Raises:
        BookgraphError: Maven is not installed, or it fails. The message ends with its output.
    """
    maven = shutil.which("mvn")
    if maven is None:
        raise BookgraphError(
            "The jar lock needs Maven, but `mvn` is not on the PATH. Install Maven."
        )
    with tempfile.TemporaryDirectory() as folder:
        listing = Path(folder) / "list.txt"
        command = [
            *(maven, "--batch-mode", "--quiet", f"--file={pom}", f"--activate-profiles={profile}"),
            *("dependency:list", "-DincludeScope=runtime", f"-DoutputFile={listing}"),
            "-DoutputAbsoluteArtifactFilename=true",
        ]
        done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 -- fixed words and our own paths
        if done.returncode != 0:
            words = (done.stdout + done.stderr).strip()[-2000:]
            raise BookgraphError(f"Maven cannot resolve the profile {profile!r}: {words}")
        artifacts = parse_artifacts(listing.read_text(encoding="utf-8"))
    return [
        Jar.from_coordinate(coordinate, sha256=sha256_of(path), size=path.stat().st_size)
        for coordinate, path in artifacts
    ]


def main() -> int:
    """Write the lock next to the pom."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        sections = {name: resolve_profile(_POM, name) for name in list_profiles(_POM)}
    except BookgraphError as error:
        logger.error("%s", error)  # noqa: TRY400 -- the message is for a person, not a traceback
        return error.exit_code
    _POM.with_name(LOCK_FILE).write_text(format_lock(sections), encoding="utf-8")
    for name, jars in sections.items():
        logger.info("[%s] %d jars, %d bytes", name, len(jars), sum(jar.size for jar in jars))
    return 0


if __name__ == "__main__":
    sys.exit(main())
