"""The home folder of the local Neo4j: its folders, password, configuration and state file.

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
from bookgraph.core.files import atomic_write, check_free_space

IMPORT_PREFIX = "import-files-"
"""How folders with files for the importer are named, so that those of a killed one are removed."""

_MB = 1_000_000
# What a start, its logs and the first transactions need; a full disk in the middle of a
# transaction stops Neo4j, so it is refused before.
_ROOM_BYTES = 200 * _MB
_PAGE_CACHE_MB = 128


@dataclass(frozen=True, slots=True)
class ServerState:
    """What the state file remembers of the last start.

    Attributes:
        pid: the JVM's process id, or None after a stop.
        bolt_port: the Bolt port it was given.
        http_port: the HTTP port it was given.
    """

    pid: int | None
    bolt_port: int
    http_port: int


class ServerFiles:
    """The files of one home folder."""

    def __init__(self, home: Path) -> None:
        """Only name the files; nothing is read or made."""
        self.home = home
        self.conf_dir = home / "conf"
        self.logs_dir = home / "logs"
        self.log_file = self.logs_dir / "neo4j.log"
        self.console_file = self.logs_dir / "console.log"
        self.arguments_file = self.conf_dir / "java.args"
        self.start_lock = home / "start.lock"
        self._password_file = home / "password"
        self._state_file = home / "server.json"
        self._import_mark = home / "import-is-half-done"

    @property
    def has_store(self) -> bool:
        """Whether a server has run here, so that its users and passwords are fixed."""
        return (self.home / "data" / "databases" / "system").is_dir()

    def store_bytes(self, database: str) -> int:
        """Size of a database's files on the disk, without its logs; 0 while there are none."""
        folder = self.home / "data" / "databases" / database
        try:
            return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        except OSError:
            # A running server may remove a file between the two looks; the size is only a hint.
            return 0

    def mark_half_import(self) -> None:
        """Say that an import writes the database, which is unusable until it is done."""
        self._import_mark.touch()

    def unmark_half_import(self) -> None:
        """Say that the import is done and the database whole."""
        self._import_mark.unlink(missing_ok=True)

    def discard_half_import(self, database: str) -> bool:
        """Empty a database that an import left half written; the server must not run.

        Returns:
            Whether there was something to discard.
        """
        if not self._import_mark.exists():
            return False
        for kind in ("databases", "transactions"):
            shutil.rmtree(self.home / "data" / kind / database, ignore_errors=True)
        for leftover in self.home.glob(f"{IMPORT_PREFIX}*"):
            if leftover.is_dir():
                shutil.rmtree(leftover, ignore_errors=True)
        self.unmark_half_import()
        return True

    def prepare(self) -> None:
        """Make the folders, for this user alone, and see that there is room.

        Raises:
            LocalServerError: the home belongs to somebody else or cannot be written.
            DiskFullError: less than 200 MB are free.
        """
        try:
            self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._check_writable()
            self.home.chmod(0o700)
            self.conf_dir.mkdir(exist_ok=True)
            self.logs_dir.mkdir(exist_ok=True)
        except OSError as error:
            raise LocalServerError(self._not_writable(self.home, str(error.strerror))) from error
        check_free_space(self.home, _ROOM_BYTES, purpose="Starting Neo4j")

    def password(self) -> str:
        """The password of the user `neo4j`, made up on the first call.

        Raises:
            LocalServerError: the file is lost although a store exists, or cannot be read.
        """
        try:
            return self._password_file.read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return self._new_password()
        except OSError as error:
            message = f"Cannot read Neo4j's password from {self._password_file}: {error.strerror}."
            raise LocalServerError(message) from error

    def write_configuration(self, *, bolt_port: int, http_port: int) -> None:
        """Write neo4j.conf for this start; anything changed in it by hand is lost."""
        lines = [f"{name}={value}" for name, value in _configuration(bolt_port, http_port).items()]
        text = "\n".join(["# Written by bookgraph on every start.", *lines, ""])
        with atomic_write(self.conf_dir / "neo4j.conf") as file:
            file.write(text)

    def read_state(self) -> ServerState | None:
        """What the last start left; None when there was none or its file is damaged."""
        try:
            found = json.loads(self._state_file.read_text(encoding="utf-8"))
            pid = found["pid"]
            return ServerState(
                pid=None if pid is None else int(pid),
                bolt_port=int(found["bolt_port"]),
                http_port=int(found["http_port"]),
            )
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write_state(self, state: ServerState) -> None:
        """Remember a start."""
        with atomic_write(self._state_file) as file:
            json.dump(asdict(state), file)

    def forget_pid(self) -> None:
        """Remember that the server was stopped; its ports stay remembered."""
        state = self.read_state()
        if state is not None:
            self.write_state(replace(state, pid=None))

    def _new_password(self) -> str:
        if self.has_store:
            message = (
                f"The password file {self._password_file} is gone, and the store beside it cannot "
                f"be opened without it. Put the file back, or remove {self.home} to start with "
                "an empty graph."
            )
            raise LocalServerError(message)
        # A leading "-" would read as an option to Neo4j's own tool.
        password = "n" + secrets.token_urlsafe(24)
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            with atomic_write(self._password_file, "x", permissions=0o600) as file:
                file.write(password)
        except FileExistsError:
            return self.password()  # Another process was faster; its password counts.
        return password

    def _check_writable(self) -> None:
        for folder in (self.home, self.home / "data", self.logs_dir, self.conf_dir):
            if folder.exists() and not os.access(folder, os.W_OK | os.X_OK):
                raise LocalServerError(self._not_writable(folder, "permission denied"))

    def _not_writable(self, folder: Path, reason: str) -> str:
        owner = _owner(folder)
        belongs = f" It belongs to the user {owner}." if owner else ""
        return (
            f"Cannot use {folder} for the local Neo4j: {reason}.{belongs} Run as the user that "
            "made it, or set BOOKGRAPH_HOME to a folder of your own."
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
        # By default it tells the network of itself and listens for a manager elsewhere.
        "dbms.fleet_manager.enabled": "false",
        "server.fleet_discovery.enabled": "false",
        # A stop of a server for one user need not wait for idle clients: 0.4 s instead of 11.
        "internal.server.bolt.thread_pool_shutdown_wait_time": "0s",
        "internal.server.bolt.connection_shutdown_wait_time": "0s",
        "db.shutdown_transaction_end_timeout": "1s",
        # How late a statement can be ended whose time is over; the default is 2 s.
        "db.transaction.monitor.check.interval": "500ms",
    }
