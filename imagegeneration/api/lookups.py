"""Look-ups that strangers can ask for and that may take long: on threads of their own, shared out fairly."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import TypeVar

from anyio import CapacityLimiter, to_thread

from imagegeneration.core.errors import Busy

OF_ONE_ADDRESS = 2
"""Look-ups at once of one address: one that sends many keeps no thread from the others."""

WAITING_OF_ONE = 64
WAITING = 256
"""Requests that may wait for a look-up, of one address and in all; more are refused at once."""

Found = TypeVar("Found")


class Lookups:
    """Runs look-ups, `at_once` of all addresses together. Made within a running event loop."""

    def __init__(self, at_once: int) -> None:
        self._threads = CapacityLimiter(at_once)
        self._own: defaultdict[str, CapacityLimiter] = defaultdict(lambda: CapacityLimiter(OF_ONE_ADDRESS))
        self._inside: defaultdict[str, int] = defaultdict(int)

    async def run(self, address: str, find: Callable[[str], Found], secret: str) -> Found:
        """Return what `find` says of the secret. It is left alone where the caller gives up.

        Raises Busy (IMG_005) where too many wait already.
        """
        if self._inside.get(address, 0) >= WAITING_OF_ONE or sum(self._inside.values()) >= WAITING:
            raise Busy("Too many sign-ins are being checked.", retry_after=2)
        self._inside[address] += 1
        try:
            async with self._own[address]:
                return await to_thread.run_sync(find, secret, limiter=self._threads, abandon_on_cancel=True)
        finally:
            self._inside[address] -= 1
            if not self._inside[address]:  # forgets who has none
                del self._inside[address], self._own[address]
