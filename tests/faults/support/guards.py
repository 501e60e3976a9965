"""The guards of writes and calls, what is left without each, and which tests must notice that it is gone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

STORE = "imagegeneration/store/jobs.py"
EXECUTION = "imagegeneration/services/execution.py"
LIFECYCLE = "imagegeneration/domain/lifecycle.py"
WORKER = "imagegeneration/runner/worker.py"
CLAUSES = "tests/faults/test_clauses.py::"
STEPS = "tests/integration/test_execution.py::"
PROVIDER = "tests/integration/test_provider_faults.py::"
MODEL = "tests/unit/domain/test_lifecycle.py"


@dataclass(frozen=True)
class Guard:
    """Its text in a file, what is left without it, and the tests of which one must notice."""

    name: str
    file: str
    text: str
    without: str
    tests: Sequence[str]


GUARDS = (
    Guard(
        "start: the fence",
        STORE,
        '            "lease.fence": fence,\n            "status": "RUNNING",\n',
        '            "status": "RUNNING",\n',
        [CLAUSES + "test_an_image_is_started_only_under_all_its_conditions"],
    ),
    Guard(
        "start: the job runs",
        STORE,
        '            "status": "RUNNING",\n            "cancelRequestedAt": None,\n',
        '            "cancelRequestedAt": None,\n',
        [CLAUSES + "test_an_image_is_started_only_under_all_its_conditions"],
    ),
    Guard(
        "start: no cancel",
        STORE,
        '            "cancelRequestedAt": None,\n',
        "",
        [CLAUSES + "test_an_image_is_started_only_under_all_its_conditions"],
    ),
    Guard(
        "start: the lease is alive",
        STORE,
        '            "$expr": {"$gt": ["$runAt", "$$NOW"]},\n',
        "",
        [CLAUSES + "test_an_image_is_started_only_under_all_its_conditions"],
    ),
    Guard(
        "start: after a lost reply, the state",
        EXECUTION,
        'return found.images[index].state == "CALLING" and found',
        "return found",
        ["tests/faults/test_edges.py"],
    ),
    Guard(
        "start: after a lost reply, the fence",
        EXECUTION,
        "if found is None or found.lease is None or found.lease.fence != lease.fence:",
        "if found is None:",
        ["tests/faults/test_edges.py"],
    ),
    Guard(
        "swap: the images as they were read",
        STORE,
        '{"jobId": job_id, **expected, **(guard or {})}',
        '{"jobId": job_id, **(guard or {})}',
        [CLAUSES + "test_the_same_image_is_changed_once"],
    ),
    Guard(
        "conclude: the states as they were read",
        STORE,
        '"status": job.status, **states}',
        '"status": job.status}',
        [CLAUSES + "test_a_job_is_not_concluded_from_images_that_have_changed"],
    ),
    Guard(
        "release: the fence",
        STORE,
        '"jobId": job_id, "lease.fence": fence, "status": "RUNNING"',
        '"jobId": job_id, "status": "RUNNING"',
        [CLAUSES + "test_a_lease_is_given_back_only_by_who_has_it"],
    ),
    Guard(
        "renew: the owner",
        STORE,
        '"lease.owner": owner, "lease.fence"',
        '"lease.fence"',
        [CLAUSES + "test_a_lease_is_renewed_only_by_who_has_it"],
    ),
    Guard(
        "renew: the fence",
        STORE,
        '"lease.owner": owner, "lease.fence": {"$in": list(fences)}}',
        '"lease.owner": owner}',
        [CLAUSES + "test_a_lease_is_renewed_only_by_who_has_it"],
    ),
    Guard(
        "claim: it is due",
        STORE,
        '"userId": user_id, "$expr": {"$lte": ["$runAt", "$$NOW"]}}',
        '"userId": user_id}',
        [CLAUSES + "test_a_queued_job_is_claimed_no_sooner_than_it_is_due"],
    ),
    Guard(
        "claim: the lease has run out",
        STORE,
        '"runAt": {"$gt": _EPOCH}, "$expr": {"$lte": ["$runAt", "$$NOW"]}}',
        '"runAt": {"$gt": _EPOCH}}',
        [CLAUSES + "test_a_running_job_is_claimed_only_once_its_lease_has_run_out"],
    ),
    Guard(
        "batch: still queued when it is written",
        STORE,
        "self._claims.update_many(chosen | _due_of(user_id),",
        "self._claims.update_many(chosen,",
        [CLAUSES + "test_a_batch_leaves_out_what_another_has_claimed_meanwhile"],
    ),
    Guard(
        "batch: under this fence when it is read",
        STORE,
        'chosen | {"lease.fence": lease.fence}',
        "chosen",
        [CLAUSES + "test_a_batch_leaves_out_what_another_has_claimed_meanwhile"],
    ),
    Guard(
        "images: one of an attempt",
        "imagegeneration/store/images.py",
        'IndexModel("attemptId", unique=True)',
        'IndexModel("attemptId")',
        [CLAUSES + "test_an_attempt_has_one_image"],
    ),
    Guard(
        "record: not again",
        EXECUTION,
        "if self._images.of_attempt(entry.attempt_id) is not None:",
        "if False:",
        [STEPS + "test_the_same_report_counts_once"],
    ),
    Guard(
        "idempotency: one job of a key",
        "imagegeneration/store/idempotency.py",
        'IndexModel(["userId", "key"], unique=True)',
        'IndexModel(["userId", "key"])',
        ["tests/faults/test_many.py::test_fifty_identical_requests_at_once_make_one_job"],
    ),
    Guard(
        "idempotency: the same body",
        "imagegeneration/services/jobs.py",
        "if known.body_sha256 != body_sha256:",
        "if False:",
        ["tests/integration/test_api.py"],
    ),
    Guard(
        "report: of this attempt",
        LIFECYCLE,
        "if undecided and image.attempt.attempt_id == attempt_id:",
        "if undecided:",
        [MODEL, STEPS + "test_a_late_result_of_an_image_made_again_stays_on_its_attempt"],
    ),
    Guard(
        "report: only while it is open",
        LIFECYCLE,
        "if undecided and image.attempt.attempt_id == attempt_id:",
        "if image.attempt.attempt_id == attempt_id:",
        [MODEL, STEPS + "test_the_same_report_counts_once"],
    ),
    Guard(
        "stored: of this attempt",
        LIFECYCLE,
        'if not (image.state == "GENERATED" or given_up) or image.attempt.attempt_id != attempt_id:',
        'if not (image.state == "GENERATED" or given_up):',
        [CLAUSES + "test_a_late_image_of_an_earlier_attempt_is_not_taken_for_the_one_that_counts"],
    ),
    Guard(
        "attempts: at most three",
        LIFECYCLE,
        "and _attempts_since(image, again_since) < MAX_ATTEMPTS:",
        "and True:",
        [
            MODEL,
            "tests/integration/test_provider_faults.py::test_after_three_attempts_known_not_charged_the_image_fails",
        ],
    ),
    Guard(
        "refusal: what was approved",
        EXECUTION,
        "tampered = self._seals.tampered(current) if waiting else None",
        "tampered = None",
        [STEPS + "test_a_job_that_was_tampered_with_is_not_sent"],
    ),
    Guard(
        "refusal: poison",
        EXECUTION,
        "if job.claims >= POISON_CLAIMS and not",
        "if job.claims < 0 and not",
        [STEPS + "test_poison_is_set_aside"],
    ),
    Guard(
        "receive: the spool comes first",
        EXECUTION,
        "            self.spool.write(entry, answer)\n        except",
        "            pass\n        except",
        [STEPS + "test_an_image_waits_in_the_spool_while_the_bucket_is_down"],
    ),
    Guard(
        "deliver: the answer is let go of last",
        EXECUTION,
        "        self._changes.conclude(job.job_id)\n        self.spool.remove(entry.attempt_id)",
        "        self.spool.remove(entry.attempt_id)\n        self._changes.conclude(job.job_id)",
        ["tests/faults/test_bucket.py::test_a_runner_killed_while_it_delivers_leaves_nothing_behind"],
    ),
    Guard(
        "recover: not what this process is at work on",
        EXECUTION,
        " and not in_flight(attempt_id):",
        ":",
        [CLAUSES + "test_a_call_that_this_process_is_at_work_on_is_not_put_in_doubt"],
    ),
    Guard(
        "bucket: never over another object",
        "imagegeneration/storage.py",
        '                IfNoneMatch="*",\n',
        "",
        [CLAUSES + "test_an_object_is_never_put_over_another"],
    ),
    Guard(
        "bucket: what is there is compared",
        "imagegeneration/storage.py",
        "if compare and imaging",
        "if False and imaging",
        [CLAUSES + "test_an_object_is_never_put_over_another"],
    ),
)
