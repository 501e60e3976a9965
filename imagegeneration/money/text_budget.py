"""The budget of prompt suggestions, reserved in memory before a call, so that answering writes nothing."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from imagegeneration.core.errors import OverBudget, StudioError
from imagegeneration.money.ledger import Ledger
from imagegeneration.money.money import TextLimits, format_usd

log = logging.getLogger(__name__)

Owner = tuple[str, str | None]
"""A day, and a user (None: all users together)."""


@dataclass(frozen=True, eq=False)
class TextHold:
    """The most that one call may cost, on the budget of its day and user."""

    day: str
    user_id: str
    micros: int


class TextBudget:
    """The daily budgets of suggestions, of all users together and of each user.

    This process knows its own costs exactly, and those of others once they are posted (docs/adr/0027-text-budget.md).
    """

    def __init__(self, ledger: Ledger, model: str, limits: Callable[[], TextLimits]) -> None:
        self._ledger = ledger
        self._model = model
        self._limits = limits
        self._lock = threading.Lock()
        self._open: set[TextHold] = set()
        self._taken: Counter[Owner] = Counter()
        self._posted: Counter[Owner] = Counter()
        self._unposted: Counter[tuple[str, str]] = Counter()

    def reserve(self, user_id: str, micros: int) -> TextHold:
        """Take `micros` from the budgets before a call. Raises OverBudget (IMG_006), DatabaseDown (IMG_014)."""
        with self._lock:
            posted = self._posted.copy()  # read first: what is posted meanwhile then counts twice, not never
        day, whole, own = self._ledger.text_today(user_id)
        limits = self._limits()
        with self._lock:
            for owner, known, limit in ((None, whole, limits.daily_micros), (user_id, own, limits.per_user_micros)):
                elsewhere = max(known - posted[day, owner], 0)
                if elsewhere + self._taken[day, owner] + micros > limit:
                    raise _used_up(limit, is_own=owner is not None)
            self._move(day, user_id, micros)
            hold = TextHold(day, user_id, micros)
            self._open.add(hold)
        return hold

    def settle(self, hold: TextHold, cost_micros: int) -> None:
        """Replace the reservation by the actual cost of the call, once."""
        with self._lock:
            if hold not in self._open:
                return
            self._open.remove(hold)
            self._move(hold.day, hold.user_id, cost_micros - hold.micros)
            if cost_micros:
                self._unposted[hold.day, hold.user_id] += cost_micros

    def close(self) -> None:
        """Write all costs down. A call still in flight may be charged, so it counts in full."""
        for hold in tuple(self._open):
            self.settle(hold, hold.micros)
        self.post()

    def post(self) -> None:
        """Write the costs settled since the last time to the ledger, and keep what cannot be written now."""
        with self._lock:
            amounts, self._unposted = self._unposted, Counter()
        for (day, user_id), micros in amounts.items():
            try:
                self._ledger.record_text(user_id, self._model, micros, day)
            except StudioError as error:
                log.warning("The enhancer's cost is not in the ledger yet: %s", error)
                with self._lock:
                    self._unposted[day, user_id] += micros
            else:
                with self._lock:
                    self._posted.update({(day, None): micros, (day, user_id): micros})
        self._forget_old_days()

    def _move(self, day: str, user_id: str, micros: int) -> None:
        self._taken[day, None] += micros
        self._taken[day, user_id] += micros

    def _forget_old_days(self) -> None:
        with self._lock:
            kept = sorted({day for day, _ in self._taken})[-2:]
            self._taken = Counter({owner: micros for owner, micros in self._taken.items() if owner[0] in kept})
            self._posted = Counter({owner: micros for owner, micros in self._posted.items() if owner[0] in kept})


def _used_up(limit: int, *, is_own: bool) -> OverBudget:
    whose = "Your daily budget" if is_own else "The daily budget"
    return OverBudget(
        f"{whose} of {format_usd(limit)} for prompt suggestions has no room for another one.",
        resolution="Go on with the prompt as you typed it, or try again tomorrow.",
    )
