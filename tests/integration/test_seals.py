"""Who can write to the database cannot have anything sent, and `audit verify` finds what was changed."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import SecretStr
from pymongo.database import Database

from imagegeneration.audit.entry import AuditEntry, entry_sha256
from imagegeneration.bootstrap import Studio, build_studio
from imagegeneration.core.actor import LOCAL
from imagegeneration.core.errors import WrongState
from imagegeneration.jobs.job import Job, request_sha256
from imagegeneration.local.sandbox import Sandbox
from imagegeneration.money.money import budget_day
from imagegeneration.operations.verification import Verification
from imagegeneration.runner.worker import Worker
from imagegeneration.settings import Settings
from tests.integration.conftest import approve, one_round, run_to_the_end
from tests.support import APPROVAL_KEY

Documents = Database[dict[str, Any]]
OTHER_KEY = "another key " + "1" * 32


def forge(database: Documents, job: Job, change: dict[str, Any]) -> None:
    """Change a job, compute its plain hash again, and rewrite the audit record to match, as its writer can."""
    database.jobs.update_one({"jobId": job.job_id}, {"$set": change})
    forged = Job.model_validate(database.jobs.find_one({"jobId": job.job_id}, {"_id": False}))
    sha256 = request_sha256(forged.final_prompt, forged.image_count, forged.request, forged.alternates)
    approval = forged.approval.model_copy(update={"request_sha256": sha256})
    database.jobs.update_one({"jobId": job.job_id}, {"$set": {"approval": approval.document()}})
    entry = AuditEntry.model_validate(database.audit.find_one({"subject": job.job_id}, {"_id": False}))
    after = json.dumps(approval.model_dump(mode="json", by_alias=True), sort_keys=True)
    rewritten = entry.model_copy(update={"after": after})
    digest = entry_sha256(rewritten)
    database.audit.update_one({"entryId": entry.entry_id}, {"$set": {"after": after, "sha256": digest}})
    database.audit_head.update_one({}, {"$set": {"sha256": digest}})


def held_images(database: Documents, job: Job, count: int) -> list[dict[str, Any]]:
    """The images of a job as they would be, were there so many."""
    stored = database.jobs.find_one({"jobId": job.job_id})
    assert stored is not None
    return [stored["images"][0] | {"index": index} for index in range(count)]


@pytest.mark.parametrize(
    "change",
    [
        {"finalPrompt": "a green kite"},
        {"request.quality": "high"},
        {"request.size": "1536x1024"},
        {"imageCount": 2},
        {"approval.quotedMicros": 1},
        {"approval.imageMicros": 1},
        {"approval.endpointSha256": "0" * 64},
        {"userId": "mallory"},
        {"images.0.attempts.0.heldMicros": 1},
        {"images.0.attempts.0.heldMicros": 900_000},
        {"approval.seal": None},
        {"approval.seal": "12345678:" + "0" * 64},
    ],
    ids=str,
)
def test_what_was_changed_in_the_database_with_its_hash_is_not_sent(
    studio: Studio, database: Documents, sandbox: Sandbox, change: dict[str, Any]
) -> None:
    job = approve(studio)
    forge(database, job, change)
    one_round(studio)
    ended = studio.queries.get(LOCAL, job.job_id)
    assert (ended.status, ended.error_code, sandbox.calls) == ("FAILED", "TAMPERED", [])


def test_images_that_were_added_are_not_sent(studio: Studio, database: Documents, sandbox: Sandbox) -> None:
    job = approve(studio)
    database.jobs.update_one({"jobId": job.job_id}, {"$set": {"images": held_images(database, job, 3)}})
    one_round(studio)
    assert (studio.queries.get(LOCAL, job.job_id).error_code, sandbox.calls) == ("TAMPERED", [])


def test_a_job_that_was_made_up_is_not_sent(studio: Studio, database: Documents, sandbox: Sandbox) -> None:
    job = approve(studio)
    copied = database.jobs.find_one({"jobId": job.job_id}, {"_id": False})
    assert copied is not None
    database.jobs.insert_one(copied | {"jobId": "imgjob_" + "0" * 26})
    one_round(studio)
    assert studio.queries.get(LOCAL, "imgjob_" + "0" * 26).error_code == "TAMPERED"
    assert len(sandbox.calls) == 1


def test_an_approval_that_is_not_on_record_is_not_sent(studio: Studio, database: Documents, sandbox: Sandbox) -> None:
    job = approve(studio)
    database.audit.update_one({"subject": job.job_id}, {"$set": {"subject": "imgjob_other"}})
    one_round(studio)
    ended = studio.queries.get(LOCAL, job.job_id)
    assert (ended.error_code, sandbox.calls) == ("TAMPERED", [])
    assert ended.error == "The approval is not the one on the audit record. Nothing was sent."


def test_what_was_changed_with_its_hash_is_not_approved_again(
    studio: Studio, database: Documents, sandbox: Sandbox
) -> None:
    sandbox.set_fault("moderation")
    job = approve(studio)
    one_round(studio)
    forge(database, job, {"finalPrompt": "a green kite"})
    with pytest.raises(WrongState, match="not what was approved"):
        studio.approvals.retry(LOCAL, job.job_id, accept_micros=1_000_000)


@pytest.fixture
def build(settings: Settings) -> Iterator[Callable[..., Studio]]:
    """Make the studio with these keys."""
    built: list[Studio] = []

    def make(*keys: str) -> Studio:
        chosen = settings.model_copy(update={"approval_keys": tuple(map(SecretStr, keys))})
        built.append(build_studio(chosen))
        return built[-1]

    yield make
    for each in built:
        each.close()


def test_a_key_is_replaced_without_losing_a_job(build: Callable[..., Studio], sandbox: Sandbox) -> None:
    job = approve(build(APPROVAL_KEY))
    replaced = build(OTHER_KEY, APPROVAL_KEY)
    one_round(replaced)
    assert replaced.queries.get(LOCAL, job.job_id).status == "DONE"


def test_a_runner_without_the_key_says_so_and_sends_nothing(build: Callable[..., Studio], sandbox: Sandbox) -> None:
    job = approve(build(APPROVAL_KEY))
    other = build(OTHER_KEY)
    one_round(other)
    ended = other.queries.get(LOCAL, job.job_id)
    assert (ended.error_code, sandbox.calls) == ("TAMPERED", [])
    assert "not in APPROVAL_KEYS" in (ended.error or "")


# What `audit verify` finds


@pytest.fixture
def checked(studio: Studio, worker: Worker, sandbox: Sandbox) -> Job:
    """A job of two images, one of which was made at the second attempt, that is done."""
    sandbox.set_fault("moderation")
    failed = run_to_the_end(studio, worker, approve(studio, image_count=2).job_id)
    quote = studio.approvals.retry_quote(LOCAL, failed.job_id)
    studio.approvals.retry(LOCAL, failed.job_id, accept_micros=quote.total_micros)
    return run_to_the_end(studio, worker, failed.job_id)


def problems(studio: Studio) -> list[str]:
    """What the verification says, without the job's id."""
    seals = studio.approvals._agreements._seals
    found = Verification(studio._stores, seals, studio.storage).problems()
    return [problem.partition(": ")[2] for problem in found]


def test_what_nobody_changed_agrees(studio: Studio, checked: Job) -> None:
    assert (checked.status, len(checked.retries)) == ("DONE", 1)
    approve(studio, "one that waits")
    studio.ledger.record_text("local", "gpt-6-luna", 7, budget_day(datetime.now(UTC)))
    assert problems(studio) == []


@pytest.mark.parametrize(
    ("collection", "change", "says"),
    [
        ("jobs", {"finalPrompt": "a green kite"}, "the seal of approval 1 is wrong"),
        ("jobs", {"retries.0.quotedMicros": 1}, "approval 2 is not the one on the audit record"),
        ("jobs", {"retries": []}, "it has 1 approvals, and 2 are on the audit record"),
        ("jobs", {"images.0.attempts.0.costMicros": 1}, "the ledger says another cost or hold than its images"),
        ("jobs", {"images.0.url": "http://elsewhere/1.png"}, "image 1 is not the one that was stored"),
        ("jobs", {"cdnUrls": ["http://elsewhere/1.png"]}, "its URLs are not those of its images"),
        ("ledger", {"spentDeltaMicros": 1}, "the ledger says another cost or hold than its images"),
        ("budgets", {"spentMicros": 1}, "it says held 0, spent 1, text 0"),
        ("images", {"sha256": "f" * 64}, "the seal of the record of image 1 is wrong"),
    ],
)
def test_what_was_changed_is_named(
    studio: Studio, database: Documents, checked: Job, collection: str, change: dict[str, Any], says: str
) -> None:
    first = database[collection].find_one({}, sort=[("index", 1)])
    assert first is not None
    database[collection].update_one({"_id": first["_id"]}, {"$set": change})
    assert any(says in problem for problem in problems(studio)), problems(studio)


def test_what_is_missing_is_named(studio: Studio, database: Documents, checked: Job) -> None:
    database.jobs.delete_one({"jobId": checked.job_id})
    assert problems(studio) == ["it is missing, though it is on record"]


def test_a_counter_that_is_missing_is_named(studio: Studio, database: Documents, checked: Job) -> None:
    gone = database.budgets.find_one_and_delete({"userId": "local"})
    assert gone is not None
    (problem,) = problems(studio)
    assert problem.startswith("it says held 0, spent 0")


def test_an_object_with_other_bytes_and_one_that_is_gone_are_named(
    studio: Studio, database: Documents, checked: Job
) -> None:
    storage = studio.storage
    keys = [record["storageKey"] for record in database.images.find({}).sort("index")]
    storage._client.put_object(Bucket=storage.bucket, Key=keys[0], Body=os.urandom(100))
    storage._client.delete_object(Bucket=storage.bucket, Key=keys[1])
    assert problems(studio) == [
        f"image 1: its object {keys[0]} has other bytes",
        f"image 2: its object {keys[1]} is not in the bucket",
    ]


def test_a_plain_hash_is_what_a_screen_can_show_too(studio: Studio) -> None:
    job = approve(studio)
    approved = {"finalPrompt": job.final_prompt, "imageCount": 1, "request": job.request.document()}
    canonical = json.dumps(approved, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    assert job.approval.request_sha256 == hashlib.sha256(canonical).hexdigest()
