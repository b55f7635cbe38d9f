"""The Neo4j that bookgraph runs by itself, on this machine, for one user.

`LocalServer` fetches what is missing, starts it, finds it again from any process, and stops it. It
deliberately knows nothing of the graph inside, and never touches a server that it did not start.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bookgraph.core.errors import BookgraphError, LocalServerError, StoreLoginError
from bookgraph.core.files import atomic_write
from bookgraph.core.locks import process_lock
from bookgraph.core.processes import LOOPBACK, is_listening, stop_process, wait_until
from bookgraph.core.progress import OnProgress, Progress, ignore_progress
from bookgraph.core.settings import Settings, environment_name
from bookgraph.graph.jars.fetch import fetch_jars
from bookgraph.graph.jars.lock import load_lock
from bookgraph.graph.server import log as server_log
from bookgraph.graph.server import ports as server_ports
from bookgraph.graph.server import process as server_process
from bookgraph.graph.server.aot import Program, aot_cache_file
from bookgraph.graph.server.home import ServerFiles, ServerState
from bookgraph.graph.server.log import LogMark
from bookgraph.graph.server.process import JavaOptions
from bookgraph.graph.store import Store

logger = logging.getLogger(__name__)

USERNAME = "neo4j"
DATABASE = "neo4j"
IMPORT_COMMAND = ("database", "import", "full", DATABASE, "--overwrite-destination")
"""Of `neo4j-admin`; the files follow."""

_READY_TIMEOUT_S = 120.0
# How long one try may take with a server that accepts and then says nothing.
_PROBE_TIMEOUT_S = 10.0
_STOP_TIMEOUT_S = 20.0
_STAGE = "Starting Neo4j"
_LARGE_STORE_BYTES = 64 * 2**20
"""From here on Java compiles in full: so large a graph is worth a slower start."""


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """What is known of the local server.

    Attributes:
        is_running: whether its process is there; it may still be starting.
        pid: its process id, or None.
        bolt_uri: where drivers connect, now or at the next start.
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
        """Only remembers its arguments; nothing is read, written or started.

        Args:
            settings: `neo4j_home`, `cache`, `bolt_port`, `http_port` and `heap_mb` are used.
            is_fast_start: start in half the time and run long work slower; by default while the
                store is small.
            has_aot_cache: start from the cache of `bookgraph.graph.server.aot` where it was made.
            java_options: further options for Java.
        """
        self._settings = settings
        self._files = ServerFiles(settings.neo4j_home.resolve())
        self._is_fast_start = is_fast_start
        self._has_aot_cache = has_aot_cache
        self._java_options = java_options

    @property
    def settings(self) -> Settings:
        """What it was made from."""
        return self._settings

    @property
    def password(self) -> str:
        """The password of the user `neo4j`; made up once and kept in a file for its owner alone.

        Raises:
            LocalServerError: the file is lost or cannot be read.
        """
        return self._files.password()

    def status(self) -> ServerStatus:
        """Look whether the server runs; never raises for stale or damaged files."""
        state = self._files.read_state() or ServerState(
            None, self._settings.bolt_port, self._settings.http_port
        )
        pid = state.pid
        if pid is not None and not server_process.is_server(pid, self._files.home):
            pid = None
        return ServerStatus(
            is_running=pid is not None,
            pid=pid,
            bolt_uri=f"bolt://{LOOPBACK}:{state.bolt_port}",
            http_url=f"http://{LOOPBACK}:{state.http_port}",
            home=self._files.home,
            log_file=self._files.log_file,
            version=_version(),
        )

    def start(self, *, on_progress: OnProgress = ignore_progress) -> ServerStatus:
        """Start the server and wait until it answers; at once when it already does.

        Returns:
            Its status, running.

        Raises:
            DownloadError: a jar cannot be fetched; calling again goes on.
            PortTakenError: another program has a port that was set by hand.
            DiskFullError: there is no room for the jars or the store.
            ServerDiedError: the JVM ended by itself; the message has its last words.
            LocalServerError: the home cannot be used, or the server does not answer in time.
        """
        status = self.status()
        if status.is_running and self._probe(status) is None:
            return status
        self._files.prepare()
        with self._locked(on_progress):
            mark = LogMark(self._files)
            status = self.status()
            if status.is_running:
                # Another process launched it and did not live to see it ready.
                self._wait_until_ready(status, mark=mark, on_progress=on_progress)
            else:
                status = self._launch(on_progress)
                try:
                    self._wait_until_ready(status, mark=mark, on_progress=on_progress)
                except BaseException:
                    # Ctrl-C included: what did not come up must not stay behind half started.
                    self._end(status.pid)
                    raise
        return self.status()

    def stop(
        self,
        *,
        limit_s: float = _STOP_TIMEOUT_S,
        on_progress: OnProgress = ignore_progress,
    ) -> bool:
        """Stop the server; what it acknowledged is kept.

        Args:
            limit_s: seconds after which it is killed.
            on_progress: told which process is being stopped.

        Returns:
            Whether there was something to stop.

        Raises:
            LocalServerError: its process belongs to another user.
        """
        if not self._files.home.is_dir():
            return False
        with self._locked(on_progress):
            # A server that the state file does not tell of is found by its command line.
            pid = self.status().pid or server_process.find_server(self._files.home)
            if pid is not None:
                on_progress(Progress("Stopping Neo4j", 0, unit="s", note=f"process {pid}"))
            self._end(pid, limit_s=limit_s)
        return pid is not None

    def run_admin(self, args: Sequence[str], *, on_progress: OnProgress = ignore_progress) -> str:
        """Run `neo4j-admin` on this home; most of its commands want the server stopped.

        Args:
            args: as on its command line, such as `("database", "info")`.
            on_progress: told about jars that are fetched first.

        Returns:
            What it wrote.

        Raises:
            LocalServerError: it failed; the message has its last words.
        """
        self._files.prepare()
        self._write_arguments("admin", on_progress)
        return server_process.run_admin_tool(self._files, tuple(args))

    def import_database(
        self, args: Sequence[str], *, on_progress: OnProgress = ignore_progress
    ) -> None:
        """Fill the empty database by `neo4j-admin database import full`, with the server stopped.

        Nobody can start the server meanwhile. When the import fails or is killed, the database is
        empty again at the next start. The server runs afterwards in either case.

        Args:
            args: the importer's arguments behind the name of the database.
            on_progress: told of what is being done.

        Raises:
            LocalServerError: the import failed, or the server cannot be started.
        """
        try:
            with self._locked(on_progress):
                self._end(self.status().pid or server_process.find_server(self._files.home))
                self._write_arguments("admin", on_progress)
                self._files.mark_half_import()
                on_progress(Progress("Importing into the empty store", 0))
                server_process.run_admin_tool(self._files, (*IMPORT_COMMAND, *args))
                self._files.unmark_half_import()
        finally:
            self.start(on_progress=on_progress)

    def _launch(self, on_progress: OnProgress) -> ServerStatus:
        files = self._files
        orphan = server_process.find_server(files.home)
        if orphan is not None:
            raise LocalServerError(server_log.held_message(files.home, orphan))
        if files.discard_half_import(DATABASE):
            logger.warning("An import into %s was interrupted; it is empty again.", files.home)
        is_new = not files.has_store
        # What this may have to fetch takes minutes, in which a port could be lost again.
        self._write_arguments("admin" if is_new else "server", on_progress)
        bolt_port = self._choose_port("bolt_port", others=())
        http_port = self._choose_port("http_port", others=(bolt_port,))
        files.write_configuration(bolt_port=bolt_port, http_port=http_port)
        if is_new:
            on_progress(Progress(_STAGE, 0, unit="s", note="setting the password"))
            self._set_initial_password()
            self._write_arguments("server", on_progress)
        on_progress(Progress(_STAGE, 0, unit="s", note=f"Bolt port {bolt_port}"))
        pid = server_process.spawn(files)
        files.write_state(ServerState(pid, bolt_port, http_port))
        logger.info("Neo4j starts as process %d on Bolt port %d.", pid, bolt_port)
        return self.status()

    def _write_arguments(self, program: Program, on_progress: OnProgress) -> None:
        cache = self._settings.cache.absolute()
        jars = fetch_jars(cache, on_progress=on_progress)
        aot_cache = aot_cache_file(cache, program)
        has_aot_cache = self._has_aot_cache and aot_cache.exists()
        is_fast_start = self._is_fast_start
        if is_fast_start is None:
            is_small = self._files.store_bytes(DATABASE) < _LARGE_STORE_BYTES
            # With a cache the importer gains more from being compiled in full than it loses.
            is_fast_start = is_small and not (program == "admin" and has_aot_cache)
        options = JavaOptions(
            self._settings.heap_mb,
            is_fast_start,
            aot_cache if has_aot_cache else None,
            self._java_options,
        )
        server_process.write_arguments(self._files, jars, options=options)

    def _set_initial_password(self) -> None:
        # Through an argument file: on the command line every user of the machine could read it.
        path = self._files.home / "initial-password"
        try:
            with atomic_write(path, permissions=0o600) as file:
                file.write(self.password)
            server_process.run_admin_tool(self._files, ("dbms", "set-initial-password", f"@{path}"))
        finally:
            path.unlink(missing_ok=True)

    def _choose_port(self, field: str, *, others: tuple[int, ...]) -> int:
        state = self._files.read_state()
        return server_ports.choose_port(
            getattr(self._settings, field),
            remembered=getattr(state, field, 0),
            others=others,
            # A port that the user asked for by name is theirs to give up.
            setting=environment_name(field) if field in self._settings.model_fields_set else None,
        )

    def _wait_until_ready(
        self, status: ServerStatus, *, mark: LogMark, on_progress: OnProgress
    ) -> None:
        problem: Exception | None = None

        def has_settled() -> bool:
            nonlocal problem
            problem = self._probe(status)
            if problem is None or isinstance(problem, StoreLoginError):
                return True
            if not self.status().is_running:
                ports = (_port(status.bolt_uri), _port(status.http_url))
                raise server_log.explain_death(self._files, mark.lines(), ports=ports)
            return False

        def report(elapsed_s: float) -> None:
            note = f"waiting for {status.bolt_uri}"
            on_progress(Progress(_STAGE, elapsed_s, unit="s", note=note))

        start_s = time.monotonic()
        wait_until(has_settled, timeout_s=_READY_TIMEOUT_S, on_wait=report)
        if problem is not None:
            raise LocalServerError(self._not_ready(status, problem)) from problem
        elapsed_s = time.monotonic() - start_s
        on_progress(Progress(_STAGE, elapsed_s, elapsed_s, "s", f"ready at {status.bolt_uri}"))
        logger.info("Neo4j is ready at %s after %.1f s.", status.bolt_uri, elapsed_s)

    def _not_ready(self, status: ServerStatus, problem: Exception | None) -> str:
        if isinstance(problem, StoreLoginError):
            return (
                f"The Neo4j in {status.home} refuses the password of its own password file, so "
                "one of the two was replaced. Put the right file back, or remove that folder to "
                "start with an empty graph."
            )
        return (
            f"Neo4j (process {status.pid}) did not answer at {status.bolt_uri} within "
            f"{_READY_TIMEOUT_S:.0f} s. The log {status.log_file} may say why. Run "
            "`bookgraph neo4j stop` and then the command again: both are safe."
        )

    def _probe(self, status: ServerStatus) -> Exception | None:
        """Try a real query and the HTTP port; None when both answer."""
        try:
            # A refused connection is the rule while it starts, and a driver is costly to set up.
            for url in (status.bolt_uri, status.http_url):
                if not is_listening(_port(url)):
                    raise ConnectionRefusedError(url)
            Store.open(
                status.bolt_uri,
                (USERNAME, self.password),
                database=DATABASE,
                retry_limit_s=0.0,
                connection_timeout_s=_PROBE_TIMEOUT_S / 2,  # the driver waits twice this
            ).close()
        except (OSError, BookgraphError) as error:
            return error
        return None

    def _end(self, pid: int | None, *, limit_s: float = _STOP_TIMEOUT_S) -> None:
        if pid is not None and server_process.is_server(pid, self._files.home):
            stop_process(pid, name="Neo4j", timeout_s=limit_s)
        self._files.forget_pid()

    @contextmanager
    def _locked(self, on_progress: OnProgress) -> Iterator[None]:
        with process_lock(
            self._files.start_lock,
            work="starting or stopping Neo4j",
            on_progress=on_progress,
            error_type=LocalServerError,
        ):
            yield


def _version() -> str:
    return next(jar.version for jar in load_lock() if jar.artifact == "neo4j-kernel")


def _port(url: str) -> int:
    return int(url.rpartition(":")[2])
