"""Where injections happen: a home on a small disk, its Neo4j, and a proxy in front of it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from bookgraph.core.processes import LOOPBACK, wait_until
from bookgraph.core.settings import Settings, load_settings
from bookgraph.graph.connection import connect
from bookgraph.graph.prepare import make_aot_caches
from bookgraph.graph.server.local import LocalServer
from bookgraph.graph.server.starting import DATABASE
from bookgraph.graph.store import Store
from bookgraph.testing.command_line import environment
from bookgraph.testing.dump_site import Site, open_dump_site
from bookgraph.testing.faults.command import Command
from bookgraph.testing.faults.proxy import Proxy, open_proxy

DISK_MB = 1_400
"""Neo4j reserves 256 MB for the log of each of its two databases, and wants 200 MB at a start."""

_BALLAST = "ballast"
_JVM_END_S = 20.0
_HTTP_DELAY_S = 0.01
_WARM_UP_S = 300.0


class Place:
    """A home, its Neo4j, and what stands between them.

    Attributes:
        folder: holds all of it.
        home: the data folder of the commands.
        has_small_disk: whether the folder is a file system of its own, which can be filled.
        site: a mirror of the dump site.
        bolt: the proxy in front of Neo4j.
        http: the proxy in front of the mirror.
    """

    def __init__(
        self,
        folder: Path,
        *,
        cache: Path,
        has_small_disk: bool,
        site: Site,
        bolt: Proxy,
        http: Proxy,
    ) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.has_small_disk = has_small_disk
        self.site = site
        self.bolt = bolt
        self.http = http
        self.settings = Settings(
            _env_file=None,
            home=self.home,
            cache=cache,
            bolt_port=0,
            http_port=0,
            heap_mb=512,
            neo4j_uri=None,
        )
        self.server = LocalServer(self.settings)
        self.commands: list[Command] = []

    @property
    def mirror(self) -> str:
        """The mirror's URL, through the proxy."""
        return f"http://{LOOPBACK}:{self.http.port}/"

    def start(
        self,
        arguments: Sequence[str],
        *,
        is_remote: bool = False,
        min_edges: int | None = None,
        **variables: str,
    ) -> Command:
        """Start a command on this home.

        Args:
            arguments: what follows `bookgraph`.
            is_remote: reach Neo4j through the proxy, as a server on another machine.
            min_edges: see `Command`.
            **variables: more of its environment.
        """
        own = {
            "BOOKGRAPH_HOME": str(self.home),
            "BOOKGRAPH_CACHE": str(self.settings.cache),
            "BOOKGRAPH_BOLT_PORT": "0",
            "BOOKGRAPH_HTTP_PORT": "0",
            "BOOKGRAPH_HEAP_MB": "512",
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        }
        if is_remote:
            own |= {
                "NEO4J_URI": f"bolt://{LOOPBACK}:{self.bolt.port}",
                "NEO4J_PASSWORD": self.server.password,
            }
        command = Command(
            arguments,
            folder=self.folder,
            variables=environment(**own, **variables),
            min_edges=min_edges,
        )
        self.commands.append(command)
        return command

    @contextmanager
    def store(self) -> Iterator[Store]:
        """The database, which is started if need be; the proxy then leads to it."""
        with connect(self.settings) as store:
            self.bolt.target = int(store.address.rpartition(":")[2])
            yield store

    def find_jvms(self, *, main_class: str = "") -> list[int]:
        """The Java processes on this home, those of a main class or all."""
        found = []
        for pid in psutil.pids():
            with suppress(psutil.Error):
                process = psutil.Process(pid)
                line = process.cmdline()
                if (
                    line
                    and "java" in Path(line[0]).name
                    and any(str(self.home) in part for part in line)
                    and process.status() != psutil.STATUS_ZOMBIE
                    and main_class in " ".join(line)
                ):
                    found.append(pid)
        return found

    def signal_jvms(self, number: int, *, main_class: str = "") -> list[int]:
        """Send a signal to Java processes of this home; waits for those that it must end."""
        pids = self.find_jvms(main_class=main_class)
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        if number in {signal.SIGKILL, signal.SIGTERM}:
            wait_until(
                lambda: not {*pids} & {*self.find_jvms()}, timeout_s=_JVM_END_S, pause_s=0.02
            )
        return pids

    def find_strays(self) -> list[str]:
        """Processes that a command left behind; the local Neo4j is meant to stay."""
        server = self.server.status().pid
        sessions = {command.pid for command in self.commands}
        found = []
        for pid in {*psutil.pids()} - {server, os.getpid()}:
            with suppress(psutil.Error, ProcessLookupError):
                process = psutil.Process(pid)
                if process.status() == psutil.STATUS_ZOMBIE:
                    continue
                line = " ".join(process.cmdline())
                if (
                    str(self.home) in line
                    or os.getsid(pid) in sessions
                    or process.environ().get("BOOKGRAPH_HOME") == str(self.home)
                ):
                    found.append(f"process {pid}: {line[:200]}")
        return found

    def end_all(self) -> None:
        """Kill every process of this home."""
        for command in self.commands:
            command.signal(signal.SIGCONT, to_group=True)
            command.end()
        self.commands.clear()
        self.signal_jvms(signal.SIGKILL)

    def fill_disk(self, *, left_bytes: int) -> None:
        """Leave so many bytes free."""
        ballast = self.folder / _BALLAST
        with ballast.open("wb") as file, suppress(OSError):
            size = shutil.disk_usage(self.folder).free - left_bytes
            os.posix_fallocate(file.fileno(), 0, max(1, size))

    def empty_disk(self) -> None:
        """Give the space back."""
        (self.folder / _BALLAST).unlink(missing_ok=True)

    def check_store(self) -> list[str]:
        """What Neo4j's own consistency check finds; the server is stopped for it."""
        self.server.stop()
        try:
            self.server.run_admin(("database", "check", DATABASE))
        except Exception as error:  # noqa: BLE001  # whatever is wrong is the result
            return [f"consistency check: {error}"]
        return []

    def keep_logs(self, folder: Path) -> Path:
        """Copy Neo4j's logs and what the commands printed into a folder, which is made anew."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for file in [*self.home.glob("neo4j/logs/*"), *(one.output_file for one in self.commands)]:
            if file.is_file():
                shutil.copy(file, folder)
        return folder

    def renew(self) -> None:
        """Begin again with an empty home, after a fault that nothing could mend."""
        self.end_all()
        self.restore_environment()
        shutil.rmtree(self.home, ignore_errors=True)

    def restore_environment(self) -> None:
        """Take back what a fault changed around the home."""
        self.empty_disk()
        self.bolt.restore()
        self.http.restore()


@contextmanager
def open_place(folder: Path, *, cache: Path | None = None) -> Iterator[Place]:
    """A place in a folder, on a small disk where this user may mount one.

    Args:
        folder: made, and removed at the end.
        cache: the cache folder; by default the user's, which holds the jars.
    """
    folder.mkdir(parents=True, exist_ok=True)
    has_small_disk = _mount(folder)
    try:
        with open_dump_site() as site, open_proxy(0) as bolt:
            target = int(site.url.rstrip("/").rpartition(":")[2])
            # Slow enough that a fault can meet a download.
            with open_proxy(target, usual_delay_s=_HTTP_DELAY_S) as http:
                place = Place(
                    folder,
                    cache=cache or load_settings().cache,
                    has_small_disk=has_small_disk,
                    site=site,
                    bolt=bolt,
                    http=http,
                )
                try:
                    # The first one waits until everything is imported, and must not be measured.
                    assert place.start(["--version"]).wait(_WARM_UP_S) == 0
                    yield place
                finally:
                    place.end_all()
    finally:
        if has_small_disk:
            # A process that just ended may hold it for a moment.
            wait_until(lambda: _succeeds("umount", str(folder)), timeout_s=10)
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def prepared_cache() -> Iterator[Path]:
    """A cache folder with Java's caches, which halve each start of Neo4j; made in a minute."""
    with TemporaryDirectory(prefix="bookgraph-faults-cache-") as name:
        cache = Path(name)
        jars = load_settings().cache / "jars"
        if jars.is_dir():
            (cache / "jars").symlink_to(jars)
        make_aot_caches(Settings(_env_file=None, cache=cache, heap_mb=512))
        yield cache


def _mount(folder: Path) -> bool:
    if sys.platform != "linux" or os.getuid() != 0:
        return False
    return _succeeds("mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", str(folder))


def _succeeds(*command: str) -> bool:
    done = subprocess.run(command, check=False, capture_output=True)
    return done.returncode == 0
