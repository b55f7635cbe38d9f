"""Where a jar comes from: the user's Maven repository on disk, or a download through jgo.

Nothing here trusts what it brings: `graph.jars.fetch` checks each file against the lock. No Maven
and no Java are needed. A mirror of Maven's central repository in the user's own Maven settings is
used.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from xml.etree import ElementTree as ET

from bookgraph.graph.jars.lock import Jar

logger = logging.getLogger(__name__)

# Seconds without a single byte before a download counts as cut.
_SILENCE_LIMIT_S = 30


def find_in_local_repository(jar: Jar, *, repository: Path | None = None) -> Path | None:
    """The jar's file in the user's Maven repository, if one of the right size is there."""
    root = repository or Path.home() / ".m2" / "repository"
    path = root.joinpath(*jar.group.split("."), jar.artifact, jar.version, jar.maven_name)
    try:
        return path if path.stat().st_size == jar.size else None
    except OSError:
        return None


def fetch_by_jgo(jar: Jar, folder: Path, on_bytes: Callable[[int], None]) -> Path:
    """Download one jar.

    Args:
        jar: which one.
        folder: where the file goes, in Maven's folder layout.
        on_bytes: called with the number of bytes of each piece that arrives.

    Returns:
        The file, whose content is not verified.

    Raises:
        OSError: the connection fails or is cut, or the disk is full; a retry may help.
        RuntimeError: the repository does not have the jar, or answers with an error.
    """
    # jgo pulls in an HTTP client and takes 0.15 s to import, which a warm start need not pay.
    from jgo.maven import MavenContext, PythonResolver  # noqa: PLC0415

    # jgo only warns about a wrong checksum; the lock's sha256 is checked, so the warning is noise.
    logging.getLogger("jgo").setLevel(logging.ERROR)

    @contextmanager
    def counted(_name: str, _size: int) -> Iterator[Callable[[int], None]]:
        yield on_bytes

    context = MavenContext(
        resolver=PythonResolver(progress_callback=counted),
        repo_cache=folder,
        remote_repos=find_mirror(),
        timeout=_SILENCE_LIMIT_S,
    )
    artifact = (
        context.project(jar.group, jar.artifact)
        .at_version(jar.version)
        .artifact(jar.classifier, "jar")
    )
    # A cut download leaves its half behind, and jgo would take that for the whole jar.
    if artifact.cached_path is not None:
        artifact.cached_path.unlink(missing_ok=True)
    return Path(artifact.resolve())


@contextmanager
def system_certificates() -> Iterator[None]:
    """Trust what the operating system trusts, as pip and browsers do, while the block runs.

    jgo's HTTP client knows only a list of its own, and fails in every network whose gateway
    signs by itself. The change is process-wide and is taken back.
    """
    import truststore  # noqa: PLC0415  # a warm start need not pay for it

    truststore.inject_into_ssl()
    try:
        yield
    finally:
        truststore.extract_from_ssl()


def find_mirror(*, settings_file: Path | None = None) -> dict[str, str] | None:
    """The user's mirror of Maven's central repository.

    Args:
        settings_file: by default Maven's own, `~/.m2/settings.xml`.

    Returns:
        Name and address for jgo, or None when no mirror is set.
    """
    path = settings_file or Path.home() / ".m2" / "settings.xml"
    try:
        root = ET.parse(path).getroot()  # noqa: S314 -- the user's own file
    except FileNotFoundError:
        return None
    except (OSError, ET.ParseError) as error:
        logger.warning("Maven's settings %s cannot be read and are not used: %s", path, error)
        return None
    for mirror in root.iterfind(".//{*}mirror"):
        patterns = (mirror.findtext("{*}mirrorOf") or "").replace(" ", "").split(",")
        url = (mirror.findtext("{*}url") or "").strip()
        is_for_central = {"*", "external:*", "central"} & set(patterns)
        if url and is_for_central and "!central" not in patterns:
            return {"central": url.rstrip("/")}
    return None
