"""Whether a provider works, as it says itself when it is asked for something that costs nothing."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from imagegeneration.core.ids import ProviderName
from imagegeneration.core.value import Moment, Value

HealthStatus = Literal["works", "reached", "refused", "unreachable"]
"""It accepts the account; it answers, but not whether it accepts the account; it does not accept the account; it does
not answer, or only with errors of its own."""


TROUBLE: Collection[HealthStatus] = ("refused", "unreachable")


class Checked(Value):
    """What a check has found; `problem` is in words."""

    status: HealthStatus
    problem: str | None = None

    @property
    def is_trouble(self) -> bool:
        """Return whether calls would fail now, as far as is known."""
        return self.status in TROUBLE


class ProviderHealth(Value):
    """The latest check of a provider: a document of the collection `provider_checks`.

    `claim_id` is of the check that was begun last, at `claimed_at` and with the credentials of this fingerprint; what
    an earlier one finds later does not count. Without a `status` the first check has not ended yet.
    """

    schema_version: Literal[1] = 1
    provider: ProviderName
    claim_id: str
    claimed_at: Moment
    fingerprint: str
    status: HealthStatus | None = None
    problem: str | None = None
    checked_at: Moment | None = None

    @property
    def is_trouble(self) -> bool:
        """Return whether calls would fail now, as far as is known."""
        return self.status in TROUBLE


class Tested(Value):
    """The result of testing a provider at once.

    `paused` is why it is paused. `next_call_tests`: it paused itself, and the next call finds out whether it works.
    """

    provider: ProviderName
    status: HealthStatus
    problem: str | None
    paused: str | None
    next_call_tests: bool
