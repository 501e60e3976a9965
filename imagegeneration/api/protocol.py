"""HTTP/1.1 with bounds for clients: `uvicorn --http imagegeneration.api.protocol:TimedProtocol`."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import h11
from starlette.types import Message, Receive, Send
from uvicorn.config import Config
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState

from imagegeneration.api.bodies import MAX_BODY_BYTES

HEAD_SECONDS = 10.0

WRITE_SECONDS = 30.0
"""A client that does not take what was sent for so long is cut off."""

ENDS = "ends"
"""Where an answer without an end of its own leaves, in the state of its scope, what is called when the server stops."""

_PIECE = 4096
"""h11 bounds a head only while it waits for the rest of it, so a head is handed over in pieces of so many bytes."""


log = logging.getLogger(__name__)


def warning_of_slow_clients(receive: Receive, send: Send) -> Send:
    """Return the `send` of a lifespan that says once the app has started if uvicorn serves without TimedProtocol.

    An app is not told which protocol serves it; uvicorn's own object, whose method `receive` is, knows. Of other
    servers nothing is said.
    """
    config = getattr(getattr(receive, "__self__", None), "config", None)
    if not isinstance(config, Config) or issubclass(config.http_protocol_class, TimedProtocol):
        return send

    async def sending(message: Message) -> None:
        await send(message)
        if message["type"] == "lifespan.startup.complete":
            log.warning(
                "Slow clients are not cut off: this server has no time-outs for heads and writes. "
                "Start it with: uvicorn app:app --http imagegeneration.api.protocol:TimedProtocol"
            )

    return sending


class TimedProtocol(H11Protocol):
    """Closes a connection whose next request is not there in time, or whose client does not take its answer.

    uvicorn waits for ever for the rest of a head, for a first byte, and for a client to read. The body is bounded
    where it is read; what is left of one after its answer counts as the next request here. A message of a websocket
    is no larger than a body. Whom to believe about addresses is a setting of ours, not uvicorn's.
    """

    _overdue: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        if not config.loaded:
            config.load()
        if isinstance(config.loaded_app, ProxyHeadersMiddleware):
            config.loaded_app = config.loaded_app.app
        config.ws_max_size = min(config.ws_max_size, MAX_BODY_BYTES)
        super().__init__(config, server_state, app_state, _loop)
        if self.ws_protocol_class is not None:
            self.ws_protocol_class = TimedWebSocket

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """A client is there."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=0)  # so that whatever is not taken is noticed, not only much of it
        self._expect_request()

    def data_received(self, data: bytes) -> None:
        """Some bytes came; time runs on unless they complete a request's head."""
        for start in range(0, len(data), _PIECE):
            super().data_received(data[start : start + _PIECE])
            if self.transport.is_closing() or self.transport.get_protocol() is not self:
                break  # refused; or a websocket by now
        if self.conn.our_state in (h11.SEND_RESPONSE, h11.SEND_BODY):
            self._stop_waiting()
        else:
            self._expect_request()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """Hand the connection over to the protocol of websockets, which bounds writes by itself."""
        self._stop_writing()
        super().handle_websocket_upgrade(event)

    def pause_writing(self) -> None:
        """The client has not taken all that was sent."""
        super().pause_writing()
        if self._unread is None:
            self._unread = self.loop.call_later(WRITE_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """It has by now."""
        super().resume_writing()
        self._stop_writing()

    def shutdown(self) -> None:
        """The server stops: what would go on for as long as the client listens is told so."""
        super().shutdown()
        scope = getattr(self.cycle, "scope", {})  # there is no cycle before the first request
        if (end := scope.get("state", {}).get(ENDS)) is not None:
            end()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self._stop_waiting()
        self._stop_writing()
        super().connection_lost(exc)

    def _expect_request(self) -> None:
        if self._overdue is None:
            self._overdue = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._overdue is not None:
            self._overdue.cancel()
            self._overdue = None

    def _stop_writing(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None


class TimedWebSocket(WebSocketsSansIOProtocol):
    """A websocket whose connection is aborted if its client does not take what is sent.

    uvicorn ends a connection with `transport.close()`, and asyncio first writes what it has buffered: a client that
    never reads would keep its connection, and its place among the open pages, for ever. The write buffer's limit is 0
    here too, so a close that has to wait is a write pause that began before it.
    """

    _unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take over a connection, on which an earlier answer may be unread: asyncio does not say that again."""
        super().connection_made(transport)
        if self.transport.get_write_buffer_size() > 0:
            self.pause_writing()

    def pause_writing(self) -> None:
        """Give the client WRITE_SECONDS to take what was sent."""
        super().pause_writing()
        if self._unread is None:
            self._unread = self.loop.call_later(WRITE_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """Stop the time: the client has taken everything."""
        super().resume_writing()
        self._stop_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the time: the client is gone."""
        self._stop_writing()
        super().connection_lost(exc)

    def _stop_writing(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None
