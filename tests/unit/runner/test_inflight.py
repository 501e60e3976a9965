"""The registry of what a runner is at work on."""

from __future__ import annotations

from datetime import timedelta

from imagegeneration.jobs.job import Job, Lease
from imagegeneration.jobs.lifecycle import held
from imagegeneration.runner.inflight import UPLOADS_KEPT, InFlight, Run
from imagegeneration.runner.task import ImageTask
from tests.unit.dashboard.samples import job

FIRST, SECOND = ImageTask(0, "att_1"), ImageTask(1, "att_2")


def leased(fence: str = "fence_1") -> Job:
    images = [held(index, "sandbox", "gpt-image-2", 10_000, "2026-11-21") for index in range(2)]
    return job("RUNNING", images).model_copy(update={"lease": Lease(owner="runner_a", fence=fence)})


def begun(in_flight: InFlight, *tasks: ImageTask) -> Run:
    run = in_flight.begin(leased())
    assert run is not None
    in_flight.admit(run, tasks)
    return run


def test_a_job_at_work_goes_on_under_its_new_lease() -> None:
    in_flight = InFlight()
    run = begun(in_flight, FIRST)
    assert in_flight.begin(leased("fence_2")) is None
    assert (run.fence, in_flight.fences, in_flight.jobs) == ("fence_2", ["fence_2"], [run.job.job_id])


def test_a_job_ends_with_its_last_image() -> None:
    in_flight = InFlight()
    run = begun(in_flight, FIRST, SECOND)
    assert in_flight.leave(FIRST) is None
    assert in_flight.leave(SECOND) is run
    in_flight.end([run])
    assert in_flight.jobs == []


def test_an_ended_job_that_was_claimed_again_stays() -> None:
    in_flight = InFlight()
    run = begun(in_flight)
    in_flight.end([run])
    again = begun(in_flight)
    in_flight.end([run])
    assert in_flight.fences == [again.fence]


def test_images_are_counted_where_they_are_and_wait_in_their_order() -> None:
    in_flight = InFlight()
    run = begun(in_flight, FIRST, SECOND)
    for task in (SECOND, FIRST):
        in_flight.move(task, "waiting")
    assert in_flight.waiting() == [(run, FIRST), (run, SECOND)]
    assert in_flight.awaited() == {"sandbox"}
    in_flight.move(FIRST, "calling")
    assert [in_flight.count(stage) for stage in ("admitted", "waiting", "calling", "uploading")] == [0, 1, 1, 0]
    assert in_flight.is_busy_with("att_1")
    in_flight.leave(FIRST)
    assert not in_flight.is_busy_with("att_1")


def test_uploads_are_bounded() -> None:
    in_flight = InFlight()
    tasks = [ImageTask(0, f"att_{number}") for number in range(UPLOADS_KEPT + 1)]
    begun(in_flight, *tasks)
    assert [in_flight.may_upload(task) for task in tasks] == [True] * UPLOADS_KEPT + [False]
    in_flight.leave(tasks[0])
    assert in_flight.may_upload(tasks[-1])


def test_the_longest_delay_counts() -> None:
    in_flight = InFlight()
    run = begun(in_flight, FIRST)
    for seconds in (1, 5, 2):
        in_flight.postpone(run, timedelta(seconds=seconds))
    assert run.delay == timedelta(seconds=5)
