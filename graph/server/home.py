"""The home folder of the local Neo4j: its subfolders, password, configuration and state file.

Plain files only: nothing here starts, stops or talks to a server.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Literal

from bookgraph.core.errors import LocalServerError
from bookgraph.core.files import (
    atomic_write,
    check_free_space,
    describe_os_error,
    folder_bytes,
    refuse_folder,
    remove_drafts,
    remove_file,
    translated_write_errors,
)
from bookgraph.core.processes import is_running

_IMPORT_PREFIX = "import-files-"
ImportState = Literal["importing", "unproven"]
"""What the mark of an import says: the importer is writing the database, so that what is there is
half; or nothing is half any more, but no start of the server has succeeded since."""

_STORE_KINDS = ("databases", "transactions")
_MB = 1_000_000
ROOM_BYTES = 200 * _MB
"""What a start, its logs and the first transactions need. A disk that fills up during a transaction
stops Neo4j, so a start without this space is refused."""
_NEW_STORE_BYTES = 550 * _MB
"""The transaction logs of a new store, 256 MiB for each of its two databases."""
_PAGE_CACHE_MB = 128


@dataclass(frozen=True, slots=True)
class LastStart:
    """What the state file remembers of the last start.

    Attributes:
        pid: the JVM's process id, or None after a stop.
        bolt_port: its Bolt port.
        http_port: its HTTP port.
        version: the version of Neo4j, or empty if it is not known.
    """

    pid: int | None
    bolt_port: int
    http_port: int
    version: str = ""


class Neo4jHome:
    """The files of one home folder."""

    def __init__(self, folder: Path) -> None:
        """Name the files. Nothing is read or created."""
        self.folder = folder
        self.conf_dir = folder / "conf"
        self.logs_dir = folder / "logs"
        self.log_file = self.logs_dir / "neo4j.log"
        self.debug_file = self.logs_dir / "debug.log"
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
        # A running server removes files at any time. The size is only a hint.
        return folder_bytes(self.folder / "data" / "databases" / database)

    @property
    def import_state(self) -> ImportState | None:
        """What the mark of an import says, or None without a mark."""
        try:
            text = self._import_mark.read_text("utf-8").strip()
        except FileNotFoundError:
            return None
        except (OSError, ValueError):
            # Never a reason to delete anything.
            return "unproven"
        # Earlier versions wrote an empty file.
        return "importing" if text in {"importing", ""} else "unproven"

    def mark_import(self, state: ImportState) -> None:
        """Note how far an import is. The note outlives a power cut."""
        with atomic_write(self._import_mark) as file:
            file.write(f"{state}\n")

    def unmark_import(self) -> None:
        """Note that a start has succeeded since the last import."""
        remove_file(self._import_mark)

    def discard_half_import(self, database: str) -> bool:
        """Delete the data of an interrupted import; nothing may use the store.

        The mark stays while files are deleted, so that an interruption is no harm.

        Returns:
            Whether there were such data.

        Raises:
            LocalServerError: they cannot be deleted.
        """
        if self.import_state != "importing":
            return False
        self.remove_store(database)
        self.mark_import("unproven")
        return True

    def remove_store(self, database: str) -> None:
        """Delete a database's files; nothing may use them.

        Raises:
            LocalServerError: they cannot be deleted.
        """
        for kind in _STORE_KINDS:
            self._delete(self.folder / "data" / kind / database)

    def set_aside(self, database: str) -> Path | None:
        """Move a database's files away, so that the next start makes it anew, and keep them.

        Returns:
            The folder that holds them now; None if there were none.

        Raises:
            LocalServerError: they cannot be moved.
        """
        name = time.strftime("%Y-%m-%dT%H-%M-%S")
        target = self.folder / "set-aside" / f"{database}-{name}"
        found = [kind for kind in _STORE_KINDS if (self.folder / "data" / kind / database).exists()]
        try:
            for kind in found:
                target.mkdir(parents=True, exist_ok=True)
                (self.folder / "data" / kind / database).rename(target / kind)
        except OSError as error:
            raise LocalServerError(
                f"Cannot move the files of {self.folder / 'data'} to {target}: "
                f"{describe_os_error(error)}. Make both writable and run the command again."
            ) from error
        return target if found else None

    def copy_back(self, aside: Path, database: str) -> None:
        """Copy what `set_aside` moved to its place.

        Raises:
            DiskFullError: the disk is full.
            LocalServerError: the files cannot be copied.
        """
        with translated_write_errors(self.folder, error_type=LocalServerError):
            for kind in aside.iterdir():
                shutil.copytree(kind, self.folder / "data" / kind.name / database)

    @contextmanager
    def import_folder(self) -> Iterator[Path]:
        """A folder for the importer's files, deleted afterwards."""
        with TemporaryDirectory(dir=self.folder, prefix=f"{_IMPORT_PREFIX}{os.getpid()}-") as name:
            yield Path(name)

    def remove_leftovers(self) -> None:
        """Delete the importer's files and the drafts of processes that were killed."""
        for folder in self.folder.glob(f"{_IMPORT_PREFIX}*"):
            pid = folder.name.removeprefix(_IMPORT_PREFIX).partition("-")[0]
            if not (pid.isdecimal() and is_running(int(pid))):
                shutil.rmtree(folder, ignore_errors=True)
        for folder in (self.folder, self.conf_dir):
            remove_drafts(folder)

    def _delete(self, folder: Path) -> None:
        try:
            if folder.exists():
                shutil.rmtree(folder)
        except OSError as error:
            raise LocalServerError(
                f"Cannot delete {folder}, which is damaged or half of an import: "
                f"{describe_os_error(error)}. Delete it, then run the command again."
            ) from error

    def prepare(self) -> None:
        """Create the folders, for this user alone, and check the free space.

        Raises:
            LocalServerError: the home belongs to another user or cannot be written.
            BookgraphError: a folder is in the place of a file.
            DiskFullError: less than 200 MB are free, or 550 MB for a new store.
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
        # Before anything is started: a start that cannot note its process would lose it.
        for path in (
            *(self._state_file, self._import_mark, self.start_lock, self.arguments_file),
            *(self.conf_dir / "neo4j.conf", self.console_file, self.log_file),
        ):
            refuse_folder(path)
        needed = ROOM_BYTES if self.has_store else _NEW_STORE_BYTES
        check_free_space(self.folder, needed, purpose="Starting Neo4j")

    def password(self) -> str:
        """The password of the user `neo4j`; the first call creates it.

        Raises:
            LocalServerError: a store exists without its password file, or the file cannot be read.
        """
        try:
            password = self._read_password()
        except IsADirectoryError as error:
            raise LocalServerError(
                f"A folder is in the place of Neo4j's password file {self.password_file}. "
                f"{self._reset_hint()}"
            ) from error
        except OSError as error:
            raise LocalServerError(
                f"Cannot read Neo4j's password from {self.password_file}. Run as the user that "
                "created the file."
            ) from error
        return password or self._new_password()

    def write_configuration(
        self,
        *,
        bolt_port: int,
        http_port: int,
        changes: Mapping[str, str] = MappingProxyType({}),
        conf_dir: Path | None = None,
    ) -> None:
        """Write neo4j.conf for this start. Manual changes to it are overwritten.

        Args:
            bolt_port: where it listens.
            http_port: where it listens.
            changes: values other than the usual ones, by the name of the setting.
            conf_dir: where to write it, by default into the home's own folder.
        """
        values = {**_configuration(bolt_port, http_port), **changes}
        lines = [f"{name}={value}" for name, value in values.items()]
        text = "\n".join(["# bookgraph overwrites this file on every start.", *lines, ""])
        folder = conf_dir or self.conf_dir
        folder.mkdir(exist_ok=True)
        with atomic_write(folder / "neo4j.conf") as file:
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
                version=str(found.get("version", "")),
            )
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def read_configured_ports(self, pid: int) -> LastStart | None:
        """The ports in the configuration of a running server, whose state file is lost."""
        try:
            lines = (self.conf_dir / "neo4j.conf").read_text(encoding="utf-8").splitlines()
            values = dict(line.split("=", 1) for line in lines if "=" in line)
            ports = [
                int(values[f"server.{protocol}.listen_address"].rpartition(":")[2])
                for protocol in ("bolt", "http")
            ]
        except (OSError, ValueError, KeyError):
            return None
        return LastStart(pid, bolt_port=ports[0], http_port=ports[1])

    def write_last_start(self, state: LastStart) -> None:
        """Remember a start."""
        with atomic_write(self._state_file) as file:
            json.dump(asdict(state), file)

    def forget_pid(self) -> None:
        """Remember that the server was stopped, and keep its ports."""
        state = self.read_last_start()
        if state is not None:
            self.write_last_start(replace(state, pid=None))

    def replace_password(self, password: str) -> None:
        """Write the password file anew, whatever is in its place."""
        if self.password_file.is_dir() and not self.password_file.is_symlink():
            shutil.rmtree(self.password_file)
        with atomic_write(self.password_file, permissions=0o600) as file:
            file.write(password)

    def _read_password(self) -> str:
        try:
            text = self.password_file.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return ""
        # A power cut may leave a file without content, or with zeros.
        return text.strip("\0 \r\n")

    def _new_password(self) -> str:
        if self.has_store:
            raise LocalServerError(
                f"The password file {self.password_file} is missing or empty, and the store beside "
                f"it cannot be opened without it. {self._reset_hint()}"
            )
        password = make_password()
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self._read_password():
            remove_file(self.password_file)
        try:
            with atomic_write(self.password_file, "x", permissions=0o600) as file:
                file.write(password)
        except FileExistsError:
            return self.password()  # Another process was faster, so its password counts.
        return password

    def _reset_hint(self) -> str:
        return "Restore the file, or run `bookgraph neo4j reset-password`, which keeps the graph."

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


def make_password() -> str:
    """A random password."""
    # A leading "-" would read as an option to Neo4j's own tool.
    return "n" + secrets.token_urlsafe(24)


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
