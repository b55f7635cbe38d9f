"""Files appear whole or not at all, and a full disk or a read-only folder is explained."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
from pathlib import Path

import pytest

from bookgraph.core.errors import BookgraphError, DiskFullError, InputError
from bookgraph.core.files import (
    atomic_write,
    check_free_space,
    format_bytes,
    free_bytes,
    remove_file,
    translated_write_errors,
)


def test_a_file_is_replaced_whole_and_leaves_no_other(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with atomic_write(path) as file:
        file.write("one\n")
    with atomic_write(path) as file:
        file.write("two é\n")
        assert path.read_text("utf-8") == "one\n"
    assert path.read_bytes() == "two é\n".encode()
    assert list(tmp_path.iterdir()) == [path]


def test_bytes_are_written_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with atomic_write(path, "wb", is_durable=False) as file:
        file.write(b"\xff\r\n")
    assert path.read_bytes() == b"\xff\r\n"


def test_an_error_in_the_block_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    with contextlib.suppress(ZeroDivisionError), atomic_write(path) as file:
        file.write("half")
        raise ZeroDivisionError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_permissions_hold_from_the_first_byte(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    with atomic_write(path, permissions=0o600) as file:
        file.write("x")
        (draft,) = tmp_path.iterdir()
        assert stat.S_IMODE(draft.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("has_links", [True, False])
def test_an_exclusive_write_never_replaces_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, has_links: bool
) -> None:
    def refuse(_source: Path, _target: Path) -> None:
        raise PermissionError(errno.EPERM, "no hard links here")

    if not has_links:
        monkeypatch.setattr(os, "link", refuse)
    path = tmp_path / "file"
    with atomic_write(path, "x") as file:
        file.write("first")
    if has_links:
        with pytest.raises(FileExistsError), atomic_write(path, "x") as file:
            file.write("second")
    assert path.read_text() == "first"
    assert list(tmp_path.iterdir()) == [path]


def test_drafts_of_killed_processes_are_removed_and_those_of_others_stay(tmp_path: Path) -> None:
    killed = tmp_path / f".file.{2**22 + 5}-1.part"
    running = tmp_path / f".file.{os.getppid()}-1.part"
    other = tmp_path / f".file2.{2**22 + 5}-1.part"
    own = tmp_path / "dump.bz2.part"
    for path in (killed, running, other, own):
        path.touch()
    with atomic_write(tmp_path / "file") as file:
        file.write("x")
    assert sorted(tmp_path.iterdir()) == sorted([tmp_path / "file", running, own])


def test_a_folder_in_the_place_of_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").mkdir()
    with (
        pytest.raises(BookgraphError, match=f"in the place of the file {tmp_path / 'file'}"),
        atomic_write(tmp_path / "file"),
    ):
        pytest.fail("nothing can be written")
    with pytest.raises(BookgraphError, match="Move it away"):
        remove_file(tmp_path / "file")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_full_disk_is_an_error_and_the_old_file_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    def no_room(_handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_room)
    with pytest.raises(DiskFullError, match="disk is full"), atomic_write(path) as file:
        file.write("new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_too_little_space_names_both_amounts_and_the_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage._replace(free=1_000_000))
    check_free_space(tmp_path, 1_000_000, purpose="The import")
    with pytest.raises(DiskFullError) as caught:
        check_free_space(tmp_path, 2_500_000_000, purpose="The import")
    message = str(caught.value)
    assert "The import needs 2.5 GB, and 1 MB are free" in message
    assert str(tmp_path) in message
    assert "BOOKGRAPH_HOME" in message


def test_the_space_of_a_folder_that_does_not_exist_yet_is_its_disks(tmp_path: Path) -> None:
    assert free_bytes(tmp_path / "a" / "b") > 0


@pytest.mark.parametrize(
    ("error", "kind", "says"),
    [
        (OSError(errno.ENOSPC, "No space left"), DiskFullError, "disk is full"),
        (OSError(errno.EDQUOT, "Quota exceeded"), DiskFullError, "disk is full"),
        (PermissionError(errno.EACCES, "Permission denied"), InputError, "permission denied"),
        (OSError(errno.EROFS, "Read-only"), InputError, "the file system is read-only"),
        (NotADirectoryError(errno.ENOTDIR, "Not a dir"), InputError, "a file is in its place"),
    ],
)
def test_errors_of_the_system_are_translated(
    tmp_path: Path, error: OSError, kind: type[BookgraphError], says: str
) -> None:
    with (
        pytest.raises(BookgraphError, match=says) as caught,
        translated_write_errors(tmp_path, setting="BOOKGRAPH_CACHE", error_type=InputError),
    ):
        raise error
    assert type(caught.value) is kind
    assert str(tmp_path) in str(caught.value)
    assert "BOOKGRAPH_CACHE" in str(caught.value)


@pytest.mark.parametrize(
    ("num_bytes", "text"), [(0, "0 MB"), (150_000_000, "150 MB"), (1_240_000_000, "1.2 GB")]
)
def test_sizes_are_for_people(num_bytes: int, text: str) -> None:
    assert format_bytes(num_bytes) == text
