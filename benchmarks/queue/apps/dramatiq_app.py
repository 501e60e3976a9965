"""dramatiq on Redis: one process of 50 threads."""

from __future__ import annotations

import os

import dramatiq
from dramatiq.brokers.redis import RedisBroker

from benchmarks.queue.apps.work import work

_broker = RedisBroker(url=os.environ["REDIS_URI"])
dramatiq.set_broker(_broker)
_actor = dramatiq.actor(work, actor_name="work")


def prepare() -> None:
    """Connect to Redis."""
    _broker.client.ping()


def enqueue(job: str, seconds: float) -> None:
    """Send one message."""
    _actor.send(job, seconds)


def outstanding() -> int:
    """Return how many messages are not acknowledged."""
    return int(_broker.client.hlen("dramatiq:default.msgs"))
