"""The home folder of the local Neo4j: its subfolders, password, configuration and state file.

Plain files only: nothing here starts, stops or talks to a server.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from bookgraph.core.errors import LocalServerError
from bookgraph.core.files import atomic_write, check_free_space, describe_os_error

IMPORT_PREFIX = "import-files-"
"""Prefix of folders with files for the importer, by which those of a killed import are found."""

_MB = 1_000_000
# What a start, its logs and the first transactions need. A disk that fills up during a transaction
# stops Neo4j, so a start without this space is refused.
_ROOM_BYTES = 200 * _MB
_PAGE_CACHE_MB = 128


@dataclass(frozen=True, slots=True)
class LastStart:
    """What the state file remembers of the last start.

    Attributes:
        pid: the JVM's process id, or None after a stop.
        bolt_port: its Bolt port.
        http_port: its HTTP port.
    """

    pid: int | None
    bolt_port: int
    http_port: int


class Neo4jHome:
    """The files of one home folder."""

    def __init__(self, folder: Path) -> None:
        """Name the files. Nothing is read or created."""
        self.folder = folder
        self.conf_dir = folder / "conf"
        self.logs_dir = folder / "logs"
        self.log_file = self.logs_dir / "neo4j.log"
        self.console_file = self.logs_dir / "console.log"
        self.arguments_file = self.conf_dir / "java.args"
        self.start_lock = folder / "start.lock"
        self.password_file = folder / "password"
        self._state_file = folder / "server.json"
        self._import_mark = folder / "import-is-half-done"

    @property
    def has_store(self) -> bool:
        """Whether a server has run here, so that its users and passwords are fixed."""
        return (self.folder / "data" / "databases" / "system").is_dir()

    def store_bytes(self, database: str) -> int:
        """Size of a database's files, without its transaction logs; 0 without files."""
        folder = self.folder / "data" / "databases" / database
        try:
            return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        except OSError:
            # A running server removes files at any time. The size is only a hint.
            return 0

    def mark_half_import(self) -> None:
        """Note that an import is writing the database, which is unusable until it is done."""
        self._import_mark.touch()

    def unmark_half_import(self) -> None:
        """Note that the import is done and the database is complete."""
        self._import_mark.unlink(missing_ok=True)

    def discard_half_import(self, database: str) -> bool:
        """Delete the data of an interrupted import; the server must not run.

        Returns:
            Whether there were such data.
        """
        if not self._import_mark.exists():
            return False
        for kind in ("databases", "transactions"):
            shutil.rmtree(self.folder / "data" / kind / database, ignore_errors=True)
        for leftover in self.folder.glob(f"{IMPORT_PREFIX}*"):
            if leftover.is_dir():
                shutil.rmtree(leftover, ignore_errors=True)
        self.unmark_half_import()
        return True

    def prepare(self) -> None:
        """Create the folders, for this user alone, and check the free space.

        Raises:
            LocalServerError: the home belongs to another user or cannot be written.
            DiskFullError: less than 200 MB are free.
        """
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._check_writable()
            self.folder.chmod(0o700)
            self.conf_dir.mkdir(exist_ok=True)
            self.logs_dir.mkdir(exist_ok=True)
        except OSError as error:
            raise LocalServerError(
                self._not_writable(self.folder, describe_os_error(error))
            ) from error
        check_free_space(self.folder, _ROOM_BYTES, purpose="Starting Neo4j")

    def password(self) -> str:
        """The password of the user `neo4j`; the first call creates it.

        Raises:
            LocalServerError: a store exists without its password file, or the file cannot be read.
        """
        try:
            return self.password_file.read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return self._new_password()
        except OSError as error:
            raise LocalServerError(
                f"Cannot read Neo4j's password from {self.password_file}. Run as the user that "
                "created the file."
            ) from error

    def write_configuration(self, *, bolt_port: int, http_port: int) -> None:
        """Write neo4j.conf for this start. Manual changes to it are overwritten."""
        lines = [f"{name}={value}" for name, value in _configuration(bolt_port, http_port).items()]
        text = "\n".join(["# bookgraph overwrites this file on every start.", *lines, ""])
        with atomic_write(self.conf_dir / "neo4j.conf") as file:
            file.write(text)

    def read_last_start(self) -> LastStart | None:
        """The last start; None if there was none or its file is damaged."""
        try:
            found = json.loads(self._state_file.read_text(encoding="utf-8"))
            pid = found["pid"]
            return LastStart(
                pid=None if pid is None else int(pid),
                bolt_port=int(found["bolt_port"]),
                http_port=int(found["http_port"]),
            )
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write_last_start(self, state: LastStart) -> None:
        """Remember a start."""
        with atomic_write(self._state_file) as file:
            json.dump(asdict(state), file)

    def forget_pid(self) -> None:
        """Remember that the server was stopped, and keep its ports."""
        state = self.read_last_start()
        if state is not None:
            self.write_last_start(replace(state, pid=None))

    def _new_password(self) -> str:
        if self.has_store:
            raise LocalServerError(
                f"The password file {self.password_file} is missing, and the store beside it "
                f"cannot be opened without it. Restore the file, or delete {self.folder} to start "
                "with an empty graph."
            )
        # A leading "-" would read as an option to Neo4j's own tool.
        password = "n" + secrets.token_urlsafe(24)
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            with atomic_write(self.password_file, "x", permissions=0o600) as file:
                file.write(password)
        except FileExistsError:
            return self.password()  # Another process was faster, so its password counts.
        return password

    def _check_writable(self) -> None:
        for folder in (self.folder, self.folder / "data", self.logs_dir, self.conf_dir):
            if folder.exists() and not os.access(folder, os.W_OK | os.X_OK):
                raise LocalServerError(self._not_writable(folder, "permission denied"))

    def _not_writable(self, folder: Path, reason: str) -> str:
        owner = _owner(folder)
        belongs = f" It belongs to the user {owner}." if owner else ""
        return (
            f"Cannot use {folder} for the local Neo4j: {reason}.{belongs} Run as the user that "
            "created it, or set BOOKGRAPH_HOME to another folder."
        )


def _owner(path: Path) -> str:
    for place in (path, *path.parents):
        try:
            return place.owner()
        except KeyError:
            return str(place.stat().st_uid)
        except (OSError, NotImplementedError):
            continue
    return ""


def _configuration(bolt_port: int, http_port: int) -> dict[str, str]:
    bolt, http = f"127.0.0.1:{bolt_port}", f"127.0.0.1:{http_port}"
    return {
        "server.default_listen_address": "127.0.0.1",
        "server.bolt.enabled": "true",
        "server.bolt.listen_address": bolt,
        # Without it, discovery (and so Neo4j Browser) names the default port.
        "server.bolt.advertised_address": bolt,
        "server.http.enabled": "true",
        "server.http.listen_address": http,
        "server.http.advertised_address": http,
        "server.https.enabled": "false",
        "server.memory.pagecache.size": f"{_PAGE_CACHE_MB}m",
        "dbms.security.auth_enabled": "true",
        "dbms.usage_report.enabled": "false",
        "client.allow_telemetry": "false",
        # By default it announces itself on the network and listens for a remote manager.
        "dbms.fleet_manager.enabled": "false",
        "server.fleet_discovery.enabled": "false",
        # A server for one user need not wait for idle clients when it stops: 0.4 s instead of 11.
        "internal.server.bolt.thread_pool_shutdown_wait_time": "0s",
        "internal.server.bolt.connection_shutdown_wait_time": "0s",
        "db.shutdown_transaction_end_timeout": "1s",
        # How long a statement may exceed its timeout; the default is 2 s.
        "db.transaction.monitor.check.interval": "500ms",
    }
