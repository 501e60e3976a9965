"""The fence, the attempt's id, recovery, cancel, and what a runner refuses to start (DESIGN.md, section 4)."""

from __future__ import annotations

import contextlib
import dataclasses
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from pymongo.database import Database

from imagegeneration.assets.asset import storage_key
from imagegeneration.bootstrap import Studio, build_studio
from imagegeneration.core.actor import LOCAL
from imagegeneration.core.errors import DatabaseDown, StorageFailed
from imagegeneration.jobs.job import POISON_CLAIMS, Job
from imagegeneration.jobs.transitions import ImageTransitions
from imagegeneration.local.sandbox import Sandbox
from imagegeneration.models.catalog import Catalog
from imagegeneration.providers.generation import Answer, CallDetached, CallFailed, GenerationRequest, Usage
from imagegeneration.providers.provider import Call
from imagegeneration.runner.build import RunnerParts, build_runner
from imagegeneration.runner.leases import FinishedJob
from imagegeneration.runner.spool import Spool, SpoolEntry
from imagegeneration.runner.task import ImageTask
from imagegeneration.runner.worker import Worker
from imagegeneration.settings import Settings
from tests.integration.conftest import approve, assert_money_adds_up, claim, one_round, run_to_the_end
from tests.support import png, wait_until

LEASE = 30.0
TASK = ImageTask(0, "att_1")


def claimed(studio: Studio, owner: str = "runner_a") -> Job:
    job = claim(studio, owner, LEASE)
    assert job is not None
    return job


def expire_lease(database: Database[dict[str, Any]], job: Job) -> None:
    past = job.updated_at - timedelta(seconds=1)
    database.jobs.update_one({"jobId": job.job_id}, {"$set": {"runAt": past}})


def called(runner: RunnerParts, job: Job, attempt_id: str = "att_1") -> Answer:
    """The image is past the one-way door and its answer has come."""
    task = ImageTask(0, attempt_id)
    assert runner.door.enter(job, task)
    return runner.calls.make(job, task)


def test_a_claimed_job_is_nobody_elses(studio: Studio) -> None:
    approve(studio)
    job = claimed(studio)
    assert (job.status, job.lease and job.lease.owner) == ("RUNNING", "runner_a")
    assert claim(studio, "runner_b", LEASE) is None


def test_an_expired_lease_can_be_claimed_and_is_counted(studio: Studio, database: Database[dict[str, Any]]) -> None:
    approve(studio)
    first = claimed(studio)
    expire_lease(database, first)
    second = claimed(studio, "runner_b")
    assert second.claims == 1
    assert first.lease is not None
    assert second.lease is not None
    assert second.lease.fence != first.lease.fence


def test_a_runner_whose_lease_was_taken_starts_nothing(
    studio: Studio, runner: RunnerParts, database: Database[dict[str, Any]], sandbox: Sandbox
) -> None:
    approve(studio)
    stale = claimed(studio)
    expire_lease(database, stale)
    claimed(studio, "runner_b")
    assert not runner.door.enter(stale, ImageTask(0, "att_stale"))


def test_a_runner_whose_lease_has_run_out_starts_nothing(
    studio: Studio, runner: RunnerParts, database: Database[dict[str, Any]]
) -> None:
    approve(studio)
    job = claimed(studio)
    expire_lease(database, job)
    assert not runner.door.enter(job, ImageTask(0, "att_late"))


def test_a_lease_that_nobody_took_can_be_renewed_after_its_end(
    studio: Studio, runner: RunnerParts, database: Database[dict[str, Any]]
) -> None:
    approve(studio)
    job = claimed(studio)
    assert job.lease is not None
    expire_lease(database, job)
    assert runner.leases.renew("runner_a", [job.lease.fence], LEASE) == 1
    assert runner.door.enter(job, TASK)


def test_an_image_is_started_once(studio: Studio, runner: RunnerParts) -> None:
    approve(studio)
    job = claimed(studio)
    assert runner.door.enter(job, TASK)
    assert not runner.door.enter(job, ImageTask(0, "att_2"))


def test_a_canceled_image_is_not_started(studio: Studio, runner: RunnerParts) -> None:
    approve(studio)
    job = claimed(studio)
    studio.cancellation.cancel(LOCAL, job.job_id)
    assert not runner.door.enter(job, TASK)
    assert studio.spending.today(LOCAL).held_micros == 0


def test_cancel_keeps_what_is_in_flight(
    studio: Studio, runner: RunnerParts, database: Database[dict[str, Any]]
) -> None:
    approve(studio, image_count=2)
    job = claimed(studio)
    answer = called(runner, job)
    canceled = studio.cancellation.cancel(LOCAL, job.job_id)
    assert [image.state for image in canceled.images] == ["CALLING", "FAILED"]
    assert canceled.status == "RUNNING"
    received = runner.intake.receive(job, TASK, answer)
    assert received is not None
    runner.delivery.deliver(received)
    ended = studio.queries.get(LOCAL, job.job_id)
    assert (ended.status, ended.error_code, len(ended.cdn_urls)) == ("FAILED", "CANCELED", 1)
    assert_money_adds_up(database)


def test_the_same_report_counts_once(studio: Studio, runner: RunnerParts, database: Database[dict[str, Any]]) -> None:
    approve(studio)
    job = claimed(studio)
    answer = called(runner, job)
    first = runner.intake.receive(job, TASK, answer)
    again = runner.intake.receive(job, TASK, answer)
    assert first is not None
    assert again is not None
    runner.delivery.deliver(first)
    runner.delivery.deliver(again)
    assert database.ledger.count_documents({"kind": "settle"}) == 1
    assert database.images.count_documents({}) == 1
    assert studio.queries.get(LOCAL, job.job_id).status == "DONE"
    assert_money_adds_up(database)


def test_the_money_is_settled_before_the_upload(studio: Studio, runner: RunnerParts) -> None:
    approve(studio)
    job = claimed(studio)
    assert runner.intake.receive(job, TASK, called(runner, job)) is not None
    spend = studio.spending.today(LOCAL)
    assert spend.held_micros == 0
    assert 0 < spend.spent_micros <= job.approval.quoted_micros
    assert studio.queries.get(LOCAL, job.job_id).images[0].state == "GENERATED"


def test_a_crash_during_the_call_leaves_the_image_in_doubt(
    studio: Studio, runner: RunnerParts, database: Database[dict[str, Any]], sandbox: Sandbox
) -> None:
    approve(studio)
    job = claimed(studio)
    runner.door.enter(job, TASK)
    expire_lease(database, job)
    one_round(studio)
    ended = studio.queries.get(LOCAL, job.job_id)
    assert (ended.status, ended.error_code, ended.images[0].state) == ("FAILED", "INTERRUPTED", "UNKNOWN")
    assert studio.spending.today(LOCAL).spent_micros == job.approval.quoted_micros
    assert sandbox.calls == []
    assert_money_adds_up(database)


def test_a_late_result_is_adopted_even_on_a_failed_job(
    studio: Studio, runner: RunnerParts, database: Database[dict[str, Any]], sandbox: Sandbox
) -> None:
    approve(studio)
    job = claimed(studio)
    answer = called(runner, job)
    expire_lease(database, job)
    one_round(studio)
    assert studio.queries.get(LOCAL, job.job_id).status == "FAILED"
    received = runner.intake.receive(job, TASK, answer)
    assert received is not None
    runner.delivery.deliver(received)
    adopted = studio.queries.get(LOCAL, job.job_id)
    assert (adopted.status, adopted.error, len(adopted.cdn_urls)) == ("DONE", None, 1)
    assert len(sandbox.calls) == 1
    assert_money_adds_up(database)


def test_a_late_result_of_an_image_made_again_stays_on_its_attempt(
    studio: Studio, runner: RunnerParts, database: Database[dict[str, Any]]
) -> None:
    approve(studio)
    job = claimed(studio)
    answer = called(runner, job)
    expire_lease(database, job)
    one_round(studio)
    studio.approvals.retry(LOCAL, job.job_id, accept_micros=job.approval.quoted_micros, accept_unknown=True)
    one_round(studio)
    received = runner.intake.receive(job, TASK, answer)
    assert received is not None
    runner.delivery.deliver(received)
    ended = studio.queries.get(LOCAL, job.job_id)
    assert [attempt.certainty for attempt in ended.images[0].attempts] == ["charged", "charged"]
    assert len(ended.cdn_urls) == 1
    assert len(studio.queries.images(LOCAL, job.job_id)) == 2
    assert_money_adds_up(database)


def test_a_crash_after_the_spool_pays_nothing_twice(
    studio: Studio, runner: RunnerParts, database: Database[dict[str, Any]], sandbox: Sandbox
) -> None:
    approve(studio)
    job = claimed(studio)
    answer = called(runner, job)
    runner.spool.write(SpoolEntry.of(job.job_id, TASK, answer), answer)
    expire_lease(database, job)
    one_round(studio)
    assert studio.queries.get(LOCAL, job.job_id).images[0].state == "GENERATED"
    runner.spool_delivery.deliver("att_1")
    ended = studio.queries.get(LOCAL, job.job_id)
    assert (ended.status, len(ended.cdn_urls)) == ("DONE", 1)
    assert len(sandbox.calls) == 1
    assert list(runner.spool.attempt_ids()) == []
    assert_money_adds_up(database)


def test_an_image_found_in_the_bucket_is_adopted(
    studio: Studio, runner: RunnerParts, database: Database[dict[str, Any]], settings: Settings, tmp_path: Path
) -> None:
    approve(studio)
    job = claimed(studio)
    received = runner.intake.receive(job, TASK, called(runner, job))
    assert received is not None
    _upload_only(studio, job, received)
    calling = job.images[0].document() | {"state": "CALLING"}
    calling["attempts"][0]["attemptId"] = "att_1"
    database.jobs.update_one({"jobId": job.job_id}, {"$set": {"images.0": calling}})
    expire_lease(database, job)
    elsewhere = build_studio(settings.model_copy(update={"data_dir": tmp_path / "other"}))
    one_round(elsewhere)
    build_runner(elsewhere).spool_delivery.deliver("att_1")
    ended = elsewhere.queries.get(LOCAL, job.job_id)
    assert (ended.status, len(ended.cdn_urls)) == ("DONE", 1)
    elsewhere.close()


def _upload_only(studio: Studio, job: Job, received: Any) -> None:
    facts = received.facts
    key = storage_key(job.user_id, job.created_at, job.job_id, 0, facts.output_format, facts.sha256)
    studio.storage.put(key, received.content, received.facts.mime_type, compare=True)


def test_an_image_waits_in_the_spool_while_the_bucket_is_down(
    studio: Studio, runner: RunnerParts, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = approve(studio)
    with monkeypatch.context() as outage:
        outage.setattr(studio.storage, "bucket", "gone")
        one_round(studio)
        waiting = studio.queries.get(LOCAL, job.job_id)
        assert (waiting.status, waiting.images[0].state) == ("RUNNING", "GENERATED")
        assert waiting.images[0].spool_host == runner.spool.host
        assert (waiting.lease, waiting.run_at) == (None, None)
        with pytest.raises(StorageFailed):
            runner.spool_delivery.deliver(waiting.images[0].attempt.attempt_id or "")
    assert len(list(runner.spool.attempt_ids())) == 1
    monkeypatch.setattr("imagegeneration.runner.spool_delivery.SETTLED_SECONDS", 0)
    runner.spool_delivery.run()
    assert studio.queries.get(LOCAL, job.job_id).status == "DONE"
    assert (len(sandbox.calls), list(runner.spool.attempt_ids())) == (1, [])


@pytest.mark.parametrize(
    "change",
    [{"finalPrompt": "a green kite"}, {"imageCount": 4}, {"request.quality": "high"}, {"request.model": "gpt-image-2"}],
)
def test_a_job_that_was_tampered_with_is_not_sent(
    studio: Studio, database: Database[dict[str, Any]], sandbox: Sandbox, change: dict[str, Any]
) -> None:
    job = approve(studio)
    database.jobs.update_one({"jobId": job.job_id}, {"$set": change})
    one_round(studio)
    assert studio.queries.get(LOCAL, job.job_id).error_code == "TAMPERED"
    assert (sandbox.calls, studio.spending.today(LOCAL).held_micros) == ([], 0)


def test_a_job_for_another_endpoint_is_not_sent(settings: Settings, studio: Studio, sandbox: Sandbox) -> None:
    job = approve(studio)
    moved = build_studio(settings.model_copy(update={"openai_base_url": sandbox.url, "sandbox_url": None}))
    one_round(moved)
    ended = moved.queries.get(LOCAL, job.job_id)
    assert ended.error_code == "PROVIDER_CHANGED"
    assert sandbox.calls == []
    moved.close()


def test_poison_is_set_aside(studio: Studio, database: Database[dict[str, Any]]) -> None:
    job = approve(studio)
    for number in range(POISON_CLAIMS):
        expire_lease(database, claimed(studio, f"runner_{number}"))
    one_round(studio)
    assert studio.queries.get(LOCAL, job.job_id).error_code == "POISON"
    assert studio.spending.today(LOCAL).held_micros == 0


@pytest.mark.parametrize(
    "prompt",
    [
        "quotes \" and ' and `ticks` and \\backslashes\\",
        "lines\nand\r\nmore\ttabs",
        "  leading and trailing space  \n",
        "emoji 🎨👩‍👩‍👧 and e\u0301 combining",
        "עברית مرحبا \u202eright to left\u202c",
        '{"$set": {"status": "DONE"}} <b>html</b> ![x](http://evil.example/x.png) {{template}} %s ${x}',
        "\ufeffbyte order mark, zero\u200bwidth",
        "x" * 4000,
    ],
)
def test_the_provider_gets_the_approved_prompt_byte_for_byte(
    studio: Studio, worker: Worker, sandbox: Sandbox, prompt: str
) -> None:
    job = run_to_the_end(studio, worker, approve(studio, prompt).job_id)
    assert job.status == "DONE"
    assert [call.prompt.encode() for call in sandbox.calls] == [prompt.encode()]


def test_documents_have_the_agreed_fields_and_no_bytes(
    studio: Studio, worker: Worker, database: Database[dict[str, Any]]
) -> None:
    job = run_to_the_end(studio, worker, approve(studio, image_count=2).job_id)
    document = database.jobs.find_one({"jobId": job.job_id})
    assert document is not None
    assert set(document) == {
        *("_id", "intent", "rawPrompt", "finalPrompt", "imageCount", "status", "cdnUrls", "error"),
        *("createdAt", "updatedAt", "schemaVersion", "jobId", "userId", "source", "request", "approval"),
        *("images", "lease", "runAt", "claims", "cancelRequestedAt", "retries", "errorCode"),
        *("startedAt", "completedAt", "durationMs", "lastEvent"),
    }
    for name in database.list_collection_names():
        for stored in database[name].find({}):
            _assert_plain(stored)
    assert (document["lease"], document["runAt"]) == (None, None)


def _assert_plain(value: object) -> None:
    """Strings, numbers, dates, and no path of this machine."""
    if isinstance(value, dict):
        for inner in value.values():
            _assert_plain(inner)
    elif isinstance(value, list):
        for inner in value:
            _assert_plain(inner)
    else:
        assert not isinstance(value, bytes)
        assert not (isinstance(value, str) and value.startswith(("/", "file:", ".data")))


def test_an_answer_that_is_no_image_is_kept_for_the_dispute(
    studio: Studio, runner: RunnerParts, worker: Worker, sandbox: Sandbox
) -> None:
    sandbox.set_fault("html_200", count=1)
    job = run_to_the_end(studio, worker, approve(studio).job_id)
    rejected = runner.spool.folder / "rejected"
    (kept,) = wait_until(lambda: list(rejected.iterdir()), "the answer is put aside")
    assert b"<!doctype html>" in kept.read_bytes().lower()
    assert kept.name.startswith(str(job.images[0].attempt.attempt_id))
    with time_machine.travel(datetime.now(UTC) + timedelta(days=40)):  # this machine's clock leaps
        runner.spool_delivery.expire()
    assert kept.exists()


def test_a_full_disk_stops_claiming(settings: Settings, sandbox: Sandbox) -> None:
    with contextlib.closing(build_studio(settings.model_copy(update={"spool_max_bytes": 0}))) as studio:
        job = approve(studio)
        one_round(studio)
        assert studio.queries.get(LOCAL, job.job_id).status == "QUEUED"
    assert sandbox.calls == []


def refuse_to_spool(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Spool, "write", refuse)


def test_an_answer_that_the_disk_refuses_goes_straight_to_the_bucket(
    studio: Studio, monkeypatch: pytest.MonkeyPatch, database: Database[dict[str, Any]]
) -> None:
    refuse_to_spool(monkeypatch)
    job = approve(studio)
    one_round(studio)
    ended = studio.queries.get(LOCAL, job.job_id)
    assert (ended.status, len(ended.cdn_urls)) == ("DONE", 1)
    assert_money_adds_up(database)


def test_an_answer_that_disk_and_bucket_refuse_is_charged_and_said(
    studio: Studio, monkeypatch: pytest.MonkeyPatch, database: Database[dict[str, Any]]
) -> None:
    refuse_to_spool(monkeypatch)
    monkeypatch.setattr(studio.storage, "bucket", "gone")
    job = approve(studio)
    one_round(studio)
    ended = studio.queries.get(LOCAL, job.job_id)
    assert (ended.error_code, ended.images[0].attempt.certainty) == ("STORAGE", "charged")
    assert_money_adds_up(database)


def test_an_answer_is_on_disk_before_the_database_is_asked_for_anything(
    studio: Studio, runner: RunnerParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    approve(studio)
    job = claimed(studio)
    answer = called(runner, job)

    def away() -> datetime:
        raise DatabaseDown("The database does not answer.")

    with monkeypatch.context() as outage:
        outage.setattr(studio._stores.connection, "now", away)
        with pytest.raises(DatabaseDown):
            runner.intake.receive(job, TASK, answer)
    assert list(runner.spool.attempt_ids()) == ["att_1"]
    runner.spool_delivery.deliver("att_1")
    assert studio.queries.get(LOCAL, job.job_id).status == "DONE"


def test_a_failed_job_is_at_work_again_while_its_late_image_waits_for_the_bucket(
    studio: Studio, runner: RunnerParts, database: Database[dict[str, Any]]
) -> None:
    approve(studio)
    job = claimed(studio)
    answer = called(runner, job)
    expire_lease(database, job)
    one_round(studio)
    received = runner.intake.receive(job, TASK, answer)
    waiting = studio.queries.get(LOCAL, job.job_id)
    assert (waiting.status, waiting.error, waiting.images[0].state) == ("RUNNING", None, "GENERATED")
    assert received is not None
    runner.delivery.deliver(received)
    assert studio.queries.get(LOCAL, job.job_id).status == "DONE"


def test_one_answer_that_cannot_be_delivered_does_not_hold_up_the_others(
    studio: Studio, runner: RunnerParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imagegeneration.runner.spool_delivery.SETTLED_SECONDS", 0)
    (runner.spool.folder / "att_0.answer").write_bytes(b"damaged")
    approve(studio)
    job = claimed(studio)
    runner.intake.receive(job, TASK, called(runner, job))
    runner.spool_delivery.run()
    assert studio.queries.get(LOCAL, job.job_id).status == "DONE"


def test_a_job_whose_runner_is_gone_does_not_wait_for_those_in_the_queue(
    studio: Studio, runner: RunnerParts, database: Database[dict[str, Any]], sandbox: Sandbox
) -> None:
    interrupted = approve(studio)
    expire_lease(database, claimed(studio))
    waiting = [approve(studio) for _ in range(12)]
    working = Worker(runner, "runner_b", concurrency=1, lease_seconds=30)
    working.fill(ticked=True)
    wait_until(lambda: studio.queries.get(LOCAL, interrupted.job_id).status == "DONE", "it is made")
    working.drain()
    assert sum(studio.queries.get(LOCAL, job.job_id).status == "QUEUED" for job in waiting) >= 10


def test_a_lease_that_ran_out_during_the_call_is_taken_up_again_by_the_same_runner(
    studio: Studio, runner: RunnerParts, database: Database[dict[str, Any]], sandbox: Sandbox
) -> None:
    sandbox.set_fault("delay", delay=1.0)
    job = approve(studio)
    working = Worker(runner, "runner_a", concurrency=4, lease_seconds=30)
    working.fill(ticked=True)
    wait_until(lambda: studio.queries.get(LOCAL, job.job_id).images[0].state == "CALLING", "the call is made")
    before = studio.queries.get(LOCAL, job.job_id)
    expire_lease(database, before)
    working.fill(ticked=True)
    again = studio.queries.get(LOCAL, job.job_id)
    assert before.lease is not None
    assert again.lease is not None
    assert again.lease.fence != before.lease.fence
    assert runner.in_flight.jobs == [job.job_id]
    wait_until(lambda: studio.queries.get(LOCAL, job.job_id).status == "DONE", "the job is done")
    working.drain()
    assert len(sandbox.calls) == 1


def test_a_paid_image_whose_model_has_left_the_catalog_is_kept_at_its_quote(
    settings: Settings, tmp_path: Path, database: Database[dict[str, Any]]
) -> None:
    own = tmp_path / "catalog.toml"
    own.write_text("""
        [[image_models]]
        name = "gpt-image-own"
        provider = "openai"
        label = "Own"
        sizes = ["1024x1024"]
        qualities = ["medium"]
        source = "a contract"
        read_on = 2026-11-20
        prices = { image_out = 30_000_000, image = [{ micros = 20_000 }] }
    """)
    changes = {"catalog_file": own, "openai_image_model": "gpt-image-own"}
    with contextlib.closing(build_studio(settings.model_copy(update=changes))) as before:
        approved = approve(before)
        job = claimed(before)
        assert build_runner(before).door.enter(job, TASK)
    usage = Usage(input_text_tokens=7, input_image_tokens=0, output_tokens=500)
    answer = Answer(png(), usage, provider_request_id=None)
    with contextlib.closing(build_studio(settings)) as after:
        runner = build_runner(after)
        received = runner.intake.receive(job, TASK, answer)
        assert received is not None
        runner.delivery.deliver(received)
        ended = after.queries.get(LOCAL, job.job_id)
    assert (ended.status, ended.cost_micros) == ("DONE", approved.approval.quoted_micros)
    assert_money_adds_up(database)


def test_a_released_job_is_not_counted_as_crashed(
    studio: Studio, runner: RunnerParts, database: Database[dict[str, Any]]
) -> None:
    approve(studio)
    job = claimed(studio)
    assert job.lease is not None
    runner.leases.finish([FinishedJob(job.job_id, job.lease.fence, timedelta(0))])
    assert claimed(studio, "runner_b").claims == 0


def test_a_runner_that_takes_back_its_own_lease_is_not_counted_as_crashed(
    studio: Studio, database: Database[dict[str, Any]]
) -> None:
    approve(studio)
    expire_lease(database, claimed(studio))
    assert claimed(studio).claims == 0


def test_progress_clears_the_suspicion_of_poison(
    studio: Studio, runner: RunnerParts, database: Database[dict[str, Any]]
) -> None:
    approve(studio, image_count=2)
    expire_lease(database, claimed(studio))
    job = claimed(studio, "runner_b")
    assert job.claims == 1
    runner.intake.receive(job, TASK, called(runner, job))
    assert studio.queries.get(LOCAL, job.job_id).claims == 0


def test_received_answers_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Answer(b"", None, None, None).content = b"other"  # type: ignore[misc]  # what is tested


class DetachingProvider:
    """Takes the call and is asked to leave it."""

    def generate(self, _request: GenerationRequest, call: Call) -> Answer:
        call.submitted("handle_1")
        raise CallDetached("handle_1")


def test_a_handle_that_could_not_be_kept_at_first_is_kept_before_the_call_is_left(
    studio: Studio, runner: RunnerParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    approve(studio)
    job = claimed(studio)
    assert runner.door.enter(job, TASK)
    apply, tries = ImageTransitions.apply, []

    def away_at_first(self: ImageTransitions, *args: Any) -> Any:
        tries.append(args)
        if len(tries) == 1:
            raise DatabaseDown("The database does not answer.")
        return apply(self, *args)

    monkeypatch.setattr(runner.calls, "_providers", {"sandbox": DetachingProvider()})
    monkeypatch.setattr(ImageTransitions, "apply", away_at_first)
    with pytest.raises(CallDetached):
        runner.calls.make(job, TASK)
    assert studio.queries.get(LOCAL, job.job_id).images[0].attempt.handle == "handle_1"


@pytest.mark.parametrize(("handle", "certainty"), [(None, "not_charged"), ("handle_1", "unknown")])
def test_without_its_provider_only_a_call_that_was_not_submitted_is_free(
    studio: Studio, runner: RunnerParts, monkeypatch: pytest.MonkeyPatch, handle: str | None, certainty: str
) -> None:
    approve(studio)
    monkeypatch.setattr(runner.calls, "_providers", {})
    with pytest.raises(CallFailed, match="not configured") as failed:
        runner.calls.make(claimed(studio), ImageTask(0, "att_1", handle))
    assert failed.value.certainty == certainty


def test_a_call_is_not_made_again_at_a_provider_that_cannot_resume_it(
    studio: Studio, runner: RunnerParts, sandbox: Sandbox
) -> None:
    approve(studio)
    with pytest.raises(CallFailed) as failed:
        runner.calls.make(claimed(studio), ImageTask(0, "att_1", "handle_1"))
    assert (failed.value.certainty, sandbox.calls) == ("unknown", [])


@pytest.mark.parametrize("asked", [30.0, 3_600.0])
def test_a_limit_is_waited_for_as_long_as_the_provider_asks(studio: Studio, runner: RunnerParts, asked: float) -> None:
    approve(studio)
    job = claimed(studio)
    assert runner.door.enter(job, TASK)
    limit = CallFailed("slow down", certainty="not_charged", retryable=True, retry_after=asked)
    delay = runner.failures.record(job, TASK, limit)
    assert delay is not None
    assert asked <= delay.total_seconds() <= asked + 1


def test_a_hint_of_no_time_does_not_shorten_the_usual_pause(studio: Studio, runner: RunnerParts) -> None:
    approve(studio)
    job = claimed(studio)
    assert runner.door.enter(job, TASK)
    limit = CallFailed("slow down", certainty="not_charged", retryable=True, retry_after=0.0)
    delay = runner.failures.record(job, TASK, limit)
    assert delay is not None
    assert timedelta(seconds=1) <= delay <= timedelta(seconds=2)


def test_a_provider_is_called_again_no_sooner_than_it_asks_for(studio: Studio, runner: RunnerParts) -> None:
    approve(studio)
    job = claimed(studio)
    assert runner.door.enter(job, TASK)
    asked = CallFailed("slow down", certainty="not_charged", retryable=True, retry_after=40.0)
    delay = runner.failures.record(job, TASK, asked)
    assert delay is not None
    assert timedelta(seconds=40) <= delay <= timedelta(seconds=42)


def test_a_call_that_failed_without_a_hint_is_tried_again_soon(studio: Studio, runner: RunnerParts) -> None:
    approve(studio)
    job = claimed(studio)
    assert runner.door.enter(job, TASK)
    delay = runner.failures.record(job, TASK, CallFailed("busy", certainty="not_charged", retryable=True))
    assert delay is not None
    assert timedelta(seconds=0.5) <= delay <= timedelta(seconds=4)


def test_every_picture_of_an_answer_is_kept_and_named_on_the_attempt(studio: Studio, runner: RunnerParts) -> None:
    approve(studio)
    job = claimed(studio)
    assert runner.door.enter(job, TASK)
    usage = Usage(input_text_tokens=0, input_image_tokens=0, output_tokens=0)
    answer = Answer(png(1), usage, None, others=(png(2), b"not even a picture"))
    received = runner.intake.receive(job, TASK, answer)
    assert received is not None
    runner.delivery.deliver(received)
    attempt = studio.queries.get(LOCAL, job.job_id).images[0].attempt
    names = [name.removeprefix(f"{runner.spool.host}: ") for name in attempt.others]
    assert [(runner.spool.folder / name).read_bytes() for name in names] == [png(2), b"not even a picture"]
    assert attempt.usage is not None
    assert (attempt.usage.implausible, attempt.cost_micros) == (True, attempt.held_micros)


@pytest.mark.parametrize("tokens", [10**8, 2**53])
def test_a_bill_that_cannot_be_is_not_believed_and_costs_no_image(
    studio: Studio, runner: RunnerParts, monkeypatch: pytest.MonkeyPatch, tokens: int
) -> None:
    for judged in (Catalog.judged, lambda _catalog, _model, usage, **_: usage):  # the latter: as spooled before
        monkeypatch.setattr(Catalog, "judged", judged)
        approve(studio)
        job = claimed(studio)
        task = ImageTask(0, f"att_{job.job_id}")
        assert runner.door.enter(job, task)
        usage = Usage(input_text_tokens=10, input_image_tokens=0, output_tokens=tokens)
        received = runner.intake.receive(job, task, Answer(png(1), usage, None))
        assert received is not None
        runner.delivery.deliver(received)
        attempt = studio.queries.get(LOCAL, job.job_id).images[0].attempt
        assert attempt.cost_micros == job.approval.quoted_micros
        assert attempt.outcome == "generated"
    assert studio.spending.today(LOCAL).spent_micros == 2 * job.approval.quoted_micros
