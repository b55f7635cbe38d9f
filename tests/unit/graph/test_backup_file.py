"""The file of a backup: every bit of it is under a checksum, and old ones are pruned with care."""

from __future__ import annotations

import io
import random
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookgraph.core.errors import InputError
from bookgraph.graph.backup.container import BackupWriter, is_backup, open_backup
from bookgraph.graph.backup.folder import new_path, prune
from bookgraph.graph.backup.read import Changes
from bookgraph.graph.backup.values import dumps, from_json, to_json

NOW = datetime(2026, 11, 27, 8, 0, 0, tzinfo=UTC)


def write(path: Path, *lines: bytes) -> Path:
    with path.open("w+b") as file:
        writer = BackupWriter(file)
        with writer.part("nodes/Book.ndjson") as part:
            for line in lines or (b'[{"title":"Emma"}]\n',):
                part.write_line(line)
        writer.finish({"bookgraph": "0.1.0"})
    return path


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    lines = [dumps([{"title": f"Book {row}"}]) + b"\n" for row in range(50_000)]
    path = write(tmp_path / "b.zip", *lines)
    with open_backup(path) as backup:
        assert list(backup.lines("nodes/Book.ndjson")) == lines
        assert list(backup.lines("nodes/Link.ndjson")) == []
        assert backup.parts["nodes/Book.ndjson"].num_lines == len(lines)
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None, "any program that reads zip files can read it"


def test_every_flipped_bit_is_found(tmp_path: Path) -> None:
    path = write(tmp_path / "b.zip")
    content = path.read_bytes()
    for place in range(len(content)):
        damaged = bytearray(content)
        damaged[place] ^= 1 << random.Random(place).randrange(8)
        path.write_bytes(damaged)
        with pytest.raises(InputError, match="Nothing was changed"), open_backup(path):
            pass


def test_every_cut_is_found(tmp_path: Path) -> None:
    path = write(tmp_path / "b.zip")
    content = path.read_bytes()
    for size in range(len(content)):
        path.write_bytes(content[:size])
        with pytest.raises(InputError, match="Nothing was changed"), open_backup(path):
            pass


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="File not found"), open_backup(tmp_path / "none.zip"):
        pass
    with pytest.raises(InputError, match="is a folder"), open_backup(tmp_path):
        pass


def test_a_backup_written_over_an_attempt_has_nothing_of_it() -> None:
    file = io.BytesIO()
    with BackupWriter(file).part("a") as part:
        part.write(b"x" * 1_000_000)
    writer = BackupWriter(file)
    with writer.part("b") as part:
        part.write(b"y")
    writer.finish({})
    assert len(file.getvalue()) < 2_000


VALUES = (
    st.text()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.binary().map(bytearray)
    | st.lists(st.text())
    | st.lists(st.floats(allow_nan=False))
    | st.lists(st.floats(width=32, allow_nan=False))
)


@given(st.dictionaries(st.text(), VALUES))
def test_values_come_back_exactly(properties: dict[str, object]) -> None:
    line = dumps(to_json(properties))
    found = from_json(orjson.loads(line))
    assert found == properties
    # An int is no float, and -0.0 is not 0.0.
    plain = {
        name: bytes(value) if isinstance(value, bytearray) else value
        for name, value in properties.items()
    }
    assert repr(sorted(found.items(), key=lambda one: one[0])) == repr(
        sorted(plain.items(), key=lambda one: one[0])
    )


@given(
    before=st.dictionaries(st.text(max_size=3), st.integers(0, 3)),
    changed=st.dictionaries(st.text(max_size=3), st.none() | st.integers(4, 9)),
)
def test_changes_give_the_lines_of_now(
    before: dict[str, int], changed: dict[str, int | None]
) -> None:
    def line(key: str, value: int) -> bytes:
        return dumps([{"title": key, "value": value}]) + b"\n"

    lines = {key: None if value is None else line(key, value) for key, value in changed.items()}
    now = {key: value for key, value in {**before, **changed}.items() if value is not None}
    changes = Changes(lines={"nodes/Book.ndjson": lines})
    found = changes.apply("nodes/Book.ndjson", [line(key, before[key]) for key in sorted(before)])
    assert list(found) == [line(key, now[key]) for key in sorted(now)]


def make_folder(folder: Path, num: int) -> list[Path]:
    """Backups of the last days, the latest first."""
    paths = []
    for days in range(num):
        path = new_path(folder, NOW - timedelta(days=days))
        paths.append(write(path))
    return paths


def test_the_latest_are_kept_and_all_other_files(tmp_path: Path) -> None:
    paths = make_folder(tmp_path, 10)
    others = [
        tmp_path / "bookgraph-20200101T000000Z.zip",  # the name, but another program's file
        tmp_path / "before-the-upgrade.zip",  # a backup that the user named
        tmp_path / "bookgraph-notes.zip",
    ]
    others[0].write_bytes(b"PK\x03\x04 a file of another program")
    write(others[1])
    write(others[2])
    link = tmp_path / "bookgraph-20190101T000000Z.zip"
    link.symlink_to(others[1])
    gone = prune(tmp_path, newest=paths[0], num_kept=3, num_days=None, now=NOW)
    assert sorted(gone) == sorted(paths[3:])
    assert all(path.exists() for path in (*paths[:3], *others, link))


def test_old_ones_are_deleted_but_never_the_newest(tmp_path: Path) -> None:
    paths = make_folder(tmp_path, 10)
    later = NOW + timedelta(days=3)
    assert sorted(prune(tmp_path, newest=paths[0], num_kept=None, num_days=5, now=later)) == sorted(
        paths[3:]
    )
    much_later = NOW + timedelta(days=300)
    prune(tmp_path, newest=paths[0], num_kept=None, num_days=5, now=much_later)
    assert list(tmp_path.iterdir()) == [paths[0]]


def test_drafts_of_killed_backups_are_deleted(tmp_path: Path) -> None:
    (path,) = make_folder(tmp_path, 1)
    draft = tmp_path / ".bookgraph-20261101T000000Z.zip.4194304-1.part"
    draft.write_bytes(b"half")
    other = tmp_path / ".other.4194304-1.part"
    other.write_bytes(b"half")
    prune(tmp_path, newest=path, num_kept=5, num_days=None, now=NOW)
    assert not draft.exists()
    assert other.exists()


def test_two_backups_of_one_second_have_two_names(tmp_path: Path) -> None:
    first = write(new_path(tmp_path, NOW))
    second = write(new_path(tmp_path, NOW))
    assert first != second
    assert is_backup(second)
    assert prune(tmp_path, newest=second, num_kept=1, num_days=None, now=NOW) == [first]


def test_times_in_a_zone_can_be_hashed_as_the_driver_does() -> None:
    """The driver hashes each value it sends; with a `ZoneInfo` that crashes within 1,000 times."""
    moment = from_json(
        {"at": {"datetime": ["2026-07-01T10:00:00.123456789+02:00", "Europe/Paris"]}}
    )
    again = [from_json(to_json(moment))["at"] for _ in range(2_000)]
    assert {hash(value) for value in again} == {hash(moment["at"])}
    assert again[0].iso_format() == "2026-07-01T10:00:00.123456789+02:00"
    assert again[0].tzinfo.zone == "Europe/Paris"
