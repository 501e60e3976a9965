"""HTTP/1.1 with a time limit for clients: `uvicorn --http imagegeneration.api.protocol:TimedProtocol`."""

from __future__ import annotations

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_SECONDS = 10.0

ENDS = "ends"
"""Where an answer without an end of its own leaves, in the state of its scope, what is called when the server stops."""


class TimedProtocol(H11Protocol):
    """Closes a connection whose next request is not there in time.

    uvicorn waits for ever for the rest of a head, and for a first byte. The body is bounded where it is read; what
    is left of one after its answer counts as the next request here.
    """

    _overdue: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """A client is there."""
        super().connection_made(transport)
        self._expect_request()

    def data_received(self, data: bytes) -> None:
        """Some bytes came; time runs on unless they complete a request's head."""
        super().data_received(data)
        if self.conn.our_state in (h11.SEND_RESPONSE, h11.SEND_BODY):
            self._stop_waiting()
        else:
            self._expect_request()

    def shutdown(self) -> None:
        """The server stops: what would go on for as long as the client listens is told so."""
        super().shutdown()
        scope = getattr(self.cycle, "scope", {})  # there is no cycle before the first request
        if (end := scope.get("state", {}).get(ENDS)) is not None:
            end()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _expect_request(self) -> None:
        if self._overdue is None:
            self._overdue = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._overdue is not None:
            self._overdue.cancel()
            self._overdue = None
