"""Which ports the local Neo4j takes, on loopback only."""

from __future__ import annotations

import logging
import os
import socket

from bookgraph.core.errors import PortTakenError

logger = logging.getLogger(__name__)

HOST = "127.0.0.1"


def choose_port(
    wanted: int, *, remembered: int, others: tuple[int, ...], setting: str | None
) -> int:
    """Choose the port for a start.

    Args:
        wanted: the preferred port; 0 for any.
        remembered: the port of the last start, which clients may know; 0 for none.
        others: ports that this start has already given out.
        setting: the environment variable by which the user asked for `wanted`; None where it is
            only the default.

    Returns:
        `wanted` if it is free, else `remembered` if that is, else any free port.

    Raises:
        PortTakenError: the user asked for a port that another program listens on.
    """
    if wanted and wanted not in others and is_free(wanted):
        return wanted
    if wanted and setting is not None:
        taken = "Neo4j itself needs it twice" if wanted in others else "another program uses it"
        message = (
            f"Cannot start Neo4j on port {wanted}, which {setting} names: {taken}. Free that port, "
            f"or set {setting} to another one, or to 0 for any."
        )
        raise PortTakenError(message, port=wanted)
    is_usable = remembered and remembered not in others and is_free(remembered)
    chosen = remembered if is_usable else free_port()
    if wanted:
        logger.warning(
            "Port %d is in use by another program; Neo4j takes port %d instead.", wanted, chosen
        )
    return chosen


def is_free(port: int) -> bool:
    """Whether nothing listens on this loopback port, on all addresses included."""
    try:
        socket.create_connection((HOST, port), timeout=0.5).close()
    except OSError:
        pass
    else:
        return False
    with socket.socket() as probe:
        if os.name == "posix":
            # As Java does: connections of the last server that linger must not count.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """A port that nothing uses at this moment."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
