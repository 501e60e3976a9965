"""A reply that is lost, and something else that happens before this process looks: step by step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from imagegeneration.bootstrap import build_studio
from imagegeneration.core.errors import DatabaseDown
from imagegeneration.core.ids import new_id
from imagegeneration.jobs.job import Job
from imagegeneration.jobs.transitions import ImageTransitions
from imagegeneration.runner.build import RunnerParts, build_runner
from imagegeneration.runner.task import ImageTask
from tests.faults.support.cluster import ELSEWHERE, Cluster

LEASE = 30.0
Meanwhile = Callable[[Cluster, RunnerParts, str], None]


@pytest.fixture
def runners(cluster: Cluster) -> Iterator[list[RunnerParts]]:
    """The parts of two runners in this process."""
    folders = [cluster.folder / name for name in ("stepwise", ELSEWHERE)]
    studios = [build_studio(cluster.settings.model_copy(update={"data_dir": path})) for path in folders]
    yield [build_runner(studio) for studio in studios]
    for studio in studios:
        studio.close()


def nothing(cluster: Cluster, other: RunnerParts, job_id: str) -> None:
    """Only the reply was lost."""


def taken_over(cluster: Cluster, other: RunnerParts, job_id: str) -> None:
    """The lease has run out, and another runner has taken the job."""
    cluster.expire_leases()
    taken = other.claims.overdue("runner_other", LEASE)
    assert taken is not None
    assert taken.job_id == job_id


def recovered(cluster: Cluster, other: RunnerParts, job_id: str) -> None:
    """Another runner has found nothing of the answer, and the image is in doubt."""
    cluster.expire_leases()
    taken = other.claims.overdue("runner_other", LEASE)
    assert taken is not None
    other.admission.tasks(taken, lambda _attempt_id: False)
    assert cluster.job(job_id).images[0].state == "UNKNOWN"


def in_doubt(cluster: Cluster, other: RunnerParts, job_id: str) -> None:
    """The image is in doubt, for whatever reason, under the same lease."""
    cluster.database.jobs.update_one({"jobId": job_id}, {"$set": {"images.0.state": "UNKNOWN"}})


@pytest.mark.parametrize(
    ("meanwhile", "passed"), [(nothing, True), (taken_over, False), (recovered, False), (in_doubt, False)]
)
def test_after_a_lost_reply_the_call_is_made_only_where_the_door_is_still_open(
    cluster: Cluster, runners: list[RunnerParts], monkeypatch: pytest.MonkeyPatch, meanwhile: Meanwhile, passed: bool
) -> None:
    runner, other = runners
    job_id = cluster.approve()
    job = claimed(runner)
    pass_the_door = ImageTransitions.start

    def answer_is_lost(*args: Any, **kwargs: Any) -> bool:
        assert pass_the_door(*args, **kwargs)
        meanwhile(cluster, other, job_id)
        raise DatabaseDown("the reply was lost")

    monkeypatch.setattr(ImageTransitions, "start", answer_is_lost)
    assert runner.door.enter(job, ImageTask(0, new_id("att"))) == passed


def claimed(runner: RunnerParts) -> Job:
    """The job that waits, leased to this process."""
    runner.claims.refresh()
    (job,) = runner.claims.claim("runner_stepwise", LEASE, 1)
    return job
