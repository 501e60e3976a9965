"""The runner's clockwork: APScheduler as a timer, never as the queue (TRAPS.md)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from imagegeneration.runner.recovery import LateAnswers, SpoolDelivery

DELIVERY_SECONDS = 2
EXPIRY_SECONDS = 3600
LATE_ANSWERS_SECONDS = 60


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
    """A scheduler that is not started yet: the tick, the spool's rounds, and the heartbeat, the checks of providers and
    the questions for late answers, each on a thread of its own. The checks begin at once.
    """
    scheduler = BackgroundScheduler(
        timezone="UTC",
        executors={
            "default": ThreadPoolExecutor(2),
            "heartbeat": ThreadPoolExecutor(1),
            "check": ThreadPoolExecutor(1),
            "ask_again": ThreadPoolExecutor(1),
        },
        job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
    )
    scheduler.add_job(tick, "interval", seconds=poll_seconds, id="tick")
    scheduler.add_job(heartbeat, "interval", seconds=lease_seconds / 3, id="heartbeat", executor="heartbeat")
    scheduler.add_job(delivery.run, "interval", seconds=DELIVERY_SECONDS, id="deliver")
    scheduler.add_job(delivery.expire, "interval", seconds=EXPIRY_SECONDS, id="expire")
    scheduler.add_job(
        check, "interval", minutes=check_minutes, id="check", executor="check", next_run_time=datetime.now(UTC)
    )
    scheduler.add_job(late_answers.run, "interval", seconds=LATE_ANSWERS_SECONDS, id="ask_again", executor="ask_again")
    return scheduler
