"""Dumps in segments: the same records as one after the other, resumed after a kill, bounded."""

from __future__ import annotations

import bz2
import gzip
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path

import pytest

from bookgraph.core.errors import BookgraphError, DiskFullError, InputError
from bookgraph.core.files import translated_write_errors
from bookgraph.core.locks import process_lock
from bookgraph.core.processes import wait_until
from bookgraph.core.progress import Progress
from bookgraph.core.types import BookRecord
from bookgraph.ingest import BadRecord, iter_records
from bookgraph.ingest.read import dump, extract, segments
from bookgraph.ingest.read.extract import extract_dumps
from bookgraph.ingest.read.files import Compression, SourceFile
from bookgraph.ingest.read.segments import plan_segments, scan_segment
from bookgraph.ingest.read.spool import Spool, open_spool

ROOT = Path(__file__).resolve().parents[3]


def _source(path: Path, compression: Compression) -> SourceFile:
    return SourceFile(path, "dump", compression)


def _page(number: int) -> str:
    if number % 7 == 3:
        return (
            f"<page><title>R{number}</title><ns>0</ns><id>{number}</id>"
            f'<redirect title="Book {number - 3}" /><revision><text>x</text></revision></page>\n'
        )
    box = f"{{{{Infobox book|name=N{number}}}}} [[Link {number % 5}]] " if number % 4 == 0 else ""
    return (
        f"<page><title>Book {number}</title><ns>0</ns><id>{number}</id><revision>"
        f"<timestamp>2018</timestamp><text>{box}{'text é ' * (number % 90)}</text></revision>"
        "</page>\n"
    )


def _dump(num_pages: int, *, dbname: str = "enwiki") -> bytes:
    pages = "".join(map(_page, range(num_pages)))
    return f"<mediawiki><dbname>{dbname}</dbname>{pages}</mediawiki>\n".encode()


def _multistream(data: bytes) -> bytes:
    """As Wikimedia does it: the head, then streams of 100 pages, then the end."""
    parts = data.replace(b"<page>", b"\0<page>").replace(b"</mediawiki>", b"\0</mediawiki>")
    pieces = parts.split(b"\0")
    groups = [pieces[0], *(b"".join(pieces[i : i + 100]) for i in range(1, len(pieces) - 1, 100))]
    return b"".join(map(bz2.compress, [*groups, pieces[-1]]))


_DATA = _dump(1_500)
_WRITERS: dict[str, tuple[Compression, Callable[[bytes], bytes]]] = {
    "plain": ("none", bytes),
    "gzip": ("gzip", gzip.compress),
    "single stream": ("bzip2", lambda data: bz2.compress(data, 1)),
    "multistream": ("bzip2", _multistream),
    # pbzip2's streams end anywhere, also inside a page and inside a letter.
    "pbzip2": (
        "bzip2",
        lambda data: b"".join(
            bz2.compress(data[at : at + 10_007]) for at in range(0, len(data), 10_007)
        ),
    ),
}


def _refuse(bad: BadRecord) -> None:
    pytest.fail(repr(bad))


def _records(done: Spool) -> list[BookRecord]:
    return list(done.iter_records(on_bad=_refuse))


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> list[BookRecord]:
    path = tmp_path_factory.mktemp("plain") / "dump.xml"
    path.write_bytes(_DATA)
    records = list(iter_records(path))
    # Every fourth page, but those that are redirects.
    assert len(records) == sum(n % 4 == 0 and n % 7 != 3 for n in range(1_500))
    return records


@pytest.mark.parametrize("name", _WRITERS)
@pytest.mark.parametrize("segment_bytes", [101, 5_003, 2**24])
def test_segments_of_any_size_give_what_one_reader_gives(
    name: str,
    segment_bytes: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    expected: list[BookRecord],
) -> None:
    compression, write = _WRITERS[name]
    sizes = dict.fromkeys(("none", "bzip2"), segment_bytes)
    monkeypatch.setattr(segments, "_SEGMENT_BYTES", sizes)
    path = tmp_path / "dump"
    path.write_bytes(write(_DATA))
    (done,) = extract_dumps([_source(path, compression)], work_dir=tmp_path / "w", num_workers=1)
    assert _records(done) == expected
    redirects = [(f"R{n}", f"Book {n - 3}") for n in range(1_500) if n % 7 == 3]
    assert list(done.iter_redirects()) == redirects
    state = done.state
    assert (state.num_pages, state.wiki, state.is_complete) == (1_500, "enwiki", True)
    assert (state.num_records, state.num_redirects) == (len(expected), len(redirects))


_WITHOUT_NUMBA = """
import sys
sys.modules["numba"] = None
from pathlib import Path
from bookgraph.ingest import BadRecord, iter_records
from bookgraph.ingest.read import segments

segments._LARGE_BYTES = 0
for record in iter_records(Path(sys.argv[1])):
    print(record)
"""


def test_records_are_equal_where_numba_is_missing(
    tmp_path: Path, expected: list[BookRecord]
) -> None:
    path = tmp_path / "dump.bz2"
    path.write_bytes(bz2.compress(_DATA, 1))
    done = subprocess.run(
        [sys.executable, "-c", _WITHOUT_NUMBA, path],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == [repr(record) for record in expected]


def test_several_files_on_several_processes_keep_their_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, expected: list[BookRecord]
) -> None:
    monkeypatch.setattr(extract, "_SMALL_BYTES", 0)
    dumps = []
    for name, (compression, write) in _WRITERS.items():
        path = tmp_path / name
        path.write_bytes(write(_DATA))
        dumps.append(_source(path, compression))
    seen: list[Progress] = []
    spools = extract_dumps(dumps, work_dir=tmp_path / "w", num_workers=2, on_progress=seen.append)
    assert [_records(done) for done in spools] == [expected] * len(dumps)
    assert seen[-1].is_finished
    assert "7,500 pages" in seen[-1].note
    assert seen[-1].note.endswith(" MB/s")


def test_a_page_over_many_segments_is_one_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "_SEGMENT_BYTES", {"none": 64})
    path = tmp_path / "dump.xml"
    text = f"<text>{{{{Infobox book}}}}{'x' * 5_000}</text>"
    long = f"<page><title>Long</title><revision>{text}</revision></page>"
    path.write_text(f"<mediawiki>{_page(0)}{long}{_page(4)}</mediawiki>")
    (done,) = extract_dumps([_source(path, "none")], work_dir=tmp_path / "w")
    assert [record.title for record in _records(done)] == ["Book 0", "Long", "Book 4"]


def test_bad_pages_have_the_numbers_that_one_reader_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "_SEGMENT_BYTES", {"none": 999})
    bad = "<page><title>A & B</title><text>{{Infobox book}}</text></page>"
    pages = [bad if number % 50 == 9 else _page(number) for number in range(200)]
    path = tmp_path / "dump.xml"
    path.write_text(f"<mediawiki>{''.join(pages)}</mediawiki>")
    positions = []
    list(iter_records(path, on_bad=lambda item: positions.append(item.position)))
    assert positions == [10, 60, 110, 160]
    (done,) = extract_dumps([_source(path, "none")], work_dir=tmp_path / "w")
    (reason,) = done.state.bad.examples
    assert done.state.bad.num_by_reason == {reason: 4}
    assert [item.position for item in done.state.bad.examples[reason]] == positions[:3]


def test_a_second_run_reads_nothing_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "dump.xml"
    path.write_bytes(_DATA)
    first = extract_dumps([_source(path, "none")], work_dir=tmp_path / "w")
    records = _records(first[0])
    monkeypatch.setattr(extract, "scan_segment", pytest.fail)
    seen: list[Progress] = []
    (again,) = extract_dumps(
        [_source(path, "none")], work_dir=tmp_path / "w", on_progress=seen.append
    )
    assert _records(again) == records
    assert "read before" in seen[-1].note


def test_another_file_of_the_same_name_is_read_anew_and_the_old_spool_removed(
    tmp_path: Path,
) -> None:
    path = tmp_path / "dump.xml"
    path.write_bytes(_dump(100))
    (old,) = extract_dumps([_source(path, "none")], work_dir=tmp_path / "w")
    path.write_bytes(_dump(120))
    (new,) = extract_dumps([_source(path, "none")], work_dir=tmp_path / "w")
    assert new.state.num_pages == 120
    assert not old.folder.exists()


def test_spools_of_dumps_that_are_gone_are_removed(tmp_path: Path) -> None:
    first, second = tmp_path / "first.xml", tmp_path / "second.xml"
    for path in (first, second):
        path.write_bytes(_dump(20))
    gone, kept = extract_dumps(
        [_source(first, "none"), _source(second, "none")], work_dir=tmp_path / "w"
    )
    broken = tmp_path / "w" / "broken"
    broken.mkdir()
    (broken / "state.json").write_text("{")
    first.unlink()
    extract_dumps([_source(second, "none")], work_dir=tmp_path / "w")
    assert not gone.folder.exists()
    assert not broken.exists()
    assert len(_records(kept)) == kept.state.num_records > 0


def test_a_run_that_failed_goes_on_where_it_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, expected: list[BookRecord]
) -> None:
    monkeypatch.setattr(segments, "_SEGMENT_BYTES", {"none": 10_000})
    monkeypatch.setattr(extract, "_SAVE_EVERY_S", 0.0)
    path = tmp_path / "dump.xml"
    path.write_bytes(_DATA)
    asked: list[int] = []

    def scan_until_20(segment: segments.Segment) -> segments.SegmentScan:
        asked.append(segment.start)
        if len(asked) == 20:
            raise KeyboardInterrupt
        return scan_segment(segment)

    monkeypatch.setattr(extract, "scan_segment", scan_until_20)
    with pytest.raises(KeyboardInterrupt):
        extract_dumps([_source(path, "none")], work_dir=tmp_path / "w")
    # As after a power cut: more bytes in the files than the state knows of.
    for file in (tmp_path / "w").rglob("records.ndjson"):
        file.write_bytes(file.read_bytes() + b'["half a rec')
    (done,) = extract_dumps([_source(path, "none")], work_dir=tmp_path / "w")
    assert _records(done) == expected
    assert asked[19] == asked[20] == 190_000
    assert len(asked) == len(set(asked)) + 1 == -(-len(_DATA) // 10_000) + 1


_SCRIPT = """
import sys, time
from pathlib import Path
from bookgraph.ingest.read import extract, segments
from bookgraph.ingest.read.extract import extract_dumps
from bookgraph.ingest.read.files import SourceFile

segments._SEGMENT_BYTES["none"] = 5_000
extract._SAVE_EVERY_S = 0.0
extract._SMALL_BYTES = 0

def on_progress(progress):
    print(progress.note, flush=True)
    time.sleep(0.02)

if __name__ == "__main__":
    path, work_dir = map(Path, sys.argv[1:])
    dump = SourceFile(path, "dump", "none")
    extract_dumps([dump], work_dir=work_dir, num_workers=2, on_progress=on_progress)
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's here")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_process_leaves_a_spool_to_go_on_with_and_no_children(
    tmp_path: Path, how: signal.Signals, expected: list[BookRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, work_dir, script = tmp_path / "dump.xml", tmp_path / "w", tmp_path / "run.py"
    path.write_bytes(_DATA)
    script.write_text(_SCRIPT)
    process = subprocess.Popen(
        [sys.executable, script, path, work_dir],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    for _ in range(15):
        assert process.stdout.readline()
    process.send_signal(how)
    process.wait(timeout=30)
    assert wait_until(lambda: not _is_group_alive(process.pid), timeout_s=20)

    (state_file,) = work_dir.rglob("state.json")
    num_done = json.loads(state_file.read_bytes())["num_segments"]
    assert 14 <= num_done < -(-len(_DATA) // 5_000)
    monkeypatch.setattr(segments, "_SEGMENT_BYTES", {"none": 5_000})
    seen: list[Progress] = []
    (done,) = extract_dumps(
        [_source(path, "none")], work_dir=work_dir, num_workers=1, on_progress=seen.append
    )
    assert len(seen) == -(-len(_DATA) // 5_000) - num_done
    assert "resumed" in seen[0].note
    assert _records(done) == expected


def _is_group_alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("name", ["plain", "gzip", "single stream", "multistream"])
@pytest.mark.parametrize("share", [0.3, 0.8, 0.999])
def test_a_cut_dump_ends_in_a_message_and_the_whole_file_is_read_afterwards(
    tmp_path: Path, name: str, share: float, expected: list[BookRecord]
) -> None:
    compression, write = _WRITERS[name]
    data = write(_DATA)
    path = tmp_path / "dump"
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(InputError, match=r"cut\.? Fetch it again|the file is cut"):
        extract_dumps([_source(path, compression)], work_dir=tmp_path / "w")
    path.write_bytes(data)
    (done,) = extract_dumps([_source(path, compression)], work_dir=tmp_path / "w")
    assert _records(done) == expected


def test_a_failure_in_another_process_keeps_its_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extract, "_SMALL_BYTES", 0)
    monkeypatch.setattr(segments, "_SEGMENT_BYTES", {"bzip2": 5_000})
    data = bytearray(bz2.compress(_DATA, 1))
    data[len(data) // 2] ^= 0xFF
    path = tmp_path / "dump.bz2"
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"dump.bz2 is damaged: the bzip2 block at byte [\d,]+"):
        extract_dumps([_source(path, "bzip2")], work_dir=tmp_path / "w", num_workers=2)


def test_a_process_that_is_killed_is_no_mystery(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extract, "_SMALL_BYTES", 0)
    monkeypatch.setattr(extract, "scan_segment", os.abort)
    monkeypatch.setattr(extract, "map_in_order", _abort_in_order)
    path = tmp_path / "dump.xml"
    path.write_bytes(_DATA)
    with pytest.raises(BookgraphError, match=r"was killed.*resumes where it stopped"):
        extract_dumps([_source(path, "none")], work_dir=tmp_path / "w", num_workers=2)


def _abort_in_order(
    executor: Executor, work: object, segments: list, *, num_waiting: int
) -> object:
    for _ in segments:
        yield executor.submit(os.abort).result()


def test_a_decompression_bomb_is_refused_with_flat_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dump, "MAX_PAGE_BYTES", 32 * 2**20)
    path = tmp_path / "bomb.bz2"
    head = b"<mediawiki><page><title>Bomb</title><text>"
    path.write_bytes(bz2.compress(head + bytes(80 * 2**20)))
    assert path.stat().st_size < 2_000
    with pytest.raises(InputError, match=r"is longer than 32 MiB. Is this a MediaWiki dump"):
        extract_dumps([_source(path, "bzip2")], work_dir=tmp_path / "w")


def test_a_full_disk_is_said_and_what_was_read_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "_SEGMENT_BYTES", {"none": 10_000})
    path = tmp_path / "dump.xml"
    path.write_bytes(_DATA)

    def fail(self: Spool, *, records: bytes, redirects: bytes, skipped: bytes) -> None:
        # /dev/full answers every write as a full disk does.
        with translated_write_errors(self.folder), Path("/dev/full").open("wb", 0) as full:
            full.write(records or redirects or skipped or b"x")

    with monkeypatch.context() as patch:
        patch.setattr(Spool, "append", fail)
        with pytest.raises(DiskFullError, match=r"disk is full: .*BOOKGRAPH_HOME"):
            extract_dumps([_source(path, "none")], work_dir=tmp_path / "w")
    (done,) = extract_dumps([_source(path, "none")], work_dir=tmp_path / "w")
    assert done.state.is_complete


def test_two_at_once_do_not_write_one_spool(tmp_path: Path) -> None:
    path = tmp_path / "dump.xml"
    path.write_bytes(_dump(10))
    with (
        process_lock(tmp_path / "w" / "lock", work="testing", on_progress=None),
        pytest.raises(BookgraphError, match="Another bookgraph process is reading dumps"),
    ):
        extract_dumps([_source(path, "none")], work_dir=tmp_path / "w")


def test_a_work_folder_that_cannot_be_is_said(tmp_path: Path) -> None:
    path = tmp_path / "dump.xml"
    path.write_bytes(_dump(10))
    with pytest.raises(InputError, match=r"Cannot write to .*dump.xml"):
        extract_dumps([_source(path, "none")], work_dir=path / "w")


@pytest.mark.parametrize("junk", [b"", b"{}", b"null", b'{"carry": 1}', b"\xff", b"[" * 9_999])
def test_a_damaged_state_is_not_trusted(tmp_path: Path, junk: bytes) -> None:
    path = tmp_path / "dump.xml"
    path.write_bytes(_dump(50))
    extract_dumps([_source(path, "none")], work_dir=tmp_path / "w")
    (state_file,) = (tmp_path / "w").rglob("state.json")
    state_file.write_bytes(junk)
    (done,) = extract_dumps([_source(path, "none")], work_dir=tmp_path / "w")
    assert done.state.num_pages == 50
    assert len(_records(done)) == done.state.num_records


def test_a_state_that_counts_more_than_there_is_is_not_trusted(tmp_path: Path) -> None:
    path = tmp_path / "dump.xml"
    path.write_bytes(_dump(50))
    (done,) = extract_dumps([_source(path, "none")], work_dir=tmp_path / "w")
    (done.folder / "records.ndjson").write_bytes(b"")
    with open_spool(tmp_path / "w", path) as again:
        assert again.state.num_segments == 0


def test_segments_cover_a_file_without_a_gap(tmp_path: Path) -> None:
    path = tmp_path / "x"
    with path.open("wb") as file:
        file.truncate(9 * 2**20 + 1)
    planned = plan_segments(_source(path, "bzip2"))
    assert [(part.start, part.end) for part in planned] == [
        (0, 4 * 2**20),
        (4 * 2**20, 8 * 2**20),
        (8 * 2**20, 9 * 2**20 + 1),
    ]
    assert [part.end for part in plan_segments(_source(path, "gzip"))] == [9 * 2**20 + 1]
