"""A bucket in trouble: paid images wait for it on the runner's disk, and no provider is called again."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from tests.faults.support.cluster import Cluster
from tests.faults.support.httpproxy import HttpProxy, Request, Trouble
from tests.support import long_but, wait_until


def overloaded(request: Request) -> bool:
    request.refuse(503, "SlowDown")
    return True


def forbidden(request: Request) -> bool:
    request.refuse(403, "AccessDenied")
    return True


def gone(request: Request) -> bool:
    request.reset()
    return True


def taken_place(request: Request) -> bool:
    """Says that an object is there, and then cannot give it back."""
    request.refuse(412, "PreconditionFailed") if request.command == "PUT" else request.refuse(404, "NoSuchKey")
    return True


def stored_without_a_word(request: Request) -> bool:
    """Takes the object, and loses the answer."""
    request.forward(answer=False)
    return True


def truncated(request: Request) -> bool:
    """Takes the object, loses the answer, and gives back half of the object when asked what is there."""
    if request.command == "PUT":
        request.forward(answer=False)
    else:
        request.forward(cut=True)
    return True


@pytest.fixture
def bucket(cluster: Cluster) -> Iterator[HttpProxy]:
    """The bucket as runners see it."""
    assert cluster.settings.r2_endpoint_url is not None
    with HttpProxy(cluster.settings.r2_endpoint_url) as proxy:
        cluster.settings = cluster.settings.model_copy(update={"r2_endpoint_url": proxy.url})
        yield proxy


def waits(cluster: Cluster, bucket: HttpProxy, trouble: Trouble) -> str:
    """A job whose image is paid and waits for the bucket, while the runner's only slot is free for another."""
    cluster.runner(runner_concurrency=1).await_log("is ready")  # a bucket that refuses lets none start
    bucket.trouble = trouble
    job_id, other_id = cluster.approve(), cluster.approve()
    for waiting in (job_id, other_id):
        cluster.await_state(waiting, "GENERATED")
    wait_until(lambda: bucket.troubled > 2, "the bucket was tried again")
    assert cluster.job(job_id).status == "RUNNING"
    return job_id


@pytest.mark.parametrize(
    "trouble",
    long_but(
        [overloaded, forbidden, gone, taken_place, stored_without_a_word, truncated], overloaded, taken_place, truncated
    ),
)
def test_images_wait_for_the_bucket_and_are_delivered_once_it_is_back(
    cluster: Cluster, bucket: HttpProxy, trouble: Trouble
) -> None:
    job_id = waits(cluster, bucket, trouble)
    cluster.await_released(job_id)
    cluster.assert_invariants()
    bucket.trouble = None
    cluster.await_quiet()
    assert [cluster.job(made).status for made in cluster.acknowledged] == ["DONE", "DONE"]
    assert len(cluster.sandbox.calls) == 2
    cluster.assert_invariants()


def test_a_bucket_that_hangs_takes_no_provider_slot(cluster: Cluster, bucket: HttpProxy) -> None:
    answered = threading.Event()

    def hang(request: Request) -> bool:
        answered.wait(25)
        request.reset()
        return True

    bucket.trouble = hang
    cluster.runner(runner_concurrency=1)
    for waiting in [cluster.approve() for _ in range(3)]:
        cluster.await_state(waiting, "GENERATED")
    bucket.trouble = None
    answered.set()
    cluster.await_quiet()
    assert len(cluster.sandbox.calls) == 3
    cluster.assert_invariants()


def test_a_recovery_that_waits_for_the_bucket_keeps_no_other_job_waiting(cluster: Cluster, bucket: HttpProxy) -> None:
    answered = threading.Event()

    def does_not_list(request: Request) -> bool:
        if request.command != "GET":
            return False
        answered.wait(25)
        request.reset()
        return True

    crashed = cluster.approve()
    assert cluster.runner("kill:after:calling").end() == -9
    cluster.expire_leases()
    bucket.trouble = does_not_list
    cluster.runner("pause:after:reclaim").await_reached()
    other = cluster.approve()
    cluster.launched[-1].release()
    cluster.await_state(other, "STORED", seconds=10)
    assert cluster.job(crashed).images[0].state == "CALLING"
    bucket.trouble = None
    answered.set()
    cluster.await_state(crashed, "UNKNOWN")
    cluster.assert_invariants()


def test_a_runner_killed_while_the_bucket_is_gone_delivers_after_its_restart(
    cluster: Cluster, bucket: HttpProxy
) -> None:
    waits(cluster, bucket, gone)
    cluster.launched[-1].kill()
    cluster.runner()
    bucket.trouble = None
    cluster.await_quiet()
    assert len(cluster.sandbox.calls) == 2
    cluster.assert_invariants()


@pytest.mark.parametrize(
    "point",
    long_but(
        ["before:record", "after:record", "before:conclude", "before:forget", "after:forget"],
        *("after:record", "before:conclude", "before:forget"),
    ),
)
def test_a_runner_killed_while_it_delivers_leaves_nothing_behind(
    cluster: Cluster, bucket: HttpProxy, point: str
) -> None:
    bucket.trouble = gone
    job_id = cluster.approve()
    first = cluster.runner()
    cluster.await_released(job_id)
    first.kill()
    bucket.trouble = None
    assert cluster.runner(f"kill:{point}").end() == -9
    cluster.runner()
    cluster.await_quiet(seconds=8)
    assert (cluster.job(job_id).status, cluster.calls(job_id)) == ("DONE", 1)
    cluster.assert_invariants()


@pytest.mark.long
@pytest.mark.timeout(900)
def test_the_bucket_is_gone_for_ten_minutes(cluster: Cluster, bucket: HttpProxy) -> None:
    waits(cluster, bucket, gone)
    time.sleep(600)
    assert len(cluster.sandbox.calls) == 2
    bucket.trouble = None
    cluster.await_quiet(seconds=90)
    assert len(cluster.sandbox.calls) == 2
    cluster.assert_invariants()
