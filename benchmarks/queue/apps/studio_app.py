"""Image Studio on MongoDB: the runner as it is, with a function in the place of the image work.

A job of the benchmark is a real one of one image, which is stored already, because the function makes none: so it
is claimed, checked, leased, renewed and finished as every other, and ends as DONE.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from benchmarks.queue.apps.work import work
from benchmarks.queue.template import approved_job, queued_copy
from imagegeneration.bootstrap import build_studio
from imagegeneration.core.ids import new_id
from imagegeneration.core.logs import configure_logging
from imagegeneration.jobs.job import Job
from imagegeneration.providers.generation import Answer
from imagegeneration.runner.__main__ import Runner
from imagegeneration.runner.execution import Execution, Received, Task
from imagegeneration.settings import load_settings
from imagegeneration.stores import Stores

_settings = load_settings()
_stores = Stores(_settings.require_database(), _settings.mongodb_database)
_templates: list[Job] = []


class FunctionExecution(Execution):
    """Does `work` for every image; all else is as in production."""

    def __init__(self, real: Execution) -> None:
        vars(self).update(vars(real))

    def prepare(self, job: Job, in_flight: Callable[[str], bool]) -> Sequence[Task]:
        """Check the job as always; its one image is to be made."""
        super().prepare(job, in_flight)
        return [Task(0, new_id("att"))]

    def start(self, _job: Job, _index: int, _attempt_id: str) -> bool:
        """No paid call follows."""
        return True

    def call(self, job: Job, _index: int, _attempt_id: str, _inputs: object = ()) -> Answer:
        """The function; the name of the job and the seconds are in its texts."""
        work(job.intent, float(job.raw_prompt))
        return Answer(b"", None, None, None)

    def receive(self, _job: Job, _index: int, _attempt_id: str, _answer: Answer) -> Received | None:
        """Nothing is to be stored."""
        return None


def prepare() -> None:
    """Approve one job as a person does: what is queued later is made from it."""
    _templates.append(approved_job(build_studio(_settings)))


def enqueue(job: str, seconds: float) -> None:
    """Insert one job, as durably as an approval does."""
    queued = queued_copy(_templates[0], _stores.connection.now(), intent=job, raw_prompt=str(seconds))
    _stores.connection.transaction(lambda session: _stores.jobs.insert(queued, session=session))


def outstanding() -> int:
    """Jobs that are not over."""
    return _stores.jobs.running() + _stores.jobs.queued(sys.maxsize)


def main() -> int:
    """Run until stopped."""
    configure_logging()
    studio = build_studio(_settings, runner=True)
    if studio.execution is None:
        return 2
    Runner(studio, FunctionExecution(studio.execution)).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
