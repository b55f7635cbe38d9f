"""A folder of backups: their default names, and which of the old ones are deleted."""

from __future__ import annotations

import contextlib
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bookgraph.core.files import remove_drafts
from bookgraph.graph.backup.container import is_backup

_NAME = re.compile(r"bookgraph-(\d{8}T\d{6}Z)(?:-\d+)?\.zip")
_TIME = "%Y%m%dT%H%M%SZ"


def new_path(folder: Path, now: datetime) -> Path:
    """A default name that no file of the folder has: `bookgraph-20261127T080000Z.zip`."""
    stem = f"bookgraph-{now.astimezone(UTC).strftime(_TIME)}"
    path, number = folder / f"{stem}.zip", 1
    while path.exists():
        number += 1
        path = folder / f"{stem}-{number}.zip"
    return path


def list_backups(folder: Path) -> list[tuple[Path, datetime]]:
    """The backups with default names in a folder and their times, the latest first.

    Links and files that bookgraph did not write are left out, whatever their names.
    """
    found = []
    for path in folder.glob("bookgraph-*.zip"):
        match = _NAME.fullmatch(path.name)
        if match is None or path.is_symlink() or not path.is_file() or not is_backup(path):
            continue
        with contextlib.suppress(ValueError):
            found.append((path, datetime.strptime(match[1], _TIME).replace(tzinfo=UTC)))
    return sorted(found, key=lambda one: (one[1], len(one[0].name), one[0].name), reverse=True)


def prune(
    folder: Path, *, newest: Path, num_kept: int | None, num_days: int | None, now: datetime
) -> list[Path]:
    """Delete old backups of a folder.

    Args:
        folder: with backups under their default names; other files stay.
        newest: the backup that was just written, which always stays.
        num_kept: how many stay, the newest one among them; None for all.
        num_days: age in days from which they are deleted; None for never.
        now: the time.

    Returns:
        The files that were deleted.
    """
    remove_drafts(folder, "bookgraph-")
    others = [one for one in list_backups(folder) if one[0] != newest]
    gone = []
    for place, (path, made_at) in enumerate(others, start=2):
        is_old = num_days is not None and now - made_at > timedelta(days=num_days)
        if is_old or (num_kept is not None and place > num_kept):
            path.unlink(missing_ok=True)
            gone.append(path)
    return gone
