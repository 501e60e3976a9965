"""SIGSTOP beyond the lease, then SIGCONT; and a heartbeat that starves: nothing starts without a lease."""

from __future__ import annotations

import signal

import pytest

from imagegeneration.jobs.job import Job
from tests.faults.support.cluster import ELSEWHERE, Cluster
from tests.faults.support.launcher import Launched
from tests.faults.support.leases import leases_given
from tests.support import long_but

TOO_MANY_LEASES = 10


def stopped_at(cluster: Cluster, point: str) -> tuple[str, Launched]:
    """A job, and its runner which stands still at the point."""
    job_id = cluster.approve()
    sleeper = cluster.runner(f"stop:{point}")
    sleeper.await_reached()
    sleeper.await_stopped()
    return job_id, sleeper


def went_on(cluster: Cluster, sleeper: Launched) -> None:
    """The sleeper goes on, and has done all that it had begun once it has ended."""
    sleeper.send(signal.SIGCONT)
    cluster.await_heartbeat(sleeper)
    assert sleeper.stop() == 0


def attempts(job: Job) -> list[str | None]:
    return [attempt.attempt_id for attempt in job.images[0].attempts]


@pytest.mark.parametrize("point", ["after:claim", "before:calling"])
def test_a_runner_that_slept_before_the_door_starts_nothing(cluster: Cluster, point: str) -> None:
    job_id, sleeper = stopped_at(cluster, point)
    cluster.runner(machine=ELSEWHERE)
    made = cluster.await_state(job_id, "STORED")
    went_on(cluster, sleeper)
    assert cluster.job(job_id).images == made.images
    assert cluster.calls(job_id) == 1
    cluster.assert_invariants()


@pytest.mark.parametrize(
    "point", long_but(["before:call", "after:call", "before:spool", "before:settle"], "before:call", "before:settle")
)
def test_the_late_result_of_a_runner_that_slept_during_the_call_is_adopted(cluster: Cluster, point: str) -> None:
    job_id, sleeper = stopped_at(cluster, point)
    cluster.runner(machine=ELSEWHERE)
    doubted = cluster.await_state(job_id, "UNKNOWN")
    assert doubted.error_code == "INTERRUPTED"
    went_on(cluster, sleeper)
    adopted = cluster.job(job_id)
    assert (adopted.status, adopted.error_code, len(adopted.cdn_urls)) == ("DONE", None, 1)
    assert attempts(adopted) == attempts(doubted)
    assert cluster.calls(job_id) == 1
    cluster.assert_invariants()


@pytest.mark.parametrize("point", long_but(["before:put", "before:record"], "before:put"))
def test_a_runner_that_slept_after_the_bill_stores_the_image_without_a_lease(cluster: Cluster, point: str) -> None:
    job_id, sleeper = stopped_at(cluster, point)
    cluster.runner(machine=ELSEWHERE)
    cluster.await_released(job_id)
    went_on(cluster, sleeper)
    assert cluster.job(job_id).status == "DONE"
    assert cluster.calls(job_id) == 1
    cluster.assert_invariants()


def test_without_its_heartbeat_a_runner_loses_the_job_but_not_the_image(cluster: Cluster) -> None:
    job_id = cluster.approve()
    starved = cluster.runner("pause:before:renew pause:after:call")
    starved.await_reached()
    cluster.runner(machine=ELSEWHERE)
    cluster.await_state(job_id, "UNKNOWN")
    starved.release()
    adopted = cluster.await_state(job_id, "STORED")
    assert (adopted.status, len(attempts(adopted)), cluster.calls(job_id)) == ("DONE", 1, 1)
    cluster.assert_invariants()


def test_a_runner_without_its_heartbeat_does_not_start_what_another_has_taken(cluster: Cluster) -> None:
    job_id = cluster.approve()
    starved = cluster.runner("pause:before:renew pause:before:calling")
    starved.await_reached()
    cluster.runner(machine=ELSEWHERE)
    cluster.await_state(job_id, "STORED")
    starved.release()
    assert starved.stop() == 0
    assert cluster.calls(job_id) == 1
    cluster.assert_invariants()


def test_a_runner_alone_that_lost_its_lease_during_a_call_neither_doubts_nor_repeats_it(cluster: Cluster) -> None:
    job_id = cluster.approve()
    with leases_given(cluster.database) as given:
        starved = cluster.runner("pause:before:renew pause:after:call")
        starved.await_reached()
        cluster.await_reclaimed(job_id)
        cluster.approve()
        cluster.await_over(cluster.acknowledged[1:])
        assert cluster.job(job_id).images[0].state == "CALLING"
        starved.release()
        job = cluster.await_state(job_id, "STORED")
    assert len(given[job_id]) < TOO_MANY_LEASES, "the runner takes the job again and again"
    assert (job.status, len(attempts(job)), cluster.calls(job_id)) == ("DONE", 1, 1)
    cluster.assert_invariants()
