"""The Neo4j that bookgraph runs by itself, on this machine, for one user.

`LocalServer` downloads what is missing, starts the server, finds it again from any process, and
stops it. It knows nothing of the graph inside, and never touches a server that it did not start.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from bookgraph.core.errors import (
    BookgraphError,
    DatabaseDownError,
    DiskFullError,
    LocalServerError,
    ServerDiedError,
    StoreDamagedError,
    StoreLoginError,
    StoreUnreachableError,
)
from bookgraph.core.locks import process_lock
from bookgraph.core.processes import is_listener, stop_process, wait_until
from bookgraph.core.progress import OnProgress, Progress, ignore_progress
from bookgraph.core.settings import Settings, environment_name
from bookgraph.graph.jars.fetch import fetch_jars
from bookgraph.graph.jars.lock import load_lock
from bookgraph.graph.server import java
from bookgraph.graph.server.home import LastStart, Neo4jHome
from bookgraph.graph.server.java import JavaOptions, Program
from bookgraph.graph.server.starting import (
    DATABASE,
    LogMark,
    bolt_uri,
    choose_port,
    explain_damage,
    explain_death,
    explain_failure,
    explain_system_damage,
    find_damage,
    find_response_problem,
    refuse_newer_store,
)

logger = logging.getLogger(__name__)

IMPORT_COMMAND = ("database", "import", "full", DATABASE, "--overwrite-destination")
"""Of `neo4j-admin`; the files follow."""

_READY_TIMEOUT_S = 120.0
_STOP_TIMEOUT_S = 20.0
# For what holds no acknowledged write: a server that is not ready yet, an importer.
_GIVE_UP_TIMEOUT_S = 1.0
_STAGE = "Starting Neo4j"
_LARGE_STORE_BYTES = 64 * 2**20
"""From here on Java compiles in full: so large a graph is worth a slower start."""


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """What is known about the local Neo4j.

    Attributes:
        is_running: whether its process runs; it may still be starting.
        pid: its process id, or None.
        bolt_uri: where drivers connect, now or after the next start.
        http_url: where Neo4j Browser is.
        home: its folder.
        log_file: Neo4j's own log.
        version: of Neo4j.
    """

    is_running: bool
    pid: int | None
    bolt_uri: str
    http_url: str
    home: Path
    log_file: Path
    version: str


class LocalServer:
    """The managed local Neo4j of one home folder.

    Any number of these, in any number of processes, may stand for the same server.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        is_fast_start: bool | None = None,
        has_aot_cache: bool = True,
        java_options: tuple[str, ...] = (),
    ) -> None:
        """Store the arguments. Nothing is read, written or started.

        Args:
            settings: `neo4j_home`, `cache`, `bolt_port`, `http_port` and `heap_mb` are used.
            is_fast_start: start in half the time, and run long work slower. By default so while
                the store is small.
            has_aot_cache: use Java's ahead-of-time cache if `bookgraph neo4j prepare` made one.
            java_options: further options for Java.
        """
        self._settings = settings
        self._home = Neo4jHome(settings.neo4j_home.resolve())
        self._is_fast_start = is_fast_start
        self._has_aot_cache = has_aot_cache
        self._java_options = java_options

    @property
    def settings(self) -> Settings:
        """The settings that it was made from."""
        return self._settings

    @property
    def password(self) -> str:
        """The password of the user `neo4j`: random, in a file that only its owner can read.

        Raises:
            LocalServerError: the file is lost or cannot be read.
        """
        return self._home.password()

    @property
    def has_store(self) -> bool:
        """Whether a server has run here. Without one, there are no data."""
        return self._home.has_store

    def status(self) -> ServerStatus:
        """Look whether the server runs; stale and damaged files count as a stopped one."""
        last = self.last_start()
        return ServerStatus(
            is_running=last.pid is not None,
            pid=last.pid,
            bolt_uri=bolt_uri(last.bolt_port),
            http_url=f"http://127.0.0.1:{last.http_port}",
            home=self._home.folder,
            log_file=self._home.log_file,
            version=_version(),
        )

    def start(self, *, on_progress: OnProgress = ignore_progress) -> ServerStatus:
        """Start the server and wait until it responds. If it runs already, return at once.

        Returns:
            Its status, running.

        Raises:
            DownloadError: a jar cannot be downloaded; the next call resumes.
            PortTakenError: another program uses a port that the user chose.
            DiskFullError: the disk has no space for the jars or the store.
            ServerDiedError: the JVM ended by itself; the message has the end of its log.
            LocalServerError: the home cannot be used, or the server does not respond in time.
        """
        status = self.status()
        is_proven = self._home.import_state is None
        if status.is_running and is_proven and self._find_problem() is None:
            if self._home.read_last_start() is None:
                self._home.write_last_start(self.last_start())
            return status
        self._home.prepare()
        with self._locked(on_progress):
            try:
                self._start(on_progress)
            except StoreDamagedError as error:
                # After an import nobody has written into it yet, and its files are kept.
                if self._home.import_state is None or error.database != DATABASE:
                    raise
                self._end_all()
                self._home.set_aside(DATABASE)
                self._launch(on_progress)
            self._home.unmark_import()
        return self.status()

    def stop(
        self,
        *,
        timeout_s: float = _STOP_TIMEOUT_S,
        on_progress: OnProgress = ignore_progress,
    ) -> bool:
        """Stop the server. Acknowledged writes are kept.

        Args:
            timeout_s: seconds after which it is killed.
            on_progress: receives the process id.

        Returns:
            Whether there was something to stop.

        Raises:
            LocalServerError: its process belongs to another user.
        """
        if not self._home.folder.is_dir():
            return False
        with self._locked(on_progress):
            pid = self.status().pid
            if pid is not None:
                on_progress(Progress("Stopping Neo4j", 0, unit="s", note=f"process {pid}"))
            self._end_all(timeout_s=timeout_s)
        return pid is not None

    @contextmanager
    def offline(self, *, on_progress: OnProgress = ignore_progress) -> Iterator[Neo4jHome]:
        """Stop the server, and keep every process from starting it while the block runs.

        Inside the block, `start`, `stop` and `run_admin` would wait for its end.

        Yields:
            The home, whose store nothing uses.

        Raises:
            LocalServerError: a process on this home cannot be stopped.
            DiskFullError: less than 200 MB are free.
        """
        self._home.prepare()
        with self._locked(on_progress):
            self._end_all()
            yield self._home

    def run_admin(self, args: Sequence[str], *, on_progress: OnProgress = ignore_progress) -> str:
        """Run `neo4j-admin` on this home. Most of its commands need a stopped server.

        Args:
            args: as on its command line, such as `("database", "info")`.
            on_progress: receives the download of jars, if any.

        Returns:
            Its output.

        Raises:
            LocalServerError: it failed; the message has the end of its output.
        """
        self._home.prepare()
        with self._locked(on_progress):
            self._end_tools()
            self.write_arguments("admin", on_progress)
            return java.run_admin_tool(self._home, tuple(args))

    def import_database(
        self, args: Sequence[str], *, on_progress: OnProgress = ignore_progress
    ) -> None:
        """Fill the empty database with `neo4j-admin database import full`.

        The server is stopped and cannot be started during the import. It runs again afterwards,
        except after an interruption. If the import fails or is killed, its data are deleted at the
        next start.

        Args:
            args: the importer's arguments after the name of the database.
            on_progress: receives the steps.

        Raises:
            LocalServerError: the import failed, or the server cannot be started.
        """
        try:
            with self.offline(on_progress=on_progress) as home:
                self.write_arguments("admin", on_progress)
                home.mark_import("importing")
                on_progress(Progress("Importing into the empty store", 0))
                java.run_admin_tool(home, (*IMPORT_COMMAND, *args))
                home.mark_import("unproven")
        except LocalServerError:
            self.start(on_progress=on_progress)
            raise
        self.start(on_progress=on_progress)

    def _start(self, on_progress: OnProgress) -> None:
        """Start the server, or wait for the one that runs. The caller holds the lock."""
        mark = LogMark(self._home)
        if not self.status().is_running:
            self._launch(on_progress)
            return
        try:
            # Another process launched it and ended before it was ready.
            self._wait_until_ready(mark, on_progress=on_progress)
        except (StoreDamagedError, DiskFullError, ServerDiedError):
            # A full disk ends a database for good, and the process lives on without it. Or the
            # process was just about to end.
            logger.warning("The running Neo4j has failed. Restarting Neo4j.")
            self._end_all()
            self._launch(on_progress)

    def _launch(self, on_progress: OnProgress) -> None:
        """Start the process and wait until it is ready. The caller holds the lock."""
        mark = LogMark(self._home)
        pid = self._launch_process(on_progress)
        try:
            self._wait_until_ready(mark, on_progress=on_progress)
        except BaseException:
            # Also after Ctrl-C, no half-started server may stay behind.
            self._end(pid, timeout_s=_GIVE_UP_TIMEOUT_S)
            raise

    def _launch_process(self, on_progress: OnProgress) -> int:
        """Start the process; return its id."""
        home = self._home
        refuse_newer_store(home, _version())
        self._end_tools()
        home.remove_leftovers()
        if home.discard_half_import(DATABASE):
            logger.warning(
                "The last import into %s was interrupted. Its data were deleted, and the graph is "
                "empty.",
                home.folder,
            )
        is_new = not home.has_store
        # A download takes minutes, in which another program could take a port.
        self.write_arguments("admin" if is_new else "server", on_progress)
        bolt_port = self._choose_port("bolt_port", others=())
        http_port = self._choose_port("http_port", others=(bolt_port,))
        home.write_configuration(bolt_port=bolt_port, http_port=http_port)
        if is_new:
            on_progress(Progress(_STAGE, 0, unit="s", note="setting the password"))
            # Through a file: every user of the machine can read a command line.
            home.password()
            java.run_admin_tool(home, ("dbms", "set-initial-password", f"@{home.password_file}"))
            self.write_arguments("server", on_progress)
        on_progress(Progress(_STAGE, 0, unit="s", note=f"Bolt port {bolt_port}"))
        pid = java.start_server(home)
        home.write_last_start(LastStart(pid, bolt_port, http_port, _version()))
        logger.info("Neo4j starts as process %d on Bolt port %d.", pid, bolt_port)
        return pid

    def write_arguments(self, program: Program, on_progress: OnProgress) -> None:
        """Write the argument file of the next Java, and download the jars that are missing."""
        cache = self._settings.cache.absolute()
        jars = fetch_jars(cache, on_progress=on_progress)
        aot_cache = java.find_aot_cache(cache, program)
        has_aot_cache = self._has_aot_cache and aot_cache.exists()
        is_fast_start = self._is_fast_start
        if is_fast_start is None:
            is_small = self._home.store_bytes(DATABASE) < _LARGE_STORE_BYTES
            # With a cache the importer gains more from being compiled in full than it loses.
            is_fast_start = is_small and not (program == "admin" and has_aot_cache)
        options = JavaOptions(
            self._settings.heap_mb,
            is_fast_start,
            aot_cache if has_aot_cache else None,
            self._java_options,
        )
        java.write_arguments(self._home, jars, options=options)

    def _choose_port(self, field: str, *, others: tuple[int, ...]) -> int:
        last = self._home.read_last_start()
        return choose_port(
            getattr(self._settings, field),
            remembered=getattr(last, field, 0),
            others=others,
            # A port that the user chose must not be replaced without a word.
            setting=environment_name(field) if field in self._settings.model_fields_set else None,
        )

    def _wait_until_ready(self, mark: LogMark, *, on_progress: OnProgress) -> None:
        uri = self.status().bolt_uri
        problem: BookgraphError | None = None

        def is_settled() -> bool:
            nonlocal problem
            problem = self._find_problem()
            if problem is None or isinstance(problem, StoreLoginError):
                return True
            if isinstance(problem, DatabaseDownError):
                self._raise_if_damaged()
            elif mark.has_system_failed():
                raise explain_system_damage(self._home)
            if not self.status().is_running:
                last = self.last_start()
                ports = (last.bolt_port, last.http_port)
                raise explain_death(self._home, mark.lines(), ports=ports)
            return False

        def report(elapsed_s: float) -> None:
            on_progress(Progress(_STAGE, elapsed_s, unit="s", note=f"waiting for {uri}"))

        start_s = time.monotonic()
        wait_until(is_settled, timeout_s=_READY_TIMEOUT_S, on_wait=report)
        if problem is not None:
            raise LocalServerError(self._explain_silence(problem)) from problem
        elapsed_s = time.monotonic() - start_s
        on_progress(Progress(_STAGE, elapsed_s, elapsed_s, "s", f"ready at {uri}"))
        logger.info("Neo4j is ready at %s after %.1f s.", uri, elapsed_s)

    def _raise_if_damaged(self) -> None:
        reason = find_damage(self.last_start().bolt_port, password=self.password)
        if reason is not None:
            raise explain_damage(self._home, reason)

    def diagnose(self) -> BookgraphError | None:
        """Why the database of the running server does not work, or None if it does.

        A database that failed in use is restarted by the next `start`.
        """
        reason = find_damage(self.last_start().bolt_port, password=self.password)
        return explain_failure(self._home, reason) if reason else None

    def _explain_silence(self, problem: BookgraphError) -> str:
        status = self.status()
        if isinstance(problem, StoreLoginError):
            return (
                f"The Neo4j in {status.home} refuses the password from its own password file, so "
                "one of the two was replaced. Restore the right file, or run `bookgraph neo4j "
                "reset-password`, which keeps the graph."
            )
        return (
            f"Neo4j (process {status.pid}) did not respond at {status.bolt_uri} within "
            f"{_READY_TIMEOUT_S:.0f} s. Its log is {status.log_file}. Run `bookgraph neo4j stop`, "
            "then run the command again. No data are lost."
        )

    def _find_problem(self) -> BookgraphError | None:
        last = self.last_start()
        problem = find_response_problem(last.bolt_port, last.http_port, password=self.password)
        if problem is None and (last.pid is None or not is_listener(last.pid, last.bolt_port)):
            # A copy of the home has the same password, and its server may have been faster.
            uri = bolt_uri(last.bolt_port)
            return StoreUnreachableError(f"The Neo4j of another folder answers at {uri}.")
        return problem

    def last_start(self) -> LastStart:
        """Process and ports of the running server; without one, the ports of the last."""
        home = self._home
        last = home.read_last_start() or LastStart(
            None, self._settings.bolt_port, self._settings.http_port
        )
        if last.pid is not None and java.is_server(last.pid, home.folder):
            return last
        pid = java.find_server(home.folder) if home.folder.is_dir() else None
        # The state file was lost. The configuration is that of the running server.
        found = None if pid is None else home.read_configured_ports(pid)
        return found or replace(last, pid=pid)

    def _end(self, pid: int | None, *, timeout_s: float = _STOP_TIMEOUT_S) -> None:
        if pid is not None and java.is_server(pid, self._home.folder):
            stop_process(pid, name="Neo4j", timeout_s=timeout_s)
        self._home.forget_pid()

    def _end_all(self, *, timeout_s: float = _STOP_TIMEOUT_S) -> None:
        """End every process that uses the home. The caller holds the lock."""
        self._end_tools()
        self._end(self.status().pid, timeout_s=timeout_s)

    def _end_tools(self) -> None:
        """End what an interrupted command left. Who runs a tool holds the lock, as the caller."""
        for pid in java.find_tools(self._home):
            logger.warning(
                "Ending process %d, which an interrupted command left at work on %s.",
                *(pid, self._home.folder),
            )
            stop_process(pid, name="neo4j-admin", timeout_s=_GIVE_UP_TIMEOUT_S)

    def _locked(self, on_progress: OnProgress) -> AbstractContextManager[None]:
        return process_lock(
            self._home.start_lock,
            work="starting or stopping Neo4j",
            on_progress=on_progress,
            error_type=LocalServerError,
        )


def _version() -> str:
    return next(jar.version for jar in load_lock() if jar.artifact == "neo4j-kernel")
