"""A runner process as other processes see it."""

from __future__ import annotations

from typing import Literal

from imagegeneration.core.value import Many, Moment, Value


class RunnerInfo(Value):
    """A running runner: one document of the collection `runners`, renewed with every heartbeat.

    `in_flight` images are in a paid call or about to be; `waiting` ones wait for a provider's throttle; `uploading`
    ones go to the bucket; `spooled` answers wait on the runner's disk. `clock_ahead_seconds` is the runner's clock
    minus the database's. `problem` says in words why it claims nothing, or is None.
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
