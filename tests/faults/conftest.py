"""A whole studio on real servers, with runners as real processes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from imagegeneration.local.sandbox import Sandbox
from imagegeneration.settings import Settings
from tests.faults.support.cluster import Cluster

PACE = {
    "runner_lease_seconds": 1.5,
    "runner_poll_seconds": 0.1,
    "runner_drain_seconds": 20.0,
    "breaker_failures": 1_000_000,
    "daily_budget_usd": 100.0,
    "daily_budget_per_user_usd": 100.0,
}
"""Short leases: recovery takes seconds."""

OPEN_TRANSACTION_SECONDS = 2
"""How long MongoDB keeps the transaction of a process that was killed in it, and what it changed locked."""


@pytest.fixture
def cluster(settings: Settings, sandbox: Sandbox) -> Iterator[Cluster]:
    """No runner is started yet."""
    with contextlib.ExitStack() as stack:
        started = Cluster(settings.model_copy(update=PACE), sandbox, stack)
        bound = {"setParameter": 1, "transactionLifetimeLimitSeconds": OPEN_TRANSACTION_SECONDS}
        started.database.client.admin.command(bound)
        yield started
