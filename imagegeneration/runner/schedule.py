"""The runner's clockwork: APScheduler as a timer, never as the queue (TRAPS.md)."""

from __future__ import annotations

from collections.abc import Callable

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

DELIVERY_SECONDS = 2
EXPIRY_SECONDS = 3600


def build_schedule(
    *,
    poll_seconds: float,
    lease_seconds: float,
    tick: Callable[[], None],
    heartbeat: Callable[[], None],
    deliver: Callable[[], None],
    expire: Callable[[], None],
) -> BackgroundScheduler:
    """A scheduler that is not started yet: the tick, the heartbeat on a thread of its own, and the spool's rounds."""
    scheduler = BackgroundScheduler(
        timezone="UTC",
        executors={"default": ThreadPoolExecutor(2), "heartbeat": ThreadPoolExecutor(1)},
        job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
    )
    scheduler.add_job(tick, "interval", seconds=poll_seconds, id="tick")
    scheduler.add_job(heartbeat, "interval", seconds=lease_seconds / 3, id="heartbeat", executor="heartbeat")
    scheduler.add_job(deliver, "interval", seconds=DELIVERY_SECONDS, id="deliver")
    scheduler.add_job(expire, "interval", seconds=EXPIRY_SECONDS, id="expire")
    return scheduler
