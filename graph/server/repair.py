"""Makes a damaged home of the local Neo4j usable again: broken store files, a lost password.

The graph's files are recovered, or else kept beside the store. They are never deleted.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bookgraph.core.errors import (
    BookgraphError,
    LocalServerError,
    StoreDamagedError,
)
from bookgraph.core.files import folder_bytes, free_bytes
from bookgraph.core.processes import find_free_port, tied_process, wait_until
from bookgraph.core.progress import OnProgress, Progress, ignore_progress
from bookgraph.graph.server import java
from bookgraph.graph.server.home import ROOM_BYTES, Neo4jHome, make_password
from bookgraph.graph.server.local import LocalServer
from bookgraph.graph.server.starting import DATABASE, SYSTEM, USERNAME, bolt_uri
from bookgraph.graph.store import Store

logger = logging.getLogger(__name__)

_STAGE = "Repairing Neo4j"
_READY_TIMEOUT_S = 120.0
_STOP_TIMEOUT_S = 60.0
_CONNECTION_TIMEOUT_S = 5.0
# For a server of this process alone, on a random port of loopback, for some seconds.
_WITHOUT_LOGIN = {"dbms.security.auth_enabled": "false", "server.http.enabled": "false"}
# Transaction logs that are missing are made anew. What they alone held is lost.
_LENIENT = {**_WITHOUT_LOGIN, "db.recovery.fail_on_missing_files": "false"}
_SYSTEM_PROBE = "SHOW DEFAULT DATABASE YIELD name"


@dataclass(frozen=True, slots=True)
class Repair:
    """What a repair did.

    Attributes:
        is_recovered: whether the graph is as it was; else it is empty.
        kept_in: where the files are that could not be opened; None if there were none.
    """

    is_recovered: bool
    kept_in: Path | None


def repair_store(server: LocalServer, *, on_progress: OnProgress = ignore_progress) -> Repair:
    """Start the server on a store that cannot be opened: recovered, or else with an empty graph.

    Args:
        server: the local server. If it can be started, nothing is changed.
        on_progress: receives the steps.

    Raises:
        LocalServerError: the server cannot be started for a reason other than its store.
    """
    try:
        server.start(on_progress=on_progress)
    except StoreDamagedError as error:
        repair = _repair_system if error.database == SYSTEM else _repair_graph
        return repair(server, on_progress)
    return Repair(is_recovered=True, kept_in=None)


def reset_password(server: LocalServer, *, on_progress: OnProgress = ignore_progress) -> None:
    """Give the user `neo4j` a new random password, and start the server with it.

    Neo4j's documented way: a server without login, for some seconds and on loopback only, runs
    `ALTER USER`. Graph, users and roles stay, which a removed system database would not keep.

    Args:
        server: the local server, which is stopped meanwhile.
        on_progress: receives the steps.

    Raises:
        LocalServerError: the server cannot be started.
    """
    password = make_password()
    with server.offline(on_progress=on_progress) as home:
        if home.has_store:
            on_progress(Progress("Resetting the password", 0))
            server.write_arguments("server", on_progress)
            with _private_server(home, _WITHOUT_LOGIN) as uri, _open_system(uri) as store:
                for statement in (
                    "CREATE USER $name IF NOT EXISTS SET PASSWORD $password CHANGE NOT REQUIRED",
                    "ALTER USER $name SET PASSWORD $password CHANGE NOT REQUIRED",
                ):
                    store.run(statement, name=USERNAME, password=password)
        home.replace_password(password)
    server.start(on_progress=on_progress)


def _repair_graph(server: LocalServer, on_progress: OnProgress) -> Repair:
    with server.offline(on_progress=on_progress) as home:
        # Whatever is left by an interruption from here on is moved away by the next start.
        home.mark_import("unproven")
        kept_in = home.set_aside(DATABASE)
        is_recovered = kept_in is not None and _recover_copy(server, home, kept_in, on_progress)
    server.start(on_progress=on_progress)
    return Repair(is_recovered, kept_in)


def _repair_system(server: LocalServer, on_progress: OnProgress) -> Repair:
    """Replace the system database, which holds users and the databases' names."""
    with server.offline(on_progress=on_progress) as home:
        kept_in = home.set_aside(SYSTEM)
    try:
        server.start(on_progress=on_progress)
    except StoreDamagedError:
        return _repair_graph(server, on_progress)
    return Repair(is_recovered=True, kept_in=kept_in)


def _recover_copy(
    server: LocalServer, home: Neo4jHome, kept_in: Path, on_progress: OnProgress
) -> bool:
    """Have Neo4j recover a copy of the damaged files, and check it."""
    if free_bytes(home.folder) < folder_bytes(kept_in) + ROOM_BYTES:
        logger.warning("There is no space for a copy of %s, so it is not recovered.", kept_in)
        return False
    on_progress(Progress(_STAGE, 0, note="recovering a copy"))
    try:
        home.copy_back(kept_in, DATABASE)
        server.write_arguments("server", on_progress)
        with (
            _private_server(home, _LENIENT) as uri,
            Store.open(
                uri,
                (USERNAME, ""),
                database=DATABASE,
                retry_limit_s=0.0,
                connection_timeout_s=_CONNECTION_TIMEOUT_S,
            ),
        ):
            on_progress(Progress(_STAGE, 0, note="the copy opens"))
        on_progress(Progress(_STAGE, 0, note="checking its consistency"))
        server.write_arguments("admin", on_progress)
        java.run_admin_tool(home, ("database", "check", DATABASE))
    except BookgraphError as error:
        logger.info("the copy of %s cannot be recovered: %s", kept_in, error)
        home.remove_store(DATABASE)
        return False
    return True


@contextmanager
def _private_server(home: Neo4jHome, changes: Mapping[str, str]) -> Iterator[str]:
    """A server without login that ends with the block, and with this process however that ends.

    Yields:
        Its address; its system database responds.
    """
    conf_dir = home.folder / "conf-repair"
    port = find_free_port()
    home.write_configuration(bolt_port=port, http_port=0, changes=changes, conf_dir=conf_dir)
    try:
        with tied_process(
            java.server_command(home, conf_dir=conf_dir),
            log_file=home.console_file,
            folder=home.folder,
            environment=java.environment(home),
        ) as child:
            uri = bolt_uri(port)
            if not wait_until(
                lambda: child.poll() is not None or _responds(uri), timeout_s=_READY_TIMEOUT_S
            ):
                raise LocalServerError(
                    f"Neo4j did not respond within {_READY_TIMEOUT_S:.0f} s. Its log is "
                    f"{home.log_file}. Run the command again."
                )
            if child.poll() is not None:
                raise LocalServerError(
                    f"Neo4j ended while it was starting. Its logs are {home.log_file} and "
                    f"{home.console_file}. Run `bookgraph neo4j repair`."
                )
            yield uri
            child.terminate()
            child.wait(_STOP_TIMEOUT_S)
    finally:
        shutil.rmtree(conf_dir, ignore_errors=True)


def _responds(uri: str) -> bool:
    try:
        _open_system(uri).close()
    except BookgraphError:
        return False
    return True


def _open_system(uri: str) -> Store:
    return Store.open(
        uri,
        (USERNAME, ""),
        database=SYSTEM,
        retry_limit_s=0.0,
        connection_timeout_s=_CONNECTION_TIMEOUT_S,
        probe=_SYSTEM_PROBE,
    )
