"""Where a jar comes from: the user's Maven repository on disk, or a download.

Neither Maven nor Java is needed. A mirror of Maven's central repository in the user's own Maven
settings is used. Nothing here is trusted: `graph.jars.fetch` checks each file against the lock.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from xml.etree import ElementTree as ET

from bookgraph.core.errors import DownloadError
from bookgraph.graph.jars.lock import Jar

logger = logging.getLogger(__name__)

FetchJar = Callable[[Jar, Path, Callable[[int], None]], Path]
"""Downloads one jar into a folder, calls back with the number of bytes of each piece, and returns
the file. Raises `DownloadError` for the network, and `OSError` for the disk."""

_TIMEOUT_S = 30.0


@contextmanager
def open_repository() -> Iterator[FetchJar]:
    """Connect to the mirror in the user's Maven settings, or else to Maven's central repository."""
    # A warm start must not pay for importing httpx.
    import httpx  # noqa: PLC0415

    from bookgraph.core.http import describe_http_error, open_client  # noqa: PLC0415

    address = find_mirror() or _central_repository()
    with open_client(timeout_s=_TIMEOUT_S) as client:

        def download(jar: Jar, folder: Path, on_bytes: Callable[[int], None]) -> Path:
            path = folder / jar.file_name
            try:
                with (
                    client.stream("GET", f"{address}/{jar.maven_path}") as response,
                    path.open("wb") as file,
                ):
                    response.raise_for_status()
                    for chunk in response.iter_raw():
                        file.write(chunk)
                        on_bytes(len(chunk))
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                reason = (
                    describe_http_error(error)
                    if isinstance(error, httpx.HTTPError)
                    else f"invalid URL {address!r} of the mirror in Maven's settings"
                )
                raise DownloadError(reason) from error
            return path

        yield download


def _central_repository() -> str:
    from jgo.constants import MAVEN_CENTRAL_URL  # noqa: PLC0415  # half a second to import

    return str(MAVEN_CENTRAL_URL)


def find_in_local_repository(jar: Jar, *, repository: Path | None = None) -> Path | None:
    """The jar's file in the user's Maven repository, if one of the right size is there."""
    path = (repository or Path.home() / ".m2" / "repository") / jar.maven_path
    try:
        return path if path.stat().st_size == jar.size else None
    except OSError:
        return None


def find_mirror(*, settings_file: Path | None = None) -> str | None:
    """The URL of the user's mirror of Maven's central repository, or None.

    Args:
        settings_file: by default Maven's own, `~/.m2/settings.xml`.
    """
    path = settings_file or Path.home() / ".m2" / "settings.xml"
    try:
        root = ET.parse(path).getroot()  # noqa: S314  # nosec B314  # the user's own file
    except FileNotFoundError:
        return None
    except (OSError, ET.ParseError):
        logger.warning("Maven's settings %s cannot be read, so no mirror is used.", path)
        return None
    for mirror in root.iterfind(".//{*}mirror"):
        patterns = (mirror.findtext("{*}mirrorOf") or "").replace(" ", "").split(",")
        url = (mirror.findtext("{*}url") or "").strip()
        is_for_central = {"*", "external:*", "central"} & set(patterns)
        if url and is_for_central and "!central" not in patterns:
            return url.rstrip("/")
    return None
