"""Runs injections one after the other, and judges what is left after each."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from bookgraph.core.processes import wait_until
from bookgraph.testing.faults.command import Command
from bookgraph.testing.faults.kinds import FAKETIME, KINDS, Kind, Strike, clock_variables
from bookgraph.testing.faults.place import Place
from bookgraph.testing.faults.plan import Injection
from bookgraph.testing.faults.stages import STAGES, Material, Stage, make_material
from bookgraph.testing.faults.state import differences
from bookgraph.testing.serving import ROOT

EVIDENCE = ROOT / "build" / "faults"
"""Takes the logs of injections that went wrong, in folders named by number."""

LIMIT_S = 150.0
"""Far more than any command takes on this little data; one that takes longer is stuck."""

_LIMIT_FACTOR = 8.0
"""The same on a busy machine, as a multiple of the time without a fault."""

_END_S = 10.0

Verdict = Literal["finished", "lost", "stuck", "skipped"]


@dataclass
class Result:
    """What came of an injection.

    Attributes:
        injection: which one.
        verdict: `finished`: the command ended well when it was run again, and all that must hold
            did; `lost`: the graph or the files are not what they would be without the fault;
            `stuck`: the command cannot be finished, or left processes behind; `skipped`: this
            machine cannot make such a fault.
        problems: what is wrong.
        notes: what was done and seen.
        elapsed_s: seconds in all.
    """

    injection: Injection
    verdict: Verdict = "finished"
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    elapsed_s: float = 0.0


@dataclass(frozen=True, slots=True)
class _Undisturbed:
    """What a stage gives and takes without a fault."""

    result: list[str]
    elapsed_s: float

    @property
    def limit_s(self) -> float:
        """When the command counts as stuck."""
        return max(LIMIT_S, _LIMIT_FACTOR * self.elapsed_s)


class Runner:
    """Injections in one place."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._material: Material | None = None
        self._undisturbed: dict[tuple[str, bool], _Undisturbed] = {}

    def run(self, injection: Injection) -> Result:
        """Make one injection; nothing of it stays for the next one."""
        start_s = time.monotonic()
        result = Result(injection)
        kind = KINDS[injection.kind]
        if reason := self._cannot(kind):
            result.verdict = "skipped"
            result.notes.append(reason)
            return result
        stage = self._stage(injection.stage)
        try:
            undisturbed = self._measure(stage, kind)
            stage.prepare()
            self._disturb(stage, kind, injection, undisturbed, result)
            if not result.problems:
                self._finish(stage, kind, undisturbed, result)
            if not result.problems:
                self._judge(stage, undisturbed, result)
        except Exception as error:  # noqa: BLE001  # one injection must not end the others
            self._fail(result, "stuck", [f"{type(error).__name__}: {error}"])
        if result.problems:
            result.notes.append(
                f"logs in {self._place.keep_logs(EVIDENCE / f'{injection.number}')}"
            )
            self._place.renew()
        self._place.commands.clear()
        result.elapsed_s = time.monotonic() - start_s
        return result

    def _cannot(self, kind: Kind) -> str:
        if kind.needs == "disk" and not self._place.has_small_disk:
            return "needs a small disk, which only root may mount"
        if kind.needs == "clock" and not FAKETIME.exists():
            return "needs libfaketime"
        return ""

    def _stage(self, name: str) -> Stage:
        if self._material is None:
            self._material = make_material(self._place)
        return STAGES[name](self._place, self._material)

    def _start(self, stage: Stage, kind: Kind, **variables: str) -> Command:
        return self._place.start(
            stage.arguments(),
            is_remote=kind.is_remote and stage.uses_neo4j,
            min_edges=stage.min_edges,
            **stage.variables,
            **variables,
        )

    def _measure(self, stage: Stage, kind: Kind) -> _Undisturbed:
        """Run a stage without a fault, once for all injections of the same way to run it."""
        has_clock = kind.needs == "clock"
        key = (stage.name, has_clock)
        if key not in self._undisturbed:
            first = self._run_undisturbed(stage, kind)
            # The first run of a server is slow. The importer starts new ones each time.
            second = first if stage.uses_importer else self._run_undisturbed(stage, kind)
            unequal = differences(first.result, second.result)
            assert not unequal, f"two undisturbed runs of {stage.name} differ: {unequal}"
            self._undisturbed[key] = second
        return self._undisturbed[key]

    def _run_undisturbed(self, stage: Stage, kind: Kind) -> _Undisturbed:
        stage.prepare()
        variables = clock_variables(self._place) if kind.needs == "clock" else {}
        command = self._start(stage, kind, **variables)
        stage.on_start(command)
        code = stage.finish(command, _LIMIT_FACTOR * LIMIT_S)
        elapsed_s = command.elapsed_s
        assert code is not None, f"{stage.name} does not end: {command.output}"
        assert code in stage.good_codes, f"{stage.name} ends with {code}: {command.output}"
        assert not stage.problems(), stage.problems()
        return _Undisturbed(stage.result(), elapsed_s)

    def _disturb(
        self,
        stage: Stage,
        kind: Kind,
        injection: Injection,
        undisturbed: _Undisturbed,
        result: Result,
    ) -> None:
        variables = clock_variables(self._place) if kind.needs == "clock" else {}
        command = self._start(stage, kind, **variables)
        stage.on_start(command)
        # Faults of the importer find their moment by themselves.
        share = 0.0 if kind.needs == "importer" else injection.moment
        moment_s = share * undisturbed.elapsed_s
        command.wait(moment_s)
        result.notes.append(f"at {moment_s:.2f} s of {undisturbed.elapsed_s:.2f} s")
        if command.exit_code is not None:
            result.notes.append("the command had ended by then")
        strike = Strike(
            stage,
            self._place,
            command,
            injection.random(),
            start_again=lambda: self._start(stage, kind),
        )
        strike.notes = result.notes
        kind.strike(strike)
        code = stage.finish(command, undisturbed.limit_s)
        self._place.restore_environment()
        result.notes.append(f"exit code {code}")
        if code is None:
            self._fail(result, "stuck", [f"the disturbed command did not end: {command.output}"])
        if "Traceback (most recent call last)" in command.output:
            result.notes.append(f"traceback: {command.output[-600:]}")
        result.notes.append(f"said: {_last_line(command.output)}")
        stuck = [note for note in result.notes if note.startswith("stuck")]
        if stuck:
            self._fail(result, "stuck", stuck)

    def _finish(self, stage: Stage, kind: Kind, undisturbed: _Undisturbed, result: Result) -> None:
        """Run the same command again; it must end well."""
        command = self._start(stage, kind)
        stage.on_start(command)
        code = stage.finish(command, undisturbed.limit_s)
        if code not in stage.good_codes and (named := _named_command(command.output)):
            result.notes.append(f"told to run: {named}")
            helper = self._place.start(named.split()[1:])
            helper_code = helper.wait(undisturbed.limit_s)
            result.notes.append(f"which ended with {helper_code}: {_last_line(helper.output)}")
            command = self._start(stage, kind)
            stage.on_start(command)
            code = stage.finish(command, undisturbed.limit_s)
        if code not in stage.good_codes:
            said = command.output[-1500:]
            self._fail(result, "stuck", [f"again: exit code {code}: {said}"])

    def _judge(self, stage: Stage, undisturbed: _Undisturbed, result: Result) -> None:
        lost = differences(undisturbed.result, stage.result()) + stage.problems()
        if result.injection.is_checked:
            result.notes.append("store checked")
            lost += self._place.check_store()
        self._fail(result, "lost", lost)
        wait_until(lambda: not self._place.find_strays(), timeout_s=_END_S)
        self._fail(result, "stuck", self._place.find_strays())

    def _fail(self, result: Result, verdict: Verdict, problems: list[str]) -> None:
        if problems:
            result.verdict = verdict
            result.problems += problems


def run_all(place: Place, injections: Iterator[Injection]) -> Iterator[Result]:
    """Make injections one after the other."""
    runner = Runner(place)
    for injection in injections:
        yield runner.run(injection)


def _last_line(output: str) -> str:
    lines = output.strip().splitlines()
    return lines[-1][:300] if lines else ""


def _named_command(output: str) -> str | None:
    """The command that a refusal names, such as `bookgraph neo4j reset-password`."""
    named = re.search(r"`(bookgraph neo4j (?:reset-password|repair))`", output)
    return named[1] if named else None
