"""A machine whose clock is wrong: everything is as usual, but the bucket refuses its signatures. So it is where the
clock leaps while the runner runs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tests.faults.support.cluster import ELSEWHERE, HERE, Cluster
from tests.faults.support.httpproxy import HttpProxy, Request
from tests.faults.support.launcher import (
    Work,
    run_runner_an_hour_ahead,
    run_runner_an_hour_behind,
    run_runner_with_a_clock_to_set,
    set_clock,
)
from tests.support import long_but

TOLERATED = timedelta(minutes=15)
LEAPS = (timedelta(hours=-1), timedelta(days=30))


def skewed(request: Request) -> bool:
    """Refuses what was signed too long ago or in the future, as S3 and R2 do."""
    signed = datetime.strptime(request.headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    if abs(datetime.now(UTC) - signed) < TOLERATED:
        return False
    request.refuse(403, "RequestTimeTooSkewed")
    return True


@pytest.fixture
def bucket(cluster: Cluster) -> Iterator[HttpProxy]:
    """A bucket that looks at the time of signatures."""
    assert cluster.settings.r2_endpoint_url is not None
    with HttpProxy(cluster.settings.r2_endpoint_url) as proxy:
        proxy.trouble = skewed
        cluster.use(r2_endpoint_url=proxy.url)
        yield proxy


@pytest.mark.parametrize(
    "work", long_but([run_runner_an_hour_ahead, run_runner_an_hour_behind], run_runner_an_hour_ahead)
)
def test_with_a_wrong_clock_images_are_made_and_wait_for_storage(
    cluster: Cluster, bucket: HttpProxy, work: Work
) -> None:
    wrong = cluster.runner(work=work)
    wrong.await_log("is ready")
    job_ids = [cluster.approve() for _ in range(2)]
    cluster.runner("pause:before:claim", machine=ELSEWHERE)
    for job_id in job_ids:
        cluster.await_released(job_id)
    for job in map(cluster.job, job_ids):
        assert (job.images[0].state, job.claims) == ("GENERATED", 0)
        attempt = job.images[0].attempt
        assert attempt.started_at is not None
        assert attempt.finished_at is not None
        assert timedelta(0) <= attempt.started_at - job.created_at < TOLERATED
        assert timedelta(0) <= attempt.finished_at - attempt.started_at < TOLERATED
    assert bucket.troubled > 0
    cluster.assert_invariants()
    assert wrong.stop() == 0
    cluster.runner(machine=HERE)
    cluster.await_quiet()
    assert len(cluster.sandbox.calls) == 2
    cluster.assert_invariants()


HEARTBEATS = 4
"""More than fit into a lease."""


@pytest.mark.parametrize("leap", long_but(LEAPS, LEAPS[0]), ids=str)
def test_a_live_call_keeps_its_lease_where_the_clock_leaps(cluster: Cluster, leap: timedelta) -> None:
    cluster.use(runner_lease_seconds=3)
    job_id = cluster.approve()
    leaping = cluster.runner("pause:before:call", work=run_runner_with_a_clock_to_set)
    leaping.await_reached()
    cluster.runner(machine=ELSEWHERE)
    set_clock(cluster.folder / HERE, leap)
    for _ in range(HEARTBEATS):
        cluster.await_heartbeat(leaping)
    job = cluster.job(job_id)
    assert (job.images[0].state, job.claims) == ("CALLING", 0)
    set_clock(cluster.folder / HERE, timedelta(0))
    leaping.release()
    assert cluster.await_state(job_id, "STORED").status == "DONE"
    cluster.assert_invariants()


@pytest.mark.parametrize("leap", long_but(LEAPS, LEAPS[1]), ids=str)
def test_jobs_are_found_and_waiting_answers_are_stored_after_a_leap(cluster: Cluster, leap: timedelta) -> None:
    """Without the change stream: the tick finds the job, and a round over the spool delivers what waits there."""
    leaping = cluster.runner("pause:before:listen", work=run_runner_with_a_clock_to_set)
    leaping.await_log("is ready")
    set_clock(cluster.folder / HERE, leap)
    job_id = cluster.approve()
    cluster.await_state(job_id, "GENERATED")
    leaping.await_log("waits for storage")  # the bucket refuses a signature of another time
    set_clock(cluster.folder / HERE, timedelta(0))
    assert cluster.await_state(job_id, "STORED").status == "DONE"
    cluster.assert_invariants()
