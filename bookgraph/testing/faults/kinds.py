"""What goes wrong: each kind of fault, from the moment it strikes until it is over."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bookgraph.core.processes import wait_until
from bookgraph.graph.server.java import ADMIN_CLASS, MAIN_CLASS
from bookgraph.testing.faults.command import Command
from bookgraph.testing.faults.place import Place
from bookgraph.testing.faults.proxy import Proxy
from bookgraph.testing.faults.stages import Stage

FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")
"""Debian's libfaketime, which lets a program see another time; faults of the clock need it."""

_LIMIT_S = 300.0
_MB = 2**20
_IMPORTER_S = 3.0
"""About as long as the importer takes."""


@dataclass
class Strike:
    """One fault at work.

    Attributes:
        stage: what is disturbed.
        place: where.
        command: the command that is disturbed.
        random: draws what the kind leaves open.
        notes: what was done, for the results.
        start_again: starts the same command a second time.
    """

    stage: Stage
    place: Place
    command: Command
    random: random.Random
    start_again: Callable[[], Command]
    notes: list[str] = field(default_factory=list)


Effect = Callable[[Strike], None]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of fault.

    Attributes:
        name: in the table.
        strike: does it, and returns when it is over or the command has ended.
        is_remote: whether the command has to reach Neo4j through the proxy.
        needs: `disk`, `clock` or `importer`, without which it cannot happen; or empty.
    """

    name: str
    strike: Effect
    is_remote: bool = False
    needs: str = ""


def _end_command(number: int, *, to_group: bool = False) -> Effect:
    def strike(at: Strike) -> None:
        at.command.signal(number, to_group=to_group)
        start_s = time.monotonic()
        at.command.wait(_LIMIT_S)
        at.notes.append(f"ended after {time.monotonic() - start_s:.1f} s")

    return strike


def _pause_command(at: Strike) -> None:
    at.command.signal(signal.SIGSTOP, to_group=True)
    time.sleep(at.random.uniform(0.5, 3))
    at.command.signal(signal.SIGCONT, to_group=True)


def _await_importer(at: Strike) -> None:
    """Wait until the importer runs, and for a drawn part of its time."""
    wait_until(
        lambda: (
            at.command.exit_code is not None or bool(at.place.find_jvms(main_class=ADMIN_CLASS))
        ),
        timeout_s=_LIMIT_S,
        pause_s=0.02,
    )
    at.command.wait(at.random.uniform(0, _IMPORTER_S))


def _end_jvms(number: int, main_class: str) -> Effect:
    def strike(at: Strike) -> None:
        if main_class == ADMIN_CLASS:
            _await_importer(at)
        pids = at.place.signal_jvms(number, main_class=main_class)
        at.notes.append(f"{len(pids)} JVMs")
        at.stage.on_server_lost(at.command)

    return strike


def _pause_jvms(main_class: str) -> Effect:
    def strike(at: Strike) -> None:
        if main_class == ADMIN_CLASS:
            _await_importer(at)
        pids = at.place.signal_jvms(signal.SIGSTOP, main_class=main_class)
        at.notes.append(f"{len(pids)} JVMs")
        time.sleep(at.random.uniform(0.5, 4))
        at.place.signal_jvms(signal.SIGCONT, main_class=main_class)

    return strike


def _kill_both(at: Strike) -> None:
    at.command.signal(signal.SIGKILL)
    at.notes.append(f"{len(at.place.signal_jvms(signal.SIGKILL))} JVMs")


def _kill_at_once(at: Strike) -> None:
    """Kill the command, and run the next one while what it leaves behind may still work."""
    at.command.signal(signal.SIGKILL)


def _kill_while_importing(at: Strike) -> None:
    """The same, at a moment at which the importer is at work."""
    _await_importer(at)
    _kill_at_once(at)


def _cut(at: Strike) -> None:
    proxy = _proxy(at)
    proxy.cut()
    time.sleep(at.random.choice((0.05, 0.5, 2)))
    proxy.restore()


def _freeze(at: Strike) -> None:
    proxy = _proxy(at)
    proxy.freeze()
    time.sleep(at.random.uniform(0.5, 4))
    proxy.restore()


def _slow(at: Strike) -> None:
    proxy = _proxy(at)
    proxy.delay_s = 0.02
    at.command.wait(6)
    proxy.restore()


def _proxy(at: Strike) -> Proxy:
    return at.place.bolt if at.stage.uses_neo4j else at.place.http


def _fill_disk(at: Strike) -> None:
    left = at.random.choice((0, 64 * 1024, 512 * 1024, 4 * _MB))
    at.place.fill_disk(left_bytes=left)
    at.stage.wait_for_effect(at.command)
    after = at.random.choice(("", "", "kill", "stop")) if at.stage.uses_neo4j else ""
    if after:
        # A server writes what it has in memory when it stops.
        number = signal.SIGKILL if after == "kill" else signal.SIGTERM
        at.place.signal_jvms(number, main_class=MAIN_CLASS)
    at.command.signal(signal.SIGTERM)
    at.command.wait(_LIMIT_S)
    at.place.empty_disk()
    at.notes.append(f"{left:,} bytes left{', server ' + after if after else ''}")


def _damage_file(*, is_removed: bool) -> Effect:
    def strike(at: Strike) -> None:
        at.command.signal(signal.SIGKILL)
        at.command.wait(_LIMIT_S)
        is_stopped = at.random.random() < 0.5
        if is_stopped:
            at.place.signal_jvms(signal.SIGKILL)
        files = sorted(find_files(at.place.home))
        if not files:
            at.notes.append("there were no files")
            return
        file = at.random.choice(files)
        state = "stopped" if is_stopped else "running"
        at.notes.append(f"{file.relative_to(at.place.home)}, server {state}")
        if is_removed:
            file.unlink()
        else:
            file.write_bytes(b"")

    return strike


def find_files(home: Path) -> list[Path]:
    """The files below a home that bookgraph itself writes: all but Neo4j's store."""
    data = home / "neo4j" / "data"
    return [
        path
        for path in home.rglob("*")
        if path.is_file() and data not in path.parents and path.suffix != ".lock"
    ]


def _jump(at: Strike) -> None:
    """The command sees another time from now on; see `clock_variables`."""
    jump = at.random.choice(("+3d", "-3d", "+90m", "-90m", "+10s", "-10s"))
    _clock_file(at.place).write_text(f"{jump}\n", "utf-8")
    at.notes.append(f"clock {jump}")


def clock_variables(place: Place) -> dict[str, str]:
    """The environment of a command whose clock can jump."""
    file = _clock_file(place)
    file.write_text("+0\n", "utf-8")
    return {
        "LD_PRELOAD": str(FAKETIME),
        "FAKETIME_TIMESTAMP_FILE": str(file),
        "FAKETIME_CACHE_DURATION": "1",
        # Java waits by the monotonic clock, which does not jump on real machines either.
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
    }


def _clock_file(place: Place) -> Path:
    return place.folder / "clock"


def _run_another(at: Strike) -> None:
    other = at.start_again()
    code = at.stage.finish_other(other, _LIMIT_S)
    at.notes.append(f"the second one ended with {code}")
    if code is None:
        at.notes.append("stuck: the second command did not end")
        other.end()
    elif code and "Traceback" in other.output:
        at.notes.append(f"traceback: {other.output[-300:]}")


KINDS = {
    kind.name: kind
    for kind in (
        Kind("command killed", _end_command(signal.SIGKILL)),
        Kind("command killed, at once again", _kill_at_once),
        Kind("command ended (SIGTERM)", _end_command(signal.SIGTERM)),
        Kind("command interrupted (SIGINT)", _end_command(signal.SIGINT, to_group=True)),
        Kind("command paused", _pause_command),
        Kind("Neo4j killed", _end_jvms(signal.SIGKILL, MAIN_CLASS)),
        Kind("Neo4j ended (SIGTERM)", _end_jvms(signal.SIGTERM, MAIN_CLASS)),
        Kind("Neo4j paused", _pause_jvms(MAIN_CLASS)),
        Kind("command killed while importing", _kill_while_importing, needs="importer"),
        Kind("importer killed", _end_jvms(signal.SIGKILL, ADMIN_CLASS), needs="importer"),
        Kind("importer ended (SIGTERM)", _end_jvms(signal.SIGTERM, ADMIN_CLASS), needs="importer"),
        Kind("importer paused", _pause_jvms(ADMIN_CLASS), needs="importer"),
        Kind("command and JVMs killed", _kill_both),
        Kind("connections cut", _cut, is_remote=True),
        Kind("connections frozen", _freeze, is_remote=True),
        Kind("connections slow", _slow, is_remote=True),
        Kind("disk full", _fill_disk, needs="disk"),
        Kind("file removed", _damage_file(is_removed=True)),
        Kind("file emptied", _damage_file(is_removed=False)),
        Kind("clock jumped", _jump, needs="clock"),
        Kind("two at once", _run_another),
    )
}
"""By name, in the order of the table."""
