"""Each clause that guards a write, on its own: the document is put into the state that the clause is for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from pymongo.collection import Collection

from imagegeneration.bootstrap import Studio, build_studio
from imagegeneration.core.actor import LOCAL
from imagegeneration.core.errors import DatabaseDown, StorageFailed
from imagegeneration.core.ids import new_id
from imagegeneration.jobs.job import Job, Lease
from imagegeneration.jobs.lifecycle import dropped, started
from imagegeneration.jobs.queue_store import QueueStore
from imagegeneration.jobs.store import ImageChange, JobStore
from imagegeneration.providers.breaker import Barred
from imagegeneration.runner.build import RunnerParts, build_runner
from imagegeneration.runner.intake import StoredAnswer
from imagegeneration.runner.task import ImageTask
from tests.faults.support.cluster import Cluster
from tests.support import wait_until

LEASE = 30.0
HOUR = timedelta(hours=1)


@pytest.fixture
def machine(cluster: Cluster) -> Iterator[Studio]:
    """A runner's services in this process."""
    built = build_studio(cluster.settings.model_copy(update={"data_dir": cluster.folder / "stepwise"}))
    yield built
    built.close()


@pytest.fixture
def store(machine: Studio) -> QueueStore:
    return machine._stores.queue


@pytest.fixture
def runner(machine: Studio) -> Iterator[RunnerParts]:
    parts = build_runner(machine)
    yield parts
    parts.close()


@pytest.fixture
def job(cluster: Cluster, runner: RunnerParts) -> Job:
    """A job that this process has leased."""
    cluster.approve()
    runner.claims.refresh()
    (leased,) = runner.claims.claim("runner_stepwise", LEASE, 1)
    return leased


def fence(job: Job) -> str:
    assert job.lease is not None
    return job.lease.fence


def edit(cluster: Cluster, job: Job, fields: dict[str, Any]) -> None:
    cluster.database.jobs.update_one({"jobId": job.job_id}, {"$set": fields})


@pytest.mark.parametrize(
    "change",
    [
        lambda job: {"lease.fence": "fence_of_another"},
        lambda job: {"status": "FAILED"},
        lambda job: {"cancelRequestedAt": job.created_at},
        lambda job: {"runAt": job.created_at},
        lambda job: {"images.0.attempts.0.heldMicros": 1},
    ],
    ids=["fence", "status", "cancel", "lease", "image"],
)
def test_an_image_is_started_only_under_all_its_conditions(
    cluster: Cluster, runner: RunnerParts, job: Job, change: Callable[[Job], dict[str, Any]]
) -> None:
    edit(cluster, job, change(job))
    assert not runner.door.enter(job, ImageTask(0, new_id("att")))
    assert cluster.job(job.job_id).images[0].state == "HELD"


def test_the_same_image_is_changed_once(machine: Studio, job: Job) -> None:
    stores, old = machine._stores, job.images[0]

    def start() -> bool:
        change = ImageChange([old], [started(old, new_id("att"), job.created_at)])
        return stores.connection.transaction(
            lambda session: stores.jobs.change(job, change, job.created_at, session=session)
        )

    assert start()
    assert not start()


def test_a_job_is_concluded_from_its_images_as_they_are_at_the_commit(
    cluster: Cluster, machine: Studio, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = job.images[0]
    edit(cluster, job, {"images.0": dropped(image, "POISON", "Set aside.", job.created_at).document()})
    read = JobStore.get_many
    reads: list[str] = []

    def overtaken(self: JobStore, job_ids: list[str], **options: Any) -> list[Job]:
        found = read(self, job_ids, **options)
        if options and not reads:  # the image is made again between the reading in the transaction and its write
            edit(cluster, job, {"images.0": image.document()})
        reads.extend(options)
        return found

    monkeypatch.setattr(JobStore, "get_many", overtaken)
    (concluded,) = machine.for_runner.transitions.conclude(job.job_id)
    assert len(reads) > 1
    assert (concluded.status, concluded.images[0].state) == ("RUNNING", "HELD")


def test_a_lease_is_given_back_only_by_who_has_it(store: QueueStore, job: Job) -> None:
    assert not store.release(job.job_id, "fence_of_another", None)
    assert store.release(job.job_id, fence(job), None)


def test_a_lease_is_renewed_only_by_who_has_it(store: QueueStore, job: Job) -> None:
    assert store.renew("runner_of_another", [fence(job)], LEASE) == 0
    assert store.renew("runner_stepwise", ["fence_of_another"], LEASE) == 0
    assert store.renew("runner_stepwise", [fence(job)], LEASE) == 1


def test_a_queued_job_is_claimed_no_sooner_than_it_is_due(cluster: Cluster, store: QueueStore, job: Job) -> None:
    edit(cluster, job, {"status": "QUEUED", "lease": None, "runAt": job.created_at + HOUR})
    assert store.claim(LOCAL.user_id, Lease(owner="runner_b", fence="fence_b"), LEASE, Barred()) is None
    assert store.claim_many(LOCAL.user_id, Lease(owner="runner_b", fence="fence_b"), LEASE, Barred(), 5) == []


def test_a_running_job_is_claimed_only_once_its_lease_has_run_out(
    cluster: Cluster, store: QueueStore, job: Job
) -> None:
    assert store.claim_overdue(Lease(owner="runner_b", fence="fence_b"), LEASE) is None
    cluster.expire_leases()
    assert store.claim_overdue(Lease(owner="runner_b", fence="fence_b"), LEASE) is not None


def test_a_batch_leaves_out_what_another_has_claimed_meanwhile(
    cluster: Cluster, store: QueueStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, anothers = (Lease(owner=f"runner_{name}", fence=f"fence_{name}") for name in ("a", "b"))
    for _ in range(2):
        cluster.approve()
    update_many = Collection.update_many
    taken: list[Job | None] = []

    def late(self: Collection[dict[str, Any]], *args: Any, **kwargs: Any) -> Any:
        if not taken:
            taken.append(store.claim(LOCAL.user_id, anothers, LEASE, Barred()))
        return update_many(self, *args, **kwargs)

    monkeypatch.setattr(Collection, "update_many", late)
    batch = store.claim_many(LOCAL.user_id, mine, LEASE, Barred(), 2)
    (first,) = taken
    assert first is not None
    assert [job.job_id for job in batch] == [job_id for job_id in cluster.acknowledged if job_id != first.job_id]
    wait_until(lambda: cluster.job(first.job_id).lease == anothers, "the claim, which waits for no majority, is there")


def test_a_call_that_this_process_is_at_work_on_is_not_put_in_doubt(
    cluster: Cluster, machine: Studio, runner: RunnerParts, job: Job
) -> None:
    assert runner.door.enter(job, ImageTask(0, new_id("att")))
    cluster.expire_leases()
    overdue = runner.claims.overdue("runner_stepwise", LEASE)
    assert overdue is not None
    assert runner.admission.tasks(overdue, lambda _attempt_id: True) == []
    assert cluster.job(job.job_id).images[0].state == "CALLING"


def test_an_attempt_has_one_image(machine: Studio, runner: RunnerParts, job: Job) -> None:
    received = answered(runner, job)
    runner.delivery.deliver(received)
    (stored,) = machine.queries.images(LOCAL, job.job_id)
    again = stored.model_copy(update={"image_id": new_id("img")})
    with pytest.raises(DatabaseDown):
        machine._stores.connection.transaction(lambda session: machine._stores.images.insert(again, session=session))


def test_an_object_is_never_put_over_another(machine: Studio) -> None:
    bucket = machine.storage
    bucket.put("key", b"first", "image/png", compare=True)
    bucket.put("key", b"first", "image/png", compare=True)
    with pytest.raises(StorageFailed):
        bucket.put("key", b"other", "image/png", compare=True)
    assert bucket.get("key") == b"first"


def test_a_late_image_of_an_earlier_attempt_is_not_taken_for_the_one_that_counts(
    cluster: Cluster, machine: Studio, runner: RunnerParts, job: Job
) -> None:
    first = ImageTask(0, new_id("att"))
    assert runner.door.enter(job, first)
    answer = runner.calls.make(job, first)
    cluster.expire_leases()
    overdue = runner.claims.overdue("runner_b", LEASE)
    assert overdue is not None
    runner.admission.tasks(overdue, lambda _attempt_id: False)
    machine.approvals.retry(LOCAL, job.job_id, accept_micros=job.approval.quoted_micros, accept_unknown=True)
    runner.claims.refresh()
    (again,) = runner.claims.claim("runner_b", LEASE, 1)
    second = answered(runner, again)
    late = runner.intake.receive(job, first, answer)
    assert late is not None
    runner.delivery.deliver(late)
    assert cluster.job(job.job_id).images[0].state == "GENERATED"
    runner.delivery.deliver(second)
    urls = {image.attempt_id: image.url for image in machine.queries.images(LOCAL, job.job_id)}
    assert list(cluster.job(job.job_id).cdn_urls) == [urls[second.entry.attempt_id]]
    cluster.assert_invariants()


def answered(runner: RunnerParts, job: Job) -> StoredAnswer:
    """The job's image, made and settled."""
    task = ImageTask(0, new_id("att"))
    assert runner.door.enter(job, task)
    stored = runner.intake.receive(job, task, runner.calls.make(job, task))
    assert stored is not None
    return stored
