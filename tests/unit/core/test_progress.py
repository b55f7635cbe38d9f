"""Progress on a pipe: plain lines, few, and each stage ends with its seconds."""

from __future__ import annotations

import io
import re

import pytest

from bookgraph.core.progress import Meter, Progress, ProgressPrinter, format_duration


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr("bookgraph.core.progress.time.monotonic", lambda: now[0])
    return now


def test_a_stage_prints_its_beginning_and_its_end(clock: list[float]) -> None:
    stream = io.StringIO()
    with ProgressPrinter(stream) as show:
        for done in range(0, 1001, 10):
            show(Progress("Loading books", done, 1000, "books"))
            clock[0] += 0.01
    assert stream.getvalue().splitlines() == [
        "Loading books: 0 of 1,000 books",
        "Loading books: 1,000 of 1,000 books in 1.0 s",
    ]


def test_long_work_speaks_every_three_seconds(clock: list[float]) -> None:
    stream = io.StringIO()
    with ProgressPrinter(stream) as show:
        for second in range(10):
            show(Progress("Training", second, 100, "steps", note=f"loss {second}"))
            clock[0] += 1
    lines = stream.getvalue().splitlines()
    assert [re.findall(r"\d+", line)[0] for line in lines] == ["0", "3", "6", "9"]
    assert lines[-1] == "Training: 9 of 100 steps, loss 9"


def test_a_finished_stage_does_not_speak_again(clock: list[float]) -> None:
    stream = io.StringIO()
    with ProgressPrinter(stream) as show:
        show(Progress("Loading", 5, 5, "books"))
        clock[0] += 60
        show(Progress("Loading", 5, 5, "books"))
    assert stream.getvalue().count("Loading") == 1


def test_markup_in_a_note_is_printed_as_it_is() -> None:
    stream = io.StringIO()
    with ProgressPrinter(stream) as show:
        show(Progress("Reading", 1, None, "files", note="[red]name[/red]"))
    assert "[red]name[/red]" in stream.getvalue()


def test_unknown_totals_never_look_finished() -> None:
    assert not Progress("Reading", 10**9).is_finished
    assert Progress("Reading", 3, 3).is_finished


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_a_bar_for_each_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    with ProgressPrinter(stream) as show:
        show(Progress("First", 1, 2, "books"))
        show(Progress("Second", 2, 2, "links"))
        show(Progress("First", 2, 2, "books"))
    text = stream.getvalue()
    assert "First" in text
    assert "2 of 2 links" in text
    assert "2 of 2 books" in text


def test_a_meter_reports_rate_and_time_left_of_new_work_only(clock: list[float]) -> None:
    seen: list[Progress] = []
    meter = Meter("Downloading", 10_000_000, seen.append, num_present=4_000_000)
    clock[0] += 2
    meter.add(2_000_000, note="1 of 3 files")
    assert seen[-1] == Progress("Downloading", 6.0, 10.0, "MB", "1 of 3 files, 1.0 MB/s, 4 s left")
    meter.add(4_000_000)
    assert seen[-1].is_finished
    assert seen[-1].note == "1 of 3 files, 3.0 MB/s"
    assert meter.num_new == 6_000_000


def test_a_meter_without_new_work_shows_no_rate() -> None:
    seen: list[Progress] = []
    meter = Meter("Reading", 300, seen.append, unit="books", unit_size=1)
    meter.add_present(100)
    assert seen == [Progress("Reading", 100, 300, "books", "")]
    meter.add_present(-100)
    assert seen[-1].done == 0


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (59, "59 s"), (200, "3 min 20 s"), (7_500, "2 h 05 min")]
)
def test_durations_are_for_people(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text
