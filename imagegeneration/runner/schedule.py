"""The schedule of the runner: APScheduler as a timer, never as the queue, on the monotonic clock (ADR 25)."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger

from imagegeneration.runner.late_answers import LateAnswers
from imagegeneration.runner.spool_delivery import SpoolDelivery

DELIVERY_SECONDS = 2.0
EXPIRY_SECONDS = 3600.0
LATE_ANSWERS_SECONDS = 60.0


class MonotonicZone(tzinfo):
    """A time zone whose "now" is the monotonic clock, whatever the wall clock does.

    APScheduler reads the time by `datetime.now(zone)` alone.
    """

    _BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)

    def fromutc(self, _moment: datetime) -> datetime:
        """Return the monotonic time, whatever the moment given."""
        return self._BEGINNING.replace(tzinfo=self) + timedelta(seconds=time.monotonic())

    def utcoffset(self, _moment: datetime | None) -> timedelta:
        """Return zero, so that APScheduler can compare and subtract."""
        return timedelta(0)

    def dst(self, _moment: datetime | None) -> None:
        """Return None: there is no summer time."""

    def tzname(self, _moment: datetime | None) -> str:
        """Return the name for logs."""
        return "monotonic"


class Every(BaseTrigger):  # type: ignore[misc]  # APScheduler has no types
    """A trigger that fires every `seconds`. Missed rounds are dropped at once, not counted one by one."""

    def __init__(self, seconds: float) -> None:
        self._interval = timedelta(seconds=seconds)

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime:
        """Return the time of the next round, which is always after `now`."""
        due = (previous or now) + self._interval
        return due if due > now else now + self._interval


def build_schedule(
    *,
    poll_seconds: float,
    lease_seconds: float,
    check_minutes: float,
    tick: Callable[[], None],
    heartbeat: Callable[[], None],
    delivery: SpoolDelivery,
    late_answers: LateAnswers,
    check: Callable[[], None],
) -> BackgroundScheduler:
    """Build a scheduler that is not yet started.

    The tick and the rounds of the spool share two threads. The heartbeat, the checks and the requests for late answers
    each have a thread of their own. The checks begin at once.
    """
    clock = MonotonicZone()
    scheduler = BackgroundScheduler(
        timezone=clock,
        executors={
            "default": ThreadPoolExecutor(2),
            "heartbeat": ThreadPoolExecutor(1),
            "check": ThreadPoolExecutor(1),
            "ask_again": ThreadPoolExecutor(1),
        },
        job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
    )
    scheduler.add_job(tick, Every(poll_seconds), id="tick")
    scheduler.add_job(heartbeat, Every(lease_seconds / 3), id="heartbeat", executor="heartbeat")
    scheduler.add_job(delivery.run, Every(DELIVERY_SECONDS), id="deliver")
    scheduler.add_job(delivery.expire, Every(EXPIRY_SECONDS), id="expire")
    scheduler.add_job(check, Every(check_minutes * 60), id="check", executor="check", next_run_time=datetime.now(clock))
    scheduler.add_job(late_answers.run, Every(LATE_ANSWERS_SECONDS), id="ask_again", executor="ask_again")
    return scheduler
