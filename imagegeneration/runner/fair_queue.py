"""The fair queue of users. They take turns, so that one user's 500 jobs do not delay another's single job.

It is start-time fair queueing over what this process has served: the user with the fewest images served is next. A user
who arrives, or comes back, starts level with the users who wait already.
"""

from __future__ import annotations

from collections.abc import Iterable


class FairQueue:
    """The users known to have waiting jobs, and how many images each was served."""

    def __init__(self) -> None:
        self._served: dict[str, int] = {}
        self._heard: set[str] = set()

    def __len__(self) -> int:
        return len(self._served)

    def users(self) -> list[str]:
        """Return all users, the least served first."""
        return sorted(self._served, key=self._served.__getitem__)

    def arrived(self, users: Iterable[str]) -> None:
        """Add users with waiting jobs."""
        level = min(self._served.values(), default=0)
        for user in users:
            self._served.setdefault(user, level)
            self._heard.add(user)

    def next(self) -> str | None:
        """Return the user whose turn it is, or None if none is known to wait."""
        user = min(self._served, key=self._served.__getitem__, default=None)
        if user is not None:
            self._heard.discard(user)
        return user

    def served(self, user: str, images: int) -> None:
        """Count a turn of the user, worth `images`."""
        if user in self._served:
            self._served[user] += images

    def left(self, user: str) -> None:
        """Remove a user without jobs, unless a job has arrived since the user's turn came."""
        if user not in self._heard:
            self._served.pop(user, None)
