"""arq on Redis: an asynchronous worker that polls, twice a second by default."""

from __future__ import annotations

import asyncio
import os
from typing import Any, ClassVar

from arq import ArqRedis, create_pool
from arq.connections import RedisSettings
from arq.constants import default_queue_name

from benchmarks.queue.apps.work import work_async

LOGGING = {"version": 1}
"""The logging configuration: warnings only, like the others, and no line per job."""

_settings = RedisSettings.from_dsn(os.environ["REDIS_URI"])
_loop = asyncio.new_event_loop()
_pools: list[ArqRedis] = []


async def _work(_context: dict[str, Any], job: str, seconds: float) -> None:
    await work_async(job, seconds)


class WorkerSettings:
    """The settings that `arq` runs."""

    functions: ClassVar = [_work]
    redis_settings = _settings
    max_jobs = 50


def prepare() -> None:
    """Connect to Redis."""
    _pools.append(_loop.run_until_complete(create_pool(_settings)))


def enqueue(job: str, seconds: float) -> None:
    """Enqueue one job."""
    _loop.run_until_complete(_pools[0].enqueue_job(_work.__qualname__, job, seconds))


def outstanding() -> int:
    """Return how many jobs wait or are in progress: arq takes a job off the queue when it is done."""
    return int(_loop.run_until_complete(_pools[0].zcard(default_queue_name)))
