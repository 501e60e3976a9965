"""The health of a provider, as its answer to a free question shows it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from imagegeneration.core.ids import ProviderName
from imagegeneration.core.value import Moment, Value

HealthStatus = Literal["works", "reached", "refused", "unreachable"]
"""The statuses.

`works`: it accepts the account. `reached`: it answers, but does not say whether it accepts the account. `refused`: it
does not accept the account. `unreachable`: it does not answer, or only with server errors.
"""


TROUBLE: Collection[HealthStatus] = ("refused", "unreachable")


class Checked(Value):
    """The result of a check. `problem` is in words."""

    status: HealthStatus
    problem: str | None = None

    @property
    def is_trouble(self) -> bool:
        """Return whether calls would fail now, as far as is known."""
        return self.status in TROUBLE


class ProviderHealth(Value):
    """The latest check of a provider: a document of the collection `provider_checks`.

    `claim_id` names the check that was begun last, at `claimed_at` and with the credentials of this fingerprint. The
    result of an earlier check is dropped. `status` is None until the first check ends.
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

    `paused` is why it is paused. `next_call_tests` is true if it paused itself and the next call tests whether it
    works.
    """

    provider: ProviderName
    status: HealthStatus
    problem: str | None
    paused: str | None
    next_call_tests: bool
