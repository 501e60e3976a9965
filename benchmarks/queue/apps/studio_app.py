"""Image Studio on MongoDB: the runner as it is, with a function in place of the image work.

A job of the benchmark is a real job of one image, which is stored already, because the function makes none. It is
claimed, checked, leased, renewed and finished like every other, and ends as DONE.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Sequence
from typing import TypeVar

from benchmarks.queue.apps.work import work
from benchmarks.queue.template import approved_job, queued_copy
from imagegeneration.bootstrap import build_studio
from imagegeneration.core.ids import new_id
from imagegeneration.core.logs import configure_logging
from imagegeneration.jobs.job import Job
from imagegeneration.providers.generation import Answer
from imagegeneration.runner.__main__ import Runner
from imagegeneration.runner.admission import Admission
from imagegeneration.runner.build import RunnerParts, build_runner
from imagegeneration.runner.calls import Calls
from imagegeneration.runner.door import Door
from imagegeneration.runner.intake import Intake, StoredAnswer
from imagegeneration.runner.task import ImageTask
from imagegeneration.settings import load_settings
from imagegeneration.stores import Stores

_settings = load_settings()
_stores = Stores(_settings.require_database(), _settings.mongodb_database)
_templates: list[Job] = []
T = TypeVar("T")


class _Admission(Admission):
    def tasks(self, job: Job, is_busy_with: Callable[[str], bool]) -> Sequence[ImageTask]:
        """Check the job as always, and return its one image as a task."""
        super().tasks(job, is_busy_with)
        return [ImageTask(0, new_id("att"))]


class _Door(Door):
    def enter(self, _job: Job, _task: ImageTask) -> bool:
        """Return True without a hold: no paid call follows."""
        return True


class _Calls(Calls):
    def make(self, job: Job, _task: ImageTask, _inputs: object = (), *, at_most_seconds: float = 0) -> Answer:  # noqa: ARG002 - as in Calls
        """Call the function; the name of the job and the seconds are in its texts."""
        work(job.intent, float(job.raw_prompt))
        return Answer(b"", None, None, None)


class _Intake(Intake):
    def receive(self, _job: Job, _task: ImageTask, _answer: Answer) -> StoredAnswer | None:
        """Store nothing."""
        return None


def _with_function(parts: RunnerParts) -> RunnerParts:
    """Return a runner that does `work` for every image; all else is as in production."""
    return dataclasses.replace(
        parts,
        admission=_as(_Admission, parts.admission),
        door=_as(_Door, parts.door),
        calls=_as(_Calls, parts.calls),
        intake=_as(_Intake, parts.intake),
    )


def _as(kind: type[T], part: object) -> T:
    made = object.__new__(kind)
    vars(made).update(vars(part))
    return made


def prepare() -> None:
    """Approve one job as a user does: jobs that are queued later are made from it."""
    _templates.append(approved_job(build_studio(_settings)))


def enqueue(job: str, seconds: float) -> None:
    """Insert one job, as durably as an approval does."""
    queued = queued_copy(_templates[0], _stores.connection.now(), intent=job, raw_prompt=str(seconds))
    _stores.connection.transaction(lambda session: _stores.jobs.insert(queued, session=session))


def outstanding() -> int:
    """Return how many jobs are not over."""
    return _stores.reports.running() + _stores.reports.queued(sys.maxsize)


def main() -> int:
    """Run until stopped."""
    configure_logging()
    studio = build_studio(_settings, kind="runner")
    Runner(studio, _with_function(build_runner(studio))).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
