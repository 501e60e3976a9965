"""Celery on Redis: a pool of threads, acknowledging late, with no prefetching."""

from __future__ import annotations

import os

from celery import Celery
from redis import Redis

from benchmarks.queue.apps.work import work

app = Celery("benchmark", broker=os.environ["REDIS_URI"])
app.conf.update(
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_ignore_result=True,
    worker_prefetch_multiplier=1,
    broker_connection_retry_on_startup=True,
)
_task = app.task(name="work")(work)
_redis = Redis.from_url(os.environ["REDIS_URI"])


def prepare() -> None:
    """Connect to Redis."""
    _redis.ping()


def enqueue(job: str, seconds: float) -> None:
    """Publish one task."""
    _task.delay(job, seconds)


def outstanding() -> int:
    """Return how many tasks wait or are not yet acknowledged."""
    return int(_redis.llen("celery")) + int(_redis.hlen("unacked"))
