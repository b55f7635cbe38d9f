"""Filling the cache: what goes wrong with a download, a disk or a file, and what is left then."""

from __future__ import annotations

import errno
import hashlib
import multiprocessing
import os
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bookgraph.core.errors import ChecksumError, DiskFullError, DownloadError, LocalServerError
from bookgraph.core.processes import wait_until
from bookgraph.core.progress import Progress
from bookgraph.graph.jars import fetch as jars_module
from bookgraph.graph.jars.fetch import fetch_jars
from bookgraph.graph.jars.lock import Jar

OnBytes = Callable[[int], None]


def _content(number: int) -> bytes:
    return f"jar {number} ".encode() * (100 + number)


def _jar(number: int) -> Jar:
    content = _content(number)
    digest = hashlib.sha256(content).hexdigest()
    return Jar("test.group", f"part{number}", "1.0", "", digest, len(content))


JARS = tuple(_jar(number) for number in range(12))


class Source:
    """Writes the right bytes, except where a test tells it to go wrong."""

    def __init__(self) -> None:
        self.requested: list[str] = []
        self.faults: dict[str, list[Exception]] = {}
        self.contents = {jar.artifact: _content(number) for number, jar in enumerate(JARS)}

    def __call__(self, jar: Jar, folder: Path, on_bytes: OnBytes) -> Path:
        self.requested.append(jar.artifact)
        path = folder / f"arriving-{jar.artifact}"
        content = self.contents[jar.artifact]
        path.write_bytes(content[: len(content) // 2])
        on_bytes(len(content) // 2)
        if self.faults.get(jar.artifact):
            raise self.faults[jar.artifact].pop(0)
        path.write_bytes(content)
        on_bytes(len(content) - len(content) // 2)
        return path


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jars_module, "_RETRY_PAUSES_S", (0.0, 0.0))


@pytest.fixture
def source() -> Source:
    return Source()


def _names(cache: Path) -> set[str]:
    return {path.name for path in (cache / "jars").iterdir() if path.suffix == ".jar"}


def test_all_jars_are_downloaded_and_returned_in_order(tmp_path: Path, source: Source) -> None:
    paths = fetch_jars(tmp_path, jars=JARS, fetch=source)
    assert [path.read_bytes() for path in paths] == [_content(number) for number in range(12)]
    assert sorted(source.requested) == sorted(jar.artifact for jar in JARS)
    assert not (tmp_path / "jars" / "partial").exists()


def test_a_second_call_downloads_and_reads_nothing(
    tmp_path: Path, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = fetch_jars(tmp_path, jars=JARS, fetch=source)
    source.requested.clear()

    def refuse(_path: Path) -> str:
        raise AssertionError("a warm call must not read the jars")

    monkeypatch.setattr("bookgraph.graph.jars.fetch.sha256_of", refuse)
    assert fetch_jars(tmp_path, jars=JARS, fetch=source) == first
    assert source.requested == []


def test_progress_counts_megabytes_and_jars_up_to_the_end(tmp_path: Path, source: Source) -> None:
    seen: list[Progress] = []
    fetch_jars(tmp_path, jars=JARS, fetch=source, on_progress=seen.append)
    total = sum(jar.size for jar in JARS) / 1e6
    assert seen[-1].done == pytest.approx(total)
    assert seen[-1].note.startswith("12 of 12 jars")
    assert [step.is_finished for step in seen].count(True) == 1
    assert all(step.unit == "MB" and step.total == pytest.approx(total) for step in seen)
    assert [step.done for step in seen] == sorted(step.done for step in seen)


def test_an_interrupted_download_is_retried(tmp_path: Path, source: Source) -> None:
    source.faults["part3"] = [DownloadError("cut"), DownloadError("HTTP status 503")]
    paths = fetch_jars(tmp_path, jars=JARS, fetch=source)
    assert paths[3].read_bytes() == _content(3)
    assert source.requested.count("part3") == 3


def test_a_jar_that_keeps_failing_is_an_error_and_the_next_call_resumes(
    tmp_path: Path, source: Source
) -> None:
    source.faults["part0"] = [DownloadError("cut")] * 3
    with pytest.raises(DownloadError) as caught:
        fetch_jars(tmp_path, jars=JARS, fetch=source)
    message = str(caught.value)
    assert "test.group:part0:1.0" in message
    assert "of 12 jars" in message
    assert "run the command again" in message
    assert caught.value.retryable
    assert not (tmp_path / "jars" / JARS[0].file_name).exists()
    assert not (tmp_path / "jars" / "partial").exists()

    there = _names(tmp_path)
    source.requested.clear()
    fetch_jars(tmp_path, jars=JARS, fetch=source)
    assert len(source.requested) == 12 - len(there)
    assert "part0" in source.requested


def test_wrong_content_is_deleted_and_both_checksums_are_named(
    tmp_path: Path, source: Source
) -> None:
    source.contents["part5"] = b"<html>log in first</html>"
    with pytest.raises(ChecksumError) as caught:
        fetch_jars(tmp_path, jars=JARS, fetch=source)
    message = str(caught.value)
    assert JARS[5].sha256 in message
    assert hashlib.sha256(b"<html>log in first</html>").hexdigest() in message
    assert "test.group:part5:1.0" in message
    assert "25 bytes" in message
    assert JARS[5].file_name not in _names(tmp_path)
    assert not list((tmp_path / "jars").glob("**/arriving-*"))


def test_a_disk_that_fills_up_is_an_error(tmp_path: Path, source: Source) -> None:
    source.faults["part2"] = [OSError(errno.ENOSPC, "No space left on device")]
    with pytest.raises(DiskFullError) as caught:
        fetch_jars(tmp_path, jars=JARS, fetch=source)
    message = str(caught.value)
    assert str(tmp_path) in message
    assert "disk is full" in message
    assert "BOOKGRAPH_CACHE" in message
    assert source.requested.count("part2") == 1, "a full disk must not be retried"
    assert not (tmp_path / "jars" / "partial").exists()
    fetch_jars(tmp_path, jars=JARS, fetch=source)


def test_too_little_disk_space_prevents_the_download(
    tmp_path: Path, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage._replace(free=7_000_000))
    with pytest.raises(DiskFullError, match=r"needs 100 MB, and 7 MB are free"):
        fetch_jars(tmp_path, jars=JARS, fetch=source)
    assert source.requested == []


@pytest.mark.parametrize("damage", ["shorter", "same length", "gone"])
def test_a_damaged_jar_is_downloaded_again(tmp_path: Path, source: Source, damage: str) -> None:
    path = fetch_jars(tmp_path, jars=JARS, fetch=source)[4]
    source.requested.clear()
    content = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(content[:-1] if damage == "shorter" else b"X" + content[1:])
    fetch_jars(tmp_path, jars=JARS, fetch=source)
    assert source.requested == ["part4"]
    assert path.read_bytes() == content


def test_a_touched_jar_is_read_again_and_kept(tmp_path: Path, source: Source) -> None:
    path = fetch_jars(tmp_path, jars=JARS, fetch=source)[4]
    source.requested.clear()
    os.utime(path, (1, 1))
    fetch_jars(tmp_path, jars=JARS, fetch=source)
    assert source.requested == []


def test_a_new_checksum_in_the_lock_downloads_the_jar_again(tmp_path: Path, source: Source) -> None:
    fetch_jars(tmp_path, jars=JARS, fetch=source)
    source.requested.clear()
    changed = bytes(reversed(_content(1)))
    source.contents["part1"] = changed
    newer = Jar("test.group", "part1", "1.0", "", hashlib.sha256(changed).hexdigest(), len(changed))
    paths = fetch_jars(tmp_path, jars=(JARS[0], newer), fetch=source)
    assert source.requested == ["part1"]
    assert paths[1].read_bytes() == changed


def test_leftovers_of_a_killed_process_are_removed(tmp_path: Path, source: Source) -> None:
    partial = tmp_path / "jars" / "partial"
    partial.mkdir(parents=True)
    (partial / "half.jar").write_bytes(b"half")
    fetch_jars(tmp_path, jars=JARS, fetch=source)
    assert not partial.exists()


def test_other_files_in_the_cache_do_no_harm(tmp_path: Path, source: Source) -> None:
    (tmp_path / "jars").mkdir()
    other = tmp_path / "jars" / "test.group.part1-0.9.jar"
    other.write_bytes(b"an older version")
    paths = fetch_jars(tmp_path, jars=JARS, fetch=source)
    assert other not in paths
    assert other.read_bytes() == b"an older version"


def test_the_users_maven_repository_saves_the_download(
    tmp_path: Path, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for number, content in ((6, _content(6)), (7, b"Y" + _content(7)[1:]), (8, b"short")):
        folder = tmp_path / ".m2/repository/test/group" / f"part{number}" / "1.0"
        folder.mkdir(parents=True)
        (folder / f"part{number}-1.0.jar").write_bytes(content)
    paths = fetch_jars(tmp_path / "cache", jars=JARS[6:9], fetch=source)
    # Right; of the right size with other content; of another size.
    assert sorted(source.requested) == ["part7", "part8"]
    assert [path.read_bytes() for path in paths] == [_content(6), _content(7), _content(8)]


def test_a_cache_that_cannot_be_created_is_an_error(tmp_path: Path, source: Source) -> None:
    (tmp_path / "jars").write_text("a file where the folder should be", encoding="utf-8")
    with pytest.raises(LocalServerError, match="BOOKGRAPH_CACHE"):
        fetch_jars(tmp_path, jars=JARS, fetch=source)


def test_an_interrupt_ends_the_other_downloads(tmp_path: Path) -> None:
    is_cut = threading.Event()

    def endless(jar: Jar, _folder: Path, on_bytes: OnBytes) -> Path:
        if jar.artifact == JARS[0].artifact:
            raise KeyboardInterrupt
        for _ in range(500):
            on_bytes(1)
            is_cut.wait(0.01)
        is_cut.set()
        raise AssertionError("the download went on")

    started_s = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        fetch_jars(tmp_path, jars=JARS[:4], fetch=endless)
    assert time.monotonic() - started_s < 3
    assert not is_cut.is_set()


def _fetch_until_another_waits(cache: Path, log: Path, notes: Path) -> None:
    source = Source()

    def slow(jar: Jar, folder: Path, on_bytes: OnBytes) -> Path:
        with log.open("a", encoding="utf-8") as file:
            file.write(f"{jar.artifact}\n")
        wait_until(lambda: "Waiting" in notes.read_text("utf-8"), timeout_s=30, pause_s=0.01)
        return source(jar, folder, on_bytes)

    def note(progress: Progress) -> None:
        with notes.open("a", encoding="utf-8") as file:
            file.write(f"{progress.stage}\n")

    fetch_jars(cache, jars=JARS, fetch=slow, on_progress=note)


def test_the_second_of_two_processes_waits_and_downloads_nothing(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    log, notes = tmp_path / "log", tmp_path / "notes"
    notes.touch()
    processes = [
        context.Process(target=_fetch_until_another_waits, args=(tmp_path / "cache", log, notes))
        for _ in range(2)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]
    assert sorted(log.read_text("utf-8").split()) == sorted(jar.artifact for jar in JARS)
    assert "another bookgraph process is downloading" in notes.read_text("utf-8")
