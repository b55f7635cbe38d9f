"""The file of a backup: a zip archive of compressed parts, with a checksum of every byte.

A part holds lines of JSON, or a file as it is. `manifest.json` lists the parts with the SHA-256 of
their contents, so that two backups can be compared part by part. The file ends with the SHA-256 of
all bytes before it. What the parts mean is not known here.
"""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

import zstandard

from bookgraph.core.errors import InputError
from bookgraph.core.files import describe_os_error

FORMAT = 1
"""Number of the format; a file with a larger one was made by a newer bookgraph."""

_MARK = b"bookgraph backup, sha256 "
_DIGEST_CHARS = 64
_MANIFEST = "manifest.json"
_CHUNK_BYTES = 1 << 20
_LEVEL = 3


@dataclass(frozen=True, slots=True)
class Part:
    """What the manifest says of one part.

    Attributes:
        name: such as `nodes/Book.ndjson`.
        num_bytes: size of its content.
        num_lines: its lines; 0 for a part that is a file.
        sha256: of its content.
    """

    name: str
    num_bytes: int
    num_lines: int
    sha256: str


class PartWriter:
    """Writes one part."""

    def __init__(self, out: zstandard.ZstdCompressionWriter) -> None:
        self._out = out
        self._digest = hashlib.sha256()
        self._pending: list[bytes] = []
        self._num_pending_bytes = 0
        self._num_bytes = self._num_lines = 0

    def write(self, content: bytes) -> None:
        """Write bytes as they are."""
        self._pending.append(content)
        self._num_pending_bytes += len(content)
        # Many lines at a time, because each call costs more than the compression of one line.
        if self._num_pending_bytes >= _CHUNK_BYTES:
            self._flush()

    def write_line(self, line: bytes) -> None:
        """Write a line with its end."""
        self._num_lines += 1
        self.write(line)

    def finish(self) -> None:
        """Write what is still in memory."""
        self._flush()

    def _flush(self) -> None:
        content = b"".join(self._pending)
        self._pending.clear()
        self._num_pending_bytes = 0
        self._digest.update(content)
        self._num_bytes += len(content)
        self._out.write(content)

    def part(self, name: str) -> Part:
        """What was written; nothing may follow."""
        return Part(name, self._num_bytes, self._num_lines, self._digest.hexdigest())


class BackupWriter:
    """Writes a backup into an open file, part by part, in bounded memory."""

    def __init__(self, file: IO[bytes]) -> None:
        """Begin at the start of a file that can seek; what it held is dropped."""
        file.seek(0)
        file.truncate()
        self._file = file
        self._hashing = _Hashing(file)
        self._zip = zipfile.ZipFile(self._hashing, "w")  # type: ignore[call-overload]  # in order
        self.parts: list[Part] = []

    @contextmanager
    def part(self, name: str) -> Iterator[PartWriter]:
        """Write one part while the block runs."""
        # Parts are compressed by themselves, as zip's own method is slow.
        entry = zipfile.ZipInfo(f"{name}.zst")
        with self._zip.open(entry, "w", force_zip64=True) as member:
            compressor = zstandard.ZstdCompressor(level=_LEVEL)
            with compressor.stream_writer(member, closefd=False) as out:
                writer = PartWriter(out)
                yield writer
                writer.finish()
        self.parts.append(writer.part(name))

    def copy(self, part: Part, reader: BackupReader) -> None:
        """Write a part as another backup has it, without compressing it again."""
        entry = zipfile.ZipInfo(f"{part.name}.zst")
        with (
            reader.open_compressed(part.name) as source,
            self._zip.open(entry, "w", force_zip64=True) as member,
        ):
            shutil.copyfileobj(source, member, _CHUNK_BYTES)
        self.parts.append(part)

    def finish(self, facts: Mapping[str, Any]) -> dict[str, Any]:
        """Write the manifest and the checksum.

        Args:
            facts: what the manifest says beside the format and the parts.

        Returns:
            The manifest.
        """
        parts = [asdict(part) for part in self.parts]
        manifest = {"format": FORMAT, **facts, "parts": parts}
        self._zip.writestr(zipfile.ZipInfo(_MANIFEST), json.dumps(manifest, indent=2))
        self._zip.comment = _MARK + b"0" * _DIGEST_CHARS
        self._zip.close()
        self._file.seek(-_DIGEST_CHARS, io.SEEK_END)
        self._file.write(self._hashing.hexdigest().encode())
        self._file.seek(0, io.SEEK_END)
        return manifest


class BackupReader:
    """A backup that was found whole. It stays open, so that nobody can exchange it."""

    def __init__(self, path: Path, file: IO[bytes], archive: zipfile.ZipFile) -> None:
        """Use `open_backup`."""
        self.path = path
        self._file = file
        self._zip = archive
        self.manifest: dict[str, Any] = json.loads(archive.read(_MANIFEST))
        self.parts: dict[str, Part] = {}
        for found in self.manifest.get("parts", ()):
            part = Part(**found)
            self.parts[part.name] = part

    def close(self) -> None:
        """Close the file."""
        self._zip.close()
        self._file.close()

    def open_compressed(self, name: str) -> IO[bytes]:
        """A part as it is stored, as a file to read."""
        return self._zip.open(f"{name}.zst")

    @contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        """The content of a part, as a file to read."""
        with (
            self.open_compressed(name) as member,
            zstandard.ZstdDecompressor().stream_reader(member) as out,
            io.BufferedReader(out, _CHUNK_BYTES) as reader,
        ):
            yield reader

    def lines(self, name: str) -> Iterator[bytes]:
        """The lines of a part, with their ends; none of a part that the backup does not have."""
        if name in self.parts:
            with self.open(name) as reader:
                yield from reader


@contextmanager
def read_parts(file: IO[bytes]) -> Iterator[BackupReader]:
    """Read what this process has just written, without a check."""
    with zipfile.ZipFile(file) as archive:
        yield BackupReader(Path(), file, archive)


@contextmanager
def open_backup(path: Path) -> Iterator[BackupReader]:
    """Open a backup and check all of it: its checksum, its format, and each part.

    Raises:
        InputError: the file cannot be read, is damaged, cut, no backup, or of a newer bookgraph.
    """
    try:
        file = path.open("rb")
    except FileNotFoundError as error:
        raise InputError(f"File not found: {path}.") from error
    except IsADirectoryError as error:
        raise InputError(f"{path} is a folder. Pass one of the backups in it.") from error
    except OSError as error:
        raise InputError(f"Cannot read {path}: {describe_os_error(error)}.") from error
    with file:
        _check_bytes(path, file)
        try:
            reader = BackupReader(path, file, zipfile.ZipFile(file))
            _check_format(path, reader.manifest)
            for part in reader.parts.values():
                _check_part(reader, part)
        except (zipfile.BadZipFile, zstandard.ZstdError, KeyError, TypeError, ValueError) as error:
            raise _damaged(path) from error
        try:
            yield reader
        finally:
            reader.close()


def is_backup(path: Path) -> bool:
    """Whether a file is a backup by its last bytes; that it is whole is not checked."""
    try:
        with path.open("rb") as file:
            file.seek(-len(_MARK) - _DIGEST_CHARS, io.SEEK_END)
            return file.read(len(_MARK)) == _MARK
    except OSError:
        return False


def _check_bytes(path: Path, file: IO[bytes]) -> None:
    size = file.seek(0, io.SEEK_END)
    end = max(0, size - len(_MARK) - _DIGEST_CHARS)
    file.seek(end)
    tail = file.read()
    file.seek(0)
    if not tail.startswith(_MARK):
        is_cut = file.read(4) == b"PK\x03\x04"
        what = "is not whole, or was not made by bookgraph" if is_cut else "is not a backup"
        raise InputError(
            f"{path} {what}. Nothing was changed. Pass a file that `bookgraph backup` wrote."
        )
    digest = hashlib.sha256()
    left = size - _DIGEST_CHARS
    while left > 0 and (chunk := file.read(min(_CHUNK_BYTES, left))):
        digest.update(chunk)
        left -= len(chunk)
    if digest.hexdigest().encode() != tail[len(_MARK) :]:
        raise _damaged(path)
    file.seek(0)


def _check_format(path: Path, manifest: Mapping[str, Any]) -> None:
    if int(manifest["format"]) > FORMAT:
        raise InputError(
            f"{path} was made by bookgraph {manifest.get('bookgraph', '?')}, whose backups have "
            f"the format {manifest['format']}; this version reads up to {FORMAT}. Nothing was "
            "changed. Update bookgraph, then run the command again."
        )


def _check_part(reader: BackupReader, part: Part) -> None:
    digest, num_bytes = hashlib.sha256(), 0
    with reader.open(part.name) as content:
        while chunk := content.read(_CHUNK_BYTES):
            digest.update(chunk)
            num_bytes += len(chunk)
    if (num_bytes, digest.hexdigest()) != (part.num_bytes, part.sha256):
        raise _damaged(reader.path)


def _damaged(path: Path) -> InputError:
    return InputError(
        f"{path} is damaged: its bytes do not have their checksum. Nothing was changed. Use "
        "another backup, or copy this one again from where it came from."
    )


class _Hashing:
    """Hashes all that is written but the last bytes, in which the digest will stand.

    It has no `seek`, so that zip writes strictly one byte after the other.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self._tail = b""

    def write(self, content: bytes) -> int:
        pending = self._tail + bytes(content)
        self._digest.update(pending[:-_DIGEST_CHARS])
        self._tail = pending[-_DIGEST_CHARS:]
        return self._file.write(content)

    def flush(self) -> None:
        self._file.flush()

    def hexdigest(self) -> str:
        return self._digest.hexdigest()
