"""Web libraries out of the jars of the lock: served offline, without copies in the repository."""

from __future__ import annotations

import zipfile
from pathlib import Path

from bookgraph.core.errors import DataMissingError
from bookgraph.graph.jars.fetch import fetch_jars
from bookgraph.graph.jars.lock import load_lock

_PREFIX = "META-INF/resources/webjars"


class WebJars:
    """The files of one section of the lock."""

    def __init__(self, cache: Path, *, section: str) -> None:
        """Read the section of the lock.

        Args:
            cache: the cache folder (`Settings.cache`).
            section: of the lock.
        """
        self._cache = cache
        self._jars = {jar.artifact: jar for jar in load_lock(section=section)}

    def read(self, artifact: str, path: str) -> bytes:
        """Read one file. Downloads the section's jars if they are not in the cache.

        Args:
            artifact: such as `react`.
            path: inside the library's folder, such as `umd/react.production.min.js`.

        Raises:
            DataMissingError: the lock has no such artifact, or the artifact no such file.
            DownloadError: the jars are not in the cache and cannot be downloaded.
        """
        jar = self._jars.get(artifact)
        if jar is None:
            raise DataMissingError(f"Web library not found in the lock of jars: {artifact!r}.")
        files = fetch_jars(self._cache, jars=tuple(self._jars.values()))
        file = dict(zip(self._jars, files, strict=True))[artifact]
        name = f"{_PREFIX}/{artifact}/{jar.version}/{path}"
        try:
            with zipfile.ZipFile(file) as archive:
                return archive.read(name)
        except KeyError as error:
            raise DataMissingError(
                f"File not found in {artifact} {jar.version}: {path!r}."
            ) from error
