"""The state of the studio as operators see it."""

from __future__ import annotations

from imagegeneration.audit.entry import AuditEntry
from imagegeneration.core.ids import ProviderName
from imagegeneration.core.value import Many, Moment, Value
from imagegeneration.money.money import Limits, LimitsVersion, Spend
from imagegeneration.processes.process import Mismatch
from imagegeneration.processes.runner import RunnerInfo
from imagegeneration.prompts.suggestion import SuggestionTimes
from imagegeneration.providers.breaker import Breaker
from imagegeneration.providers.health import HealthStatus


class QueueState(Value):
    """How many jobs wait and run, how many users wait, and since when the oldest job waits."""

    queued: int
    running: int
    users_waiting: int
    waiting_since: Moment | None


class OpenImage(Value):
    """An image that may need a user: it waits for storage, was set aside, or its charge (`cost_micros`) is unclear.

    `intent` and `message` are the owner's and the provider's words. Only the owner and admins see them; others see the
    job's name.
    """

    job_id: str
    index: int
    attempt_id: str
    user_id: str
    intent: str
    model: str
    since: Moment
    cost_micros: int
    message: str | None


class WaitingForStorage(Value):
    """Paid images on the disk of `host`. `is_alive`: a runner on it is alive, and will deliver them."""

    host: str
    is_alive: bool
    images: Many[OpenImage]


class ProviderState(Value):
    """A configured provider: its latest check, its throttle, and today's money.

    `in_flight` and `last_minute` are None if it has no limits, because its calls are then not counted.
    """

    provider: ProviderName
    status: HealthStatus | None
    problem: str | None
    checked_at: Moment | None
    in_flight: int | None
    last_minute: int | None
    hindrance: str | None
    spend: Spend


class OperationsState(Value):
    """Everything on the Operations page, as it was at `at`."""

    at: Moment
    runners: Many[RunnerInfo]
    mismatches: Many[Mismatch] = ()
    queue: QueueState
    waiting_for_storage: Many[WaitingForStorage]
    set_aside: Many[OpenImage] = ()
    perhaps_charged: Many[OpenImage]
    perhaps_charged_micros: int
    breakers: Many[Breaker]
    providers: Many[ProviderState] = ()
    suggestions: SuggestionTimes
    spend: Spend
    limits: Limits
    ceilings: Limits
    limits_version: LimitsVersion | None
    audit: Many[AuditEntry]
