"""Look-ups that need no sign-in and may take long, on separate threads that addresses share fairly."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import TypeVar

from anyio import CapacityLimiter, to_thread

from imagegeneration.core.errors import Busy

OF_ONE_ADDRESS = 2
"""The most look-ups of one address at once, so that one address cannot take all threads."""

WAITING_OF_ONE = 64
WAITING = 256
"""The most requests that wait for a look-up, of one address and in all; more are refused at once."""

Found = TypeVar("Found")


class Lookups:
    """A runner of look-ups, `at_once` for all addresses together. Create it within a running event loop."""

    def __init__(self, at_once: int) -> None:
        self._threads = CapacityLimiter(at_once)
        self._own: defaultdict[str, CapacityLimiter] = defaultdict(lambda: CapacityLimiter(OF_ONE_ADDRESS))
        self._inside: defaultdict[str, int] = defaultdict(int)

    async def run(self, address: str, find: Callable[[str], Found], secret: str) -> Found:
        """Return `find(secret)`. If the caller is canceled, the look-up is abandoned.

        Raises Busy (IMG_005) if too many are waiting already.
        """
        if self._inside.get(address, 0) >= WAITING_OF_ONE or sum(self._inside.values()) >= WAITING:
            raise Busy("Too many sign-ins are being checked.", retry_after=2)
        self._inside[address] += 1
        try:
            async with self._own[address]:
                return await to_thread.run_sync(find, secret, limiter=self._threads, abandon_on_cancel=True)
        finally:
            self._inside[address] -= 1
            if not self._inside[address]:  # drops addresses without look-ups
                del self._inside[address], self._own[address]
