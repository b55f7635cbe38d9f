"""Which ports the local Neo4j takes, on loopback only."""

from __future__ import annotations

import logging

from bookgraph.core.errors import PortTakenError
from bookgraph.core.processes import find_free_port, find_port_problem, is_port_free

logger = logging.getLogger(__name__)


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
    if wanted and wanted not in others and is_port_free(wanted):
        return wanted
    if wanted and setting is not None:
        taken = "Neo4j itself needs it twice" if wanted in others else find_port_problem(wanted)
        message = (
            f"Cannot start Neo4j on port {wanted}, which {setting} names: {taken}. Free that port, "
            f"or set {setting} to another one, or to 0 for any."
        )
        raise PortTakenError(message, port=wanted)
    is_usable = remembered and remembered not in others and is_port_free(remembered)
    chosen = remembered if is_usable else find_free_port()
    if wanted:
        logger.warning(
            "Port %d is in use by another program; Neo4j takes port %d instead.", wanted, chosen
        )
    return chosen
