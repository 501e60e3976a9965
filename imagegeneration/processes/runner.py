"""A runner process as the others see it."""

from __future__ import annotations

from typing import Literal

from imagegeneration.core.value import Many, Moment, Value


class RunnerInfo(Value):
    """A running runner: one document of the collection `runners`, renewed with every heartbeat.

    `in_flight` images wait for, or are in, a paid call; `waiting` for a provider's rate; `uploading` are on their
    way to the bucket; `spooled` answers wait on its disk. `clock_ahead_seconds` is its own clock minus the
    database's. `problem` says in words why it claims nothing, if so.
    """

    schema_version: Literal[1] = 1
    runner_id: str
    host: str
    pid: int
    concurrency: int
    in_flight: int
    waiting: int = 0
    uploading: int = 0
    jobs: Many[str] = ()
    spooled: int = 0
    spooled_bytes: int = 0
    clock_ahead_seconds: float = 0.0
    problem: str | None = None
    started_at: Moment
    seen_at: Moment
