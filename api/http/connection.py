"""One connection: it must send a head in time, and its stream ends when the server stops.

uvicorn waits for a head without a limit, so a few thousand clients that send one byte now and then
could hold all connections of the server. Bodies have a limit of their own (`Admission`).
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

logger = logging.getLogger(__name__)

STOPPING = "bookgraph.stopping"
"""Name of the event, in the state of an ASGI scope, that is set when the server stops."""

# At run time, the mixin works with both of uvicorn's protocols.
if TYPE_CHECKING:
    _Base = HttpToolsProtocol
else:
    _Base = asyncio.Protocol


class HeadTimeout(_Base):
    """A mixin for uvicorn's HTTP protocols.

    Attributes:
        head_timeout_s: seconds from the start of a connection, or from the first byte of a further
            request, until the head must be complete.
    """

    head_timeout_s = 10.0
    _timer: asyncio.TimerHandle | None = None
    _is_upgraded = False

    def connection_made(self, transport: Any) -> None:
        """Start to wait for the first head."""
        super().connection_made(transport)
        # All connections of a server share this state, and each scope has a copy of it.
        self.app_state.setdefault(STOPPING, asyncio.Event())
        self._start_timer()

    def data_received(self, data: bytes) -> None:
        """Handle data, and see whether they complete a head or begin one."""
        before = self.cycle
        super().data_received(data)
        if self.cycle is not before:
            self._stop_timer()
        elif self._timer is None and (before is None or before.response_complete):
            # After a response, uvicorn itself limits the time until the first byte.
            self._start_timer()

    def handle_websocket_upgrade(self, *arguments: Any) -> None:
        """Hand the connection over. A WebSocket has a limit of its own for its first message."""
        self._is_upgraded = True
        self._stop_timer()
        super().handle_websocket_upgrade(*arguments)

    def shutdown(self) -> None:
        """End the streams of the server, which would go on for as long as their clients stay."""
        self.app_state[STOPPING].set()
        super().shutdown()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop to wait."""
        self._stop_timer()
        super().connection_lost(exc)

    def _start_timer(self) -> None:
        if not self._is_upgraded and not self.transport.is_closing():
            self._timer = self.loop.call_later(self.head_timeout_s, self._give_up)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        logger.debug("No request head from %s in %.0f s.", self.client, self.head_timeout_s)
        self.transport.close()


class Connection(HeadTimeout, HttpToolsProtocol):
    """One HTTP connection of the server."""

    def on_headers_complete(self) -> None:
        """Take the host from the target `http://HOST/PATH`, where a request has such a one.

        It wins over the Host header (RFC 9112, section 3.2.2), which the guard reads.
        """
        if not self.url.startswith((b"/", b"*")):
            host = self.url.partition(b"://")[2].partition(b"/")[0].partition(b"?")[0]
            self.headers[:] = [pair for pair in self.headers if pair[0] != b"host"]
            self.headers.append((b"host", host))
        super().on_headers_complete()
