"""Every bad answer of a provider ends in words, with the money where it belongs (DESIGN.md, section 4)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pymongo.database import Database

from imagegeneration.bootstrap import Studio, build_studio
from imagegeneration.core.actor import LOCAL
from imagegeneration.core.errors import Undecided
from imagegeneration.local.sandbox import Sandbox
from imagegeneration.local.sandbox.faults import FaultKind
from imagegeneration.runner.worker import Worker
from imagegeneration.settings import Settings
from tests.integration.conftest import approve, assert_money_adds_up, one_round, resume, run_to_the_end
from tests.support import wait_until


@pytest.mark.parametrize(
    ("fault", "error_code", "certainty", "state"),
    [
        ("moderation", "MODERATION", "not_charged", "FAILED"),
        ("400", "PROVIDER", "not_charged", "FAILED"),
        ("401", "PROVIDER", "not_charged", "FAILED"),
        ("403", "PROVIDER", "not_charged", "FAILED"),
        ("429_quota", "PROVIDER", "not_charged", "FAILED"),
        ("500_html", "INTERRUPTED", "unknown", "UNKNOWN"),
        ("reset", "INTERRUPTED", "unknown", "UNKNOWN"),
        ("reset_after_billing", "INTERRUPTED", "unknown", "UNKNOWN"),
        ("junk_base64", "PROVIDER", "charged", "FAILED"),
        ("html_200", "PROVIDER", "charged", "FAILED"),
        ("one_byte_png", "PROVIDER", "charged", "FAILED"),
        ("huge_png", "PROVIDER", "charged", "FAILED"),
        ("truncated", "PROVIDER", "charged", "FAILED"),
        ("empty_data", "PROVIDER", "charged", "FAILED"),
    ],
)
def test_a_bad_answer_fails_the_job_in_words_and_the_runner_goes_on(
    studio: Studio,
    worker: Worker,
    sandbox: Sandbox,
    database: Database[dict[str, Any]],
    fault: FaultKind,
    error_code: str,
    certainty: str,
    state: str,
) -> None:
    sandbox.set_fault(fault, count=1)
    job = run_to_the_end(studio, worker, approve(studio).job_id)
    assert (job.status, job.error_code) == ("FAILED", error_code)
    assert job.error
    assert len(job.error) > 20
    attempt = job.images[0].attempt
    assert (job.images[0].state, attempt.certainty) == (state, certainty)
    assert (attempt.cost_micros > 0) == (certainty != "not_charged")
    assert job.held_micros == 0
    assert_money_adds_up(database)
    if fault in ("401", "403", "429_quota"):
        wait_until(lambda: studio.pauses.board.of_provider("sandbox"), "the provider is paused")
        resume(studio, "provider:sandbox", "the account is in order again")
    assert run_to_the_end(studio, worker, approve(studio).job_id).status == "DONE"


@pytest.mark.parametrize("fault", ["429", "500", "503"])
def test_a_failure_that_may_pass_is_tried_again_under_the_same_hold(
    studio: Studio, worker: Worker, sandbox: Sandbox, database: Database[dict[str, Any]], fault: FaultKind
) -> None:
    sandbox.set_fault(fault, count=1, retry_after=0)
    job = run_to_the_end(studio, worker, approve(studio).job_id)
    assert job.status == "DONE"
    assert [attempt.outcome for attempt in job.images[0].attempts] == ["unavailable", "generated"]
    assert database.ledger.count_documents({"kind": "hold"}) == 1
    assert_money_adds_up(database)


def test_after_three_attempts_known_not_charged_the_image_fails(
    studio: Studio, worker: Worker, sandbox: Sandbox, database: Database[dict[str, Any]]
) -> None:
    sandbox.set_fault("429", count=-1, retry_after=0)
    job = run_to_the_end(studio, worker, approve(studio).job_id, seconds=40)
    assert (job.status, job.error_code) == ("FAILED", "PROVIDER")
    assert len(job.images[0].attempts) == 3
    assert (job.cost_micros, studio.spending.today(LOCAL).held_micros) == (0, 0)
    assert sandbox.calls == []
    assert_money_adds_up(database)


@pytest.fixture
def impatient(settings: Settings) -> Iterator[Studio]:
    """A studio that waits one second for an image."""
    built = build_studio(settings.model_copy(update={"provider_timeout_seconds": 1.0}))
    yield built
    built.close()


def test_a_time_out_is_in_doubt_and_is_never_repeated_by_itself(impatient: Studio, sandbox: Sandbox) -> None:
    sandbox.set_fault("hang", count=1)
    job = approve(impatient)
    one_round(impatient)
    failed = impatient.queries.get(LOCAL, job.job_id)
    assert (failed.status, failed.error_code, failed.images[0].state) == ("FAILED", "INTERRUPTED", "UNKNOWN")
    assert impatient.spending.today(LOCAL).spent_micros == job.approval.quoted_micros
    one_round(impatient)
    assert len(impatient.queries.get(LOCAL, job.job_id).images[0].attempts) == 1


def test_a_slow_drip_ends_at_the_deadline(impatient: Studio, sandbox: Sandbox) -> None:
    sandbox.set_fault("slow_drip", count=1, delay=0.3)
    job = approve(impatient)
    one_round(impatient)
    assert impatient.queries.get(LOCAL, job.job_id).error_code == "INTERRUPTED"


def test_images_already_made_stay_and_retry_makes_only_the_missing(
    studio: Studio, worker: Worker, sandbox: Sandbox, database: Database[dict[str, Any]]
) -> None:
    sandbox.set_fault("moderation", count=1)
    job = run_to_the_end(studio, worker, approve(studio, image_count=3).job_id)
    assert (job.status, len(job.cdn_urls)) == ("FAILED", 2)
    assert job.error is not None
    assert "2 of 3" in job.error
    kept = [image.url for image in job.images if image.state == "STORED"]
    quote = studio.approvals.retry_quote(LOCAL, job.job_id)
    assert (quote.missing, quote.unknown) == (1, 0)
    studio.approvals.retry(LOCAL, job.job_id, accept_micros=quote.total_micros)
    done = run_to_the_end(studio, worker, job.job_id)
    assert done.status == "DONE"
    assert len(done.cdn_urls) == 3
    assert set(kept) < set(done.cdn_urls)
    assert len(sandbox.calls) == 3
    assert len(done.retries) == 1
    assert_money_adds_up(database)


def test_an_image_perhaps_charged_is_retried_only_with_consent(
    studio: Studio, worker: Worker, sandbox: Sandbox, database: Database[dict[str, Any]]
) -> None:
    sandbox.set_fault("reset_after_billing", count=1)
    job = run_to_the_end(studio, worker, approve(studio).job_id)
    quote = studio.approvals.retry_quote(LOCAL, job.job_id)
    assert (quote.unknown, quote.unknown_micros) == (1, job.approval.quoted_micros)
    with pytest.raises(Undecided, match="perhaps charged"):
        studio.approvals.retry(LOCAL, job.job_id, accept_micros=quote.total_micros)
    studio.approvals.retry(LOCAL, job.job_id, accept_micros=quote.total_micros, accept_unknown=True)
    done = run_to_the_end(studio, worker, job.job_id)
    assert done.status == "DONE"
    assert len(sandbox.calls) == 2
    assert_money_adds_up(database)


def test_a_bill_without_usage_is_counted_at_the_hold_never_at_nothing(
    studio: Studio, worker: Worker, sandbox: Sandbox
) -> None:
    sandbox.set_fault("no_usage", count=1)
    job = run_to_the_end(studio, worker, approve(studio).job_id)
    attempt = job.images[0].attempt
    assert (job.status, attempt.usage, attempt.cost_micros) == ("DONE", None, attempt.held_micros)


def test_a_provider_that_cannot_be_reached_is_not_charged(settings: Settings, sandbox: Sandbox) -> None:
    lonely = build_studio(settings.model_copy(update={"sandbox_url": "http://127.0.0.1:9/v1"}))
    job = approve(lonely)
    one_round(lonely)
    image = lonely.queries.get(LOCAL, job.job_id).images[0]
    assert (image.state, image.attempts[0].certainty, len(image.attempts)) == ("HELD", "not_charged", 2)
    lonely.close()
