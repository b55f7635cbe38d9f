"""Keeps on disk what has been read of a dump, so that a killed run resumes where it stopped.

A spool is a folder with the records (NDJSON), the redirects (tab separated), the skipped pages (a
JSON array a line) and a state with the number of valid bytes of each. The state is replaced as a
whole, and only after the files are on the disk. Bytes after those lengths come from a run that
died, and are cut off.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import BinaryIO

from bookgraph.core.errors import InputError
from bookgraph.core.files import atomic_write, translated_write_errors
from bookgraph.core.names import MAIN_ONLY
from bookgraph.core.types import BookRecord
from bookgraph.ingest.read.ndjson import iter_ndjson
from bookgraph.ingest.report import BadRecord, BadRecordLog, OnBadRecord, SkippedPage

EXTRACT_VERSION = 4
"""Raise it when the same dump gives other records or other segments: older spools are then
discarded, and their dumps read again."""

_STATE = "state.json"
_RECORDS = "records.ndjson"
_REDIRECTS = "redirects.tsv"
_SKIPPED = "skipped.ndjson"


@dataclass(slots=True)
class SpoolState:
    """How far a dump has been read.

    Attributes:
        path: of the dump, for a person.
        num_segments: segments that are done, from the first one on.
        num_pages: pages in them.
        num_records: book pages among those.
        num_redirects: redirects among those.
        records_bytes: sound length of the records file.
        redirects_bytes: sound length of the redirects file.
        skipped_bytes: sound length of the file of skipped pages.
        carry: the bytes of the page that the next segment ends.
        wiki: database name of the wiki, such as `enwiki`.
        siteinfo: the dump's own description of its wiki, in XML.
        is_rooted: whether the dump began with its root element.
        bad: what could not be read.
        left_out: pages with the infobox that a rule leaves out, by reason.
        unknown_templates: templates in infoboxes that no rule knows, with their uses.
        is_complete: whether the dump was read to its end.
    """

    path: str
    num_segments: int = 0
    num_pages: int = 0
    num_records: int = 0
    num_redirects: int = 0
    records_bytes: int = 0
    redirects_bytes: int = 0
    skipped_bytes: int = 0
    carry: bytes = b""
    wiki: str | None = None
    siteinfo: str = ""
    is_rooted: bool = False
    bad: BadRecordLog = field(default_factory=BadRecordLog)
    left_out: Counter[str] = field(default_factory=Counter)
    unknown_templates: Counter[str] = field(default_factory=Counter)
    is_complete: bool = False


class Spool:
    """The spool of one dump. Use as a context manager while writing."""

    def __init__(self, folder: Path, *, source: Path) -> None:
        self.folder = folder
        self.state = SpoolState(str(source))
        self._files: dict[str, BinaryIO] = {}

    def __enter__(self) -> Spool:
        with translated_write_errors(self.folder, error_type=InputError):
            self.folder.mkdir(parents=True, exist_ok=True)
            self.state = _read_state(self.folder / _STATE) or self.state
            for name, length in _lengths(self.state).items():
                self._files[name] = _open_at(self.folder / name, length)
        return self

    def __exit__(self, *exc_info: object) -> None:
        for file in self._files.values():
            file.close()
        self._files.clear()

    def append(self, *, records: bytes, redirects: bytes, skipped: bytes) -> None:
        """Append whole lines; they count only once `save` has been called.

        Raises:
            DiskFullError: no room; what was saved before is kept.
        """
        if not self._files:
            message = "a spool is written inside its `with` block only"
            raise RuntimeError(message)
        with translated_write_errors(self.folder, error_type=InputError):
            self._files[_RECORDS].write(records)
            self._files[_REDIRECTS].write(redirects)
            self._files[_SKIPPED].write(skipped)
        self.state.records_bytes += len(records)
        self.state.redirects_bytes += len(redirects)
        self.state.skipped_bytes += len(skipped)

    def save(self) -> None:
        """Put what was appended on the disk, then the state that counts it.

        Raises:
            DiskFullError: no room; what was saved before is kept.
        """
        with translated_write_errors(self.folder, error_type=InputError):
            for file in self._files.values():
                file.flush()
                os.fsync(file.fileno())
            _write_state(self.folder / _STATE, self.state)

    def iter_records(self, *, on_bad: OnBadRecord) -> Iterator[BookRecord]:
        """Yield the records, in the order of the dump."""
        with (self.folder / _RECORDS).open("rb") as file:
            yield from iter_ndjson(file, source=self.state.path, on_bad=on_bad)

    def iter_redirects(self) -> Iterator[tuple[str, str]]:
        """Yield (title, the title that it leads to), in the order of the dump."""
        with (self.folder / _REDIRECTS).open("rb") as file:
            for line in file:
                title, _, target = line.decode("utf-8").rstrip("\n").partition("\t")
                yield title, target

    def iter_skipped(self) -> Iterator[SkippedPage]:
        """Yield the pages that name the infobox and are no books, in the order of the dump."""
        with (self.folder / _SKIPPED).open("rb") as file:
            for line in file:
                yield SkippedPage(*json.loads(line))


def _lengths(state: SpoolState) -> dict[str, int]:
    """The files of a spool and their sound lengths."""
    return {
        _RECORDS: state.records_bytes,
        _REDIRECTS: state.redirects_bytes,
        _SKIPPED: state.skipped_bytes,
    }


def remove_orphaned_spools(root: Path) -> None:
    """Remove the spools of dumps that no longer exist."""
    for state in root.glob(f"*/{_STATE}"):
        try:
            source = Path(json.loads(state.read_bytes())["path"])
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            # What cannot be read is of no use to anybody either.
            source = None
        if source is None or not source.is_file():
            shutil.rmtree(state.parent, ignore_errors=True)


def open_spool(root: Path, source: Path, *, namespaces: frozenset[int] = MAIN_ONLY) -> Spool:
    """The spool of a dump file as it is now; spools of earlier versions of the file are removed.

    Args:
        root: the folder of all spools.
        source: the dump.
        namespaces: numbers of those whose pages are read.

    Raises:
        InputError: the dump cannot be looked at.
    """
    source = source.resolve()
    try:
        status = source.stat()
    except OSError as error:
        raise InputError(f"{source} cannot be read: {error.strerror}.") from error
    place = hashlib.sha256(os.fsencode(source)).hexdigest()[:16]
    read = "" if namespaces == MAIN_ONLY else "-" + "-".join(map(str, sorted(namespaces)))
    form = f"{status.st_size}-{status.st_mtime_ns}-{EXTRACT_VERSION}{read}"
    for earlier in root.glob(f"{place}-*"):
        if earlier.name != f"{place}-{form}":
            shutil.rmtree(earlier, ignore_errors=True)
    return Spool(root / f"{place}-{form}", source=source)


def open_passing_spool(root: Path, source: Path) -> Spool:
    """A new spool for a pipe, which nobody can read again; the next run removes it."""
    folder = root / f"pipe-{os.getpid()}-{abs(hash(source))}"
    shutil.rmtree(folder, ignore_errors=True)
    return Spool(folder, source=source)


def _open_at(path: Path, length: int) -> BinaryIO:
    file = path.open("r+b" if path.exists() else "w+b")
    file.truncate(length)
    file.seek(length)
    return file


def _read_state(path: Path) -> SpoolState | None:
    """The state, or None when there is none, or none that can be trusted."""
    try:
        values = json.loads(path.read_bytes())
        values["carry"] = base64.b64decode(values["carry"])
        log = BadRecordLog()
        log.num_by_reason.update(values["bad"]["num_by_reason"])
        log.examples = {
            reason: [BadRecord(**example) for example in examples]
            for reason, examples in values["bad"]["examples"].items()
        }
        counts = {name: Counter(values[name]) for name in ("left_out", "unknown_templates")}
        state = SpoolState(**{**values, **counts, "bad": log})
        is_sound = all(
            length <= path.with_name(name).stat().st_size
            for name, length in _lengths(state).items()
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return state if is_sound else None


def _write_state(path: Path, state: SpoolState) -> None:
    values = {
        **{item.name: getattr(state, item.name) for item in fields(state)},
        "carry": base64.b64encode(state.carry).decode(),
        # Not by `asdict` of the whole: it takes a Counter for a dictionary and breaks its keys.
        "bad": {
            "num_by_reason": dict(state.bad.num_by_reason),
            "examples": {
                reason: [asdict(example) for example in examples]
                for reason, examples in state.bad.examples.items()
            },
        },
    }
    with atomic_write(path) as file:
        json.dump(values, file)
