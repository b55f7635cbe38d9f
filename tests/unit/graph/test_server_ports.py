"""The choice of ports, against real sockets on loopback."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest

from bookgraph.core.errors import PortTakenError
from bookgraph.core.processes import find_free_port, is_port_free
from bookgraph.graph.server.ports import choose_port


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that another program listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_the_wanted_port_is_taken_when_free(caplog: pytest.LogCaptureFixture) -> None:
    wanted = find_free_port()
    assert choose_port(wanted, remembered=1, others=(), setting=None) == wanted
    assert choose_port(wanted, remembered=1, others=(), setting="BOOKGRAPH_BOLT_PORT") == wanted
    assert caplog.text == ""


def test_a_default_port_gives_way_and_says_so(taken: int, caplog: pytest.LogCaptureFixture) -> None:
    chosen = choose_port(taken, remembered=0, others=(), setting=None)
    assert chosen != taken
    assert is_port_free(chosen)
    assert f"Port {taken} is in use" in caplog.text
    assert str(chosen) in caplog.text


def test_the_last_port_is_preferred_to_a_new_one(taken: int) -> None:
    remembered = find_free_port()
    assert choose_port(taken, remembered=remembered, others=(), setting=None) == remembered
    assert choose_port(0, remembered=remembered, others=(), setting=None) == remembered
    assert choose_port(0, remembered=taken, others=(), setting=None) not in (0, taken)


def test_no_port_is_given_out_twice() -> None:
    wanted, remembered = find_free_port(), find_free_port()
    assert choose_port(wanted, remembered=remembered, others=(wanted,), setting=None) == remembered
    chosen = choose_port(0, remembered=remembered, others=(remembered,), setting=None)
    assert chosen != remembered


def test_a_port_set_by_the_user_is_an_error_when_taken(taken: int) -> None:
    with pytest.raises(PortTakenError) as caught:
        choose_port(taken, remembered=0, others=(), setting="BOOKGRAPH_HTTP_PORT")
    assert caught.value.port == taken
    message = str(caught.value)
    assert f"port {taken}" in message
    assert "BOOKGRAPH_HTTP_PORT" in message
    assert f"(process {os.getpid()}) uses it" in message
    assert "or to 0 for any" in message


def test_the_same_port_set_twice_is_an_error_that_says_so() -> None:
    wanted = find_free_port()
    with pytest.raises(PortTakenError, match="Neo4j itself needs it twice"):
        choose_port(wanted, remembered=0, others=(wanted,), setting="BOOKGRAPH_HTTP_PORT")
