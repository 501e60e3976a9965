"""HTTP/1.1 with time limits for clients: `uvicorn --http imagegeneration.api.protocol:TimedProtocol`."""

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
"""How long a client may read nothing of an answer before its connection is aborted."""

ENDS = "ends"
"""The key in the scope's state of the callback that ends an endless answer when the server stops."""

_PIECE = 4096
"""The size of the pieces that h11 gets, in bytes: it bounds a head only while it waits for the rest of it."""


log = logging.getLogger(__name__)


def warning_of_slow_clients(receive: Receive, send: Send) -> Send:
    """Return the `send` of a lifespan that warns after startup if uvicorn serves without TimedProtocol.

    An application is not told which protocol serves it. uvicorn's lifespan object, whose method `receive` is, has the
    configuration. Other servers get no warning.
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
    """A protocol that closes a connection whose next request is late, or whose client does not read its answer.

    uvicorn waits without limit for the rest of a head, for a first byte, and for a client to read. The body is bounded
    where it is read; the rest of one after its answer counts here as the next request. A websocket message is at most
    as large as a body. TRUSTED_PROXIES decides which proxies are believed, not uvicorn's own setting.
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
        """Take over a new connection, and expect a request."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=0)  # so that any unread byte pauses writing, not only a full buffer
        self._expect_request()

    def data_received(self, data: bytes) -> None:
        """Feed the bytes to the parser. The time limit runs on unless they complete a request's head."""
        for start in range(0, len(data), _PIECE):
            super().data_received(data[start : start + _PIECE])
            if self.transport.is_closing() or self.transport.get_protocol() is not self:
                break  # refused, or handed over to the websocket protocol
        if self.conn.our_state in (h11.SEND_RESPONSE, h11.SEND_BODY):
            self._stop_waiting()
        else:
            self._expect_request()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """Hand the connection over to the websocket protocol, which has its own limit for writes."""
        self._stop_writing()
        super().handle_websocket_upgrade(event)

    def pause_writing(self) -> None:
        """Start the time limit, because the client has not read all that was sent."""
        super().pause_writing()
        if self._unread is None:
            self._unread = self.loop.call_later(WRITE_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """Stop the time limit, because the client has read everything."""
        super().resume_writing()
        self._stop_writing()

    def shutdown(self) -> None:
        """Stop, and end an answer that would last as long as the client listens."""
        super().shutdown()
        scope = getattr(self.cycle, "scope", {})  # there is no cycle before the first request
        if (end := scope.get("state", {}).get(ENDS)) is not None:
            end()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop both time limits, because the client is gone."""
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
    """A websocket whose connection is aborted if its client does not read what is sent.

    uvicorn ends a connection with `transport.close()`, and asyncio first writes its buffer. A client that never reads
    would keep its connection, and its place among the open pages, without end. The write buffer's limit is 0 here too,
    so writing is paused before a close can wait.
    """

    _unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take over a connection. An earlier answer may be unread, and asyncio does not report that again."""
        super().connection_made(transport)
        if self.transport.get_write_buffer_size() > 0:
            self.pause_writing()

    def pause_writing(self) -> None:
        """Give the client WRITE_SECONDS to read what was sent."""
        super().pause_writing()
        if self._unread is None:
            self._unread = self.loop.call_later(WRITE_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """Stop the time limit, because the client has read everything."""
        super().resume_writing()
        self._stop_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the time limit, because the client is gone."""
        self._stop_writing()
        super().connection_lost(exc)

    def _stop_writing(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None
