"""Progress of long work: libraries report `Progress` values, the command line shows them.

A library takes an `on_progress` callback and calls it often. `ProgressPrinter` shows a bar on a
terminal, and elsewhere at most one plain line every few seconds. Nothing here writes to stdout.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress

_PLAIN_LINE_EVERY_S = 3.0
_STEADY_AFTER_S = 2.0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a stage of the work has come.

    Attributes:
        stage: what is being done, in words ("Loading books").
        done: number of finished units.
        total: number of all units, or None if unknown.
        unit: what is counted, in the plural ("books", "MB", "steps").
        note: a short addition, such as the current loss.
    """

    stage: str
    done: float
    total: float | None = None
    unit: str = ""
    note: str = ""

    @property
    def is_finished(self) -> bool:
        """Whether the stage has reached its total."""
        return self.total is not None and self.done >= self.total


OnProgress = Callable[[Progress], None]


def ignore_progress(progress: Progress) -> None:
    """Show nothing. This is the default callback."""


class Meter:
    """Adds up finished units over all threads and reports them with rate and time left."""

    def __init__(
        self,
        stage: str,
        total: int,
        on_progress: OnProgress,
        *,
        unit: str = "MB",
        unit_size: float = 1e6,
        num_present: int = 0,
    ) -> None:
        """Start the clock.

        Args:
            stage: as in `Progress`.
            total: all there is to do, counted singly (bytes).
            on_progress: receives the reports.
            unit: as in `Progress`.
            unit_size: how many make one `unit`.
            num_present: what was done before.
        """
        self.total = total
        self.num_new = 0
        self._num_present = num_present
        self._note = ""
        self._stage, self._unit, self._unit_size = stage, unit, unit_size
        self._on_progress = on_progress
        self._start_s = time.monotonic()
        self._lock = threading.Lock()

    def add(self, num: int, *, note: str | None = None) -> None:
        """Count what was done now, which the rate is measured by.

        Args:
            num: how much; negative for what has to be done again.
            note: stands before the rate from now on.
        """
        with self._lock:
            self.num_new += num
            self._report(note)

    def extend(self, num: int) -> None:
        """Count more that there is to do, which was not known at the start."""
        with self._lock:
            self.total += num

    def add_present(self, num: int, *, note: str | None = None) -> None:
        """Count what was done before; negative for what has to be done again."""
        with self._lock:
            self._num_present += num
            self._report(note)

    def _report(self, note: str | None) -> None:
        if note is not None:
            self._note = note
        done = self._num_present + self.num_new
        parts = [self._note] if self._note else []
        elapsed_s = time.monotonic() - self._start_s
        # The first bytes say little about the rate, and a wrong one sounds like hours left.
        if self.num_new > 0 and (elapsed_s >= _STEADY_AFTER_S or done >= self.total):
            rate = self.num_new / max(elapsed_s, 1e-3)
            parts.append(f"{rate / self._unit_size:.1f} {self._unit}/s")
            if done < self.total:
                parts.append(f"{format_duration((self.total - done) / rate)} left")
        size = self._unit_size
        self._on_progress(
            Progress(self._stage, done / size, self.total / size, self._unit, ", ".join(parts))
        )


def format_duration(seconds: float) -> str:
    """A duration for people: `2 h 05 min`, `3 min 20 s`, `4 s`."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


class ProgressPrinter:
    """Shows progress on stderr: a bar on a terminal, plain lines elsewhere.

    Use it as a context manager, and pass the object itself as `on_progress`.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._console = Console(file=self._stream)
        self._bar: RichProgress | None = None
        self._tasks: dict[str, TaskID] = {}
        self._started_s: dict[str, float] = {}
        self._last_line_s: dict[str, float] = {}
        self._finished: set[str] = set()

    def __enter__(self) -> ProgressPrinter:
        if self._console.is_terminal:
            self._bar = RichProgress(
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.fields[counts]}"),
                TimeRemainingColumn(),
                console=self._console,
            )
            self._bar.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def __call__(self, progress: Progress) -> None:
        """Show one report."""
        now = time.monotonic()
        self._started_s.setdefault(progress.stage, now)
        if self._bar is not None:
            self._update_bar(self._bar, progress)
        else:
            self._print_line(progress, now)

    def _update_bar(self, bar: RichProgress, progress: Progress) -> None:
        counts = _counts(progress)
        if progress.stage not in self._tasks:
            self._tasks[progress.stage] = bar.add_task(
                progress.stage, total=progress.total, counts=counts
            )
        bar.update(
            self._tasks[progress.stage],
            completed=progress.done,
            total=progress.total,
            counts=counts,
        )

    def _print_line(self, progress: Progress, now: float) -> None:
        if progress.stage in self._finished:
            return
        is_due = now - self._last_line_s.get(progress.stage, -1e9) >= _PLAIN_LINE_EVERY_S
        if not (is_due or progress.is_finished):
            return
        self._last_line_s[progress.stage] = now
        line = f"{progress.stage}: {_counts(progress)}"
        if progress.is_finished:
            self._finished.add(progress.stage)
            line += f" in {now - self._started_s[progress.stage]:.1f} s"
        self._console.print(line, highlight=False, markup=False, soft_wrap=True)


def _counts(progress: Progress) -> str:
    done = f"{progress.done:,.0f}"
    if progress.total is not None:
        done += f" of {progress.total:,.0f}"
    parts = [f"{done} {progress.unit}".strip()]
    if progress.note:
        parts.append(progress.note)
    return ", ".join(parts)
