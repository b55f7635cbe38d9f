"""Writes files whole, and explains a full disk or a read-only folder.

Every file that another process may read, or that a crash must not leave half written, goes through
`atomic_write`.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO, Any, Literal, overload

import psutil

from bookgraph.core.errors import BookgraphError, DiskFullError

_GB = 1_000_000_000


@overload
def atomic_write(
    path: Path, mode: Literal["w", "x"] = "w", *, permissions: int = ..., is_durable: bool = ...
) -> AbstractContextManager[IO[str]]: ...


@overload
def atomic_write(
    path: Path, mode: Literal["wb"], *, permissions: int = ..., is_durable: bool = ...
) -> AbstractContextManager[IO[bytes]]: ...


@contextmanager
def atomic_write(
    path: Path,
    mode: Literal["w", "wb", "x"] = "w",
    *,
    permissions: int = 0o666,
    is_durable: bool = True,
) -> Iterator[IO[Any]]:
    """Write a file that readers see whole, in its old or its new form.

    The file takes its place when the block ends without an error. Otherwise it is removed, and an
    earlier file of that name stays. Text is UTF-8 with line ends as written.

    Args:
        path: the file; its folder exists.
        mode: `w` for text, `wb` for bytes, `x` for text that never replaces an existing file.
        permissions: of a new file, before the umask.
        is_durable: wait until file and folder are on the disk. A file that is of no use after a
            power cut does not need it.

    Raises:
        DiskFullError: the disk is full.
        BookgraphError: a folder is in the place of the file.
        FileExistsError: `path` exists and the mode is `x`.
        OSError: the file cannot be written.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_native_id()}.part")
    refuse_folder(path)
    remove_drafts(path.parent)
    try:
        with _disk_full_translated(path.parent):
            handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, permissions)
            with _open(handle, is_binary=mode == "wb") as file:
                yield file
                file.flush()
                if is_durable:
                    os.fsync(file.fileno())
            if mode == "x":
                _link_or_rename(draft, path)
            else:
                draft.replace(path)
            if is_durable:
                _sync_folder(path.parent)
    finally:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)


def free_bytes(folder: Path) -> int:
    """Free space on the disk that holds a folder, or would hold it."""
    return shutil.disk_usage(_existing(folder)).free


def folder_bytes(folder: Path) -> int:
    """Size of all files in a folder; 0 for a folder that is missing or that others empty."""
    try:
        return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    except OSError:
        return 0


def describe_disk(
    folder: Path, *, needed_bytes: int = 0, setting: str | None = "BOOKGRAPH_HOME"
) -> str:
    """Which disk a folder is on, what is free there, and what to do about it."""
    needed = f", and {format_bytes(needed_bytes)} are needed" if needed_bytes else ""
    return (
        f"The disk of {folder} is mounted at {_mount_point(folder)} and has "
        f"{format_bytes(free_bytes(folder))} free{needed}. {_free_some(setting)}"
    )


def check_free_space(
    folder: Path, needed_bytes: int, *, purpose: str, setting: str = "BOOKGRAPH_HOME"
) -> None:
    """Refuse work that would fill the disk.

    Args:
        folder: where the work writes.
        needed_bytes: how much.
        purpose: what needs the space, such as "The dump".
        setting: the environment variable that moves the folder to another disk.

    Raises:
        DiskFullError: less is free.
    """
    free = free_bytes(folder)
    if free < needed_bytes:
        raise DiskFullError(
            f"Not enough disk space in {folder}. {purpose} needs {format_bytes(needed_bytes)}, "
            f"and {format_bytes(free)} are free on the disk mounted at {_mount_point(folder)}. "
            f"{_free_some(setting)}"
        )


@contextmanager
def translated_write_errors(
    folder: Path,
    *,
    setting: str = "BOOKGRAPH_HOME",
    error_type: type[BookgraphError] = BookgraphError,
) -> Iterator[None]:
    """Turn the system's errors while a folder is written into ours.

    Args:
        folder: for the message.
        setting: the environment variable that moves the folder.
        error_type: raised for everything but a full disk.

    Raises:
        DiskFullError: the disk is full.
        BookgraphError: the folder cannot be written.
    """
    try:
        with _disk_full_translated(folder, setting):
            yield
    except OSError as error:
        raise error_type(
            f"Cannot write to {folder}: {describe_os_error(error)}. Make the folder writable, or "
            f"set {setting} to another one."
        ) from error


def is_disk_full(error: OSError) -> bool:
    """Whether the disk, or the user's quota, is full."""
    return error.errno in {errno.ENOSPC, errno.EDQUOT}


def format_bytes(num_bytes: float) -> str:
    """A size for people: `150 MB`, `1.2 GB`."""
    return f"{num_bytes / _GB:,.1f} GB" if num_bytes >= _GB else f"{num_bytes / 1e6:,.0f} MB"


def describe_os_error(error: OSError) -> str:
    """Why a file or folder cannot be read or written, for people."""
    if isinstance(error, PermissionError):
        return "permission denied"
    if isinstance(error, FileNotFoundError):
        return "the folder does not exist"
    if isinstance(error, NotADirectoryError | FileExistsError):
        return "a file is in its place"
    if isinstance(error, IsADirectoryError):
        return "a folder is in its place"
    if error.errno == errno.EROFS:
        return "the file system is read-only"
    return error.strerror or type(error).__name__


def _existing(folder: Path) -> Path:
    folder = folder.absolute()
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder


def _mount_point(folder: Path) -> Path:
    folder = _existing(folder).resolve()
    while not folder.is_mount() and folder != folder.parent:
        folder = folder.parent
    return folder


@contextmanager
def _disk_full_translated(folder: Path, setting: str | None = None) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if not is_disk_full(error):
            raise
        raise DiskFullError(
            f"The disk is full: {folder} cannot take more data. "
            f"{describe_disk(folder, setting=setting)}"
        ) from error


def _free_some(setting: str | None) -> str:
    if setting is None:
        return "Free some space and run the command again."
    return (
        f"Free some space, or set {setting} to a folder on another disk. Then run the command "
        "again."
    )


def _open(handle: int, *, is_binary: bool) -> IO[Any]:
    if is_binary:
        return os.fdopen(handle, "wb")
    return os.fdopen(handle, "w", encoding="utf-8", newline="")


def _link_or_rename(draft: Path, path: Path) -> None:
    try:
        # Unlike a rename, a link fails when another process was faster.
        os.link(draft, path)
    except FileExistsError:
        raise
    except OSError:
        # Some file systems have no hard links.
        draft.replace(path)


def sync_file(path: Path) -> None:
    """Wait until a file, or a folder's list of files, is on the disk."""
    handle = os.open(path, os.O_RDWR if path.is_file() else os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sync_folder(folder: Path) -> None:
    if os.name == "posix":
        sync_file(folder)


def refuse_folder(path: Path) -> None:
    """Refuse to go on with a folder where a file belongs.

    Raises:
        BookgraphError: there is one.
    """
    if path.is_dir():
        raise BookgraphError(
            f"A folder is in the place of the file {path}. Move it away, and run the command again."
        )


def remove_drafts(folder: Path) -> None:
    """Remove the drafts that `atomic_write` left in a folder when its process was killed."""
    for draft in folder.glob(".*.*-*.part"):
        pid = draft.name.removesuffix(".part").rpartition(".")[2].partition("-")[0]
        if pid.isdecimal() and not psutil.pid_exists(int(pid)):
            with contextlib.suppress(OSError):
                draft.unlink()


def remove_file(path: Path) -> None:
    """Remove a file, if it is there, for good: it does not come back after a power cut.

    Raises:
        BookgraphError: a folder is in its place.
    """
    refuse_folder(path)
    try:
        path.unlink()
    except FileNotFoundError:
        return
    _sync_folder(path.parent)
