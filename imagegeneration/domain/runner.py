"""A runner process as the others see it."""

from __future__ import annotations

from typing import Literal

from imagegeneration.domain.value import Moment, Value


class RunnerInfo(Value):
    """A running runner: one document of the collection `runners`, renewed with every heartbeat."""

    schema_version: Literal[1] = 1
    runner_id: str
    host: str
    pid: int
    concurrency: int
    in_flight: int
    started_at: Moment
    seen_at: Moment
