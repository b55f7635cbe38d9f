"""A TCP proxy that cuts, delays or freezes the connections through it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from bookgraph.core.processes import LOOPBACK

_CHUNK = 4096


class Proxy:
    """A proxy on a loopback port in front of another one.

    Attributes:
        port: where it listens.
        target: the port behind it, which may change when the server restarts.
        delay_s: seconds before each chunk of 4 KiB is passed on.
    """

    def __init__(self, target: int, *, usual_delay_s: float = 0.0) -> None:
        self.target = target
        self._usual_delay_s = usual_delay_s
        self.delay_s = usual_delay_s
        self._is_open = True
        self._flows = threading.Event()
        self._flows.set()
        self._sockets: set[socket.socket] = set()
        self._listener = socket.create_server((LOOPBACK, 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Reset all connections, and refuse new ones until `restore`."""
        self._is_open = False
        for one in list(self._sockets):
            _reset(one)

    def freeze(self) -> None:
        """Pass nothing on until `restore`; the connections stay."""
        self._flows.clear()

    def restore(self) -> None:
        """Behave as a good network again."""
        self._is_open, self.delay_s = True, self._usual_delay_s
        self._flows.set()

    def close(self) -> None:
        """Stop listening and cut everything."""
        self.cut()
        self._flows.set()
        # A thread that waits in accept() keeps the port open until it is woken.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                try:
                    if not self._is_open:
                        raise ConnectionRefusedError
                    server = socket.create_connection((LOOPBACK, self.target), timeout=5)
                    server.settimeout(None)
                except OSError:
                    _reset(client)
                    continue
                self._sockets |= {client, server}
                for pair in ((client, server), (server, client)):
                    threading.Thread(target=self._pump, args=pair, daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(_CHUNK):
                time.sleep(self.delay_s)
                self._flows.wait()
                sink.sendall(data)
        for one in (source, sink):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            self._sockets.discard(one)


def _reset(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
        one.close()


@contextmanager
def open_proxy(target: int, *, usual_delay_s: float = 0.0) -> Iterator[Proxy]:
    """A proxy until the block ends."""
    proxy = Proxy(target, usual_delay_s=usual_delay_s)
    try:
        yield proxy
    finally:
        proxy.close()
