"""The final prompt is checked before an approval becomes a job, by policy (ADR 14)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest
from pydantic import SecretStr
from pymongo.database import Database
from starlette.testclient import TestClient

from imagegeneration.api.app import build_asgi
from imagegeneration.bootstrap import Studio, build_studio
from imagegeneration.core.actor import LOCAL
from imagegeneration.core.errors import PromptRefused, ProviderFailed
from imagegeneration.jobs.bodies import ExecuteBody
from imagegeneration.jobs.job import Job
from imagegeneration.local.sandbox import Sandbox
from imagegeneration.local.sandbox.faults import FaultKind
from imagegeneration.models.plan import GenerationPlan
from imagegeneration.models.quotes import Quotes
from imagegeneration.models.selector import ModelSelector
from imagegeneration.prompts import moderator as module
from imagegeneration.prompts.moderation import Moderation, ModerationPolicy
from imagegeneration.settings import Settings
from tests.integration.conftest import approve, assert_money_adds_up, body, one_round

FLAGGED = "a battle [sandbox:flagged]"
WRITTEN = ("jobs", "ledger", "idempotency", "audit")
AWAY: list[FaultKind] = ["401", "429", "500", "500_html", "503", "reset", "html_200", "truncated"]

Build = Callable[[ModerationPolicy], Studio]


@pytest.fixture
def under(settings: Settings) -> Iterator[Build]:
    """Builds a studio with a policy."""
    built: list[Studio] = []

    def build(policy: ModerationPolicy) -> Studio:
        built.append(build_studio(settings.model_copy(update={"moderation_policy": policy})))
        return built[-1]

    yield build
    for one in built:
        one.close()


def written(database: Database[dict[str, Any]]) -> dict[str, int]:
    return {name: database[name].count_documents({}) for name in WRITTEN}


def client(studio: Studio) -> TestClient:
    return TestClient(build_asgi(lambda: studio), base_url="http://127.0.0.1", raise_server_exceptions=False)


def test_without_a_policy_nothing_is_asked(under: Build, sandbox: Sandbox) -> None:
    sandbox.set_fault("500", target="moderation", count=-1)
    assert approve(under("off"), FLAGGED).approval.moderation is None


def test_block_refuses_in_words_and_writes_nothing(under: Build, database: Database[dict[str, Any]]) -> None:
    studio = under("block")
    before = written(database)
    with pytest.raises(PromptRefused, match=r"The moderation found: violence, graphic violence\.") as refused:
        approve(studio, FLAGGED)
    assert "charged" in refused.value.resolution
    assert written(database) == before
    assert studio.spending.today(LOCAL).held_micros == 0


def test_block_lets_pass_what_was_checked(under: Build) -> None:
    found = approve(under("block")).approval.moderation
    assert found is not None
    assert (found.policy, found.outcome, found.categories) == ("block", "passed", ())


@pytest.mark.parametrize("fault", AWAY)
def test_block_is_closed_while_nothing_can_be_checked(
    under: Build, sandbox: Sandbox, database: Database[dict[str, Any]], fault: FaultKind
) -> None:
    studio = under("block")
    sandbox.set_fault(fault, target="moderation")
    before = written(database)
    with pytest.raises(ProviderFailed, match="could not be checked"):
        approve(studio)
    assert written(database) == before
    assert approve(studio).status == "QUEUED", "and open again once it answers"


@pytest.mark.parametrize("fault", AWAY)
def test_flag_goes_on_unchecked_and_says_so(under: Build, sandbox: Sandbox, fault: FaultKind) -> None:
    studio = under("flag")
    sandbox.set_fault(fault, target="moderation")
    job = approve(studio)
    assert job.approval.moderation == Moderation(policy="flag", outcome="not_checked")
    (entry,) = studio.audit.find(subject=job.job_id, limit=10)
    assert "not checked" in entry.reason


@pytest.mark.parametrize(("fault", "delay"), [("hang", 0), ("slow_drip", 0.1), ("delay", 5)])
def test_a_service_that_takes_too_long_is_away(
    under: Build, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, fault: FaultKind, delay: float
) -> None:
    monkeypatch.setattr(module, "DEADLINE_SECONDS", 0.3)
    sandbox.set_fault(fault, target="moderation", delay=delay)
    with pytest.raises(ProviderFailed, match="could not be checked"):
        approve(under("block"))


def test_a_finding_is_recorded_shown_and_audited(under: Build, database: Database[dict[str, Any]]) -> None:
    studio = under("flag")
    with client(studio) as program:
        sent = {"intent": "a card", "rawPrompt": "a battle", "finalPrompt": FLAGGED}
        job_id = program.post("/image/execute-prompt", json=sent).raise_for_status().json()["jobId"]
        found = program.get(f"/image/jobs/{job_id}").json()["job"]["approval"]["moderation"]
    assert found == {
        "policy": "flag",
        "outcome": "flagged",
        "model": "sandbox-moderation (no text is looked at)",
        "categories": ["violence", "violence/graphic"],
    }
    assert database.jobs.find_one({"jobId": job_id}, {"approval.moderation": 1})["approval"]["moderation"] == found  # type: ignore[index]  # it is there
    (entry,) = studio.audit.find(subject=job_id, limit=10)
    assert entry.reason == "The moderation found: violence, graphic violence."
    assert '"violence/graphic"' in (entry.after or "")


def test_the_final_prompt_is_checked_and_nothing_else(under: Build) -> None:
    studio = under("block")
    harmless = ExecuteBody(
        intent="[sandbox:flagged]", raw_prompt="[sandbox:flagged]", final_prompt="a kite", image_count=1
    )
    assert studio.approvals.approve(LOCAL, harmless, source="dashboard", idempotency_key=None).status == "QUEUED"


def test_a_request_that_is_sent_again_is_not_checked_again(under: Build, sandbox: Sandbox) -> None:
    with client(under("block")) as program:
        sent = {"intent": "a card", "rawPrompt": "a kite", "finalPrompt": "a red kite"}
        headers = {"Idempotency-Key": "card-1"}
        first = program.post("/image/execute-prompt", json=sent, headers=headers)
        sandbox.set_fault("flagged", count=-1)
        again = program.post("/image/execute-prompt", json=sent, headers=headers)
        assert (again.status_code, again.json()) == (202, first.json())
        assert program.post("/image/execute-prompt", json=sent).status_code == 422, "it would be refused now"


def test_a_refusal_uses_up_no_key(under: Build, sandbox: Sandbox) -> None:
    with client(under("block")) as program:
        sent = {"intent": "a card", "rawPrompt": "a kite", "finalPrompt": "a red kite"}
        headers = {"Idempotency-Key": "card-1"}
        sandbox.set_fault("flagged")
        refused = program.post("/image/execute-prompt", json=sent, headers=headers)
        assert (refused.status_code, refused.json()["error"]["code"]) == (422, "IMG_003")
        sandbox.set_fault("503", target="moderation")
        away = program.post("/image/execute-prompt", json=sent, headers=headers)
        assert (away.status_code, away.json()["error"]["code"]) == (502, "IMG_002")
        assert program.post("/image/execute-prompt", json=sent, headers=headers).status_code == 202


def test_a_retry_is_checked_too(under: Build, sandbox: Sandbox, database: Database[dict[str, Any]]) -> None:
    studio = under("block")
    job = approve(studio)
    sandbox.set_fault("400")
    one_round(studio)
    price = studio.approvals.retry_quote(LOCAL, job.job_id).total_micros
    sandbox.set_fault("flagged")
    with pytest.raises(PromptRefused):
        studio.approvals.retry(LOCAL, job.job_id, accept_micros=price)
    assert studio.queries.get(LOCAL, job.job_id).status == "FAILED"
    (retried,) = studio.approvals.retry(LOCAL, job.job_id, accept_micros=price).retries
    assert retried.moderation is not None
    assert retried.moderation.outcome == "passed"
    assert_money_adds_up(database)


def test_moderation_is_no_billable_call_and_moves_no_money(
    under: Build, sandbox: Sandbox, database: Database[dict[str, Any]]
) -> None:
    unmoderated = approve(under("off")).approval.quoted_micros
    assert approve(under("block")).approval.quoted_micros == unmoderated
    assert sandbox.calls == []
    assert_money_adds_up(database)


@pytest.mark.parametrize("place", ["request", "alternate"])
def test_a_native_negative_prompt_is_moderated_too(
    settings: Settings,
    sandbox: Sandbox,
    database: Database[dict[str, Any]],
    place: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    more = {"stability_api_key": SecretStr("k"), "openai_base_url": sandbox.url, "moderation_policy": "block"}
    studio = build_studio(settings.model_copy(update=more))
    plain = studio.registry.catalog.model("stable-image-core", date(2026, 11, 29)).usual("stability")
    other = studio.registry.catalog.model("stable-image-ultra", date(2026, 11, 29)).usual("stability")

    quotes = Quotes(studio.registry, studio.conditions, studio.credits)

    def approve_without(negative: str) -> Job:
        hostile = {"negative_prompt": negative}
        plan = (
            GenerationPlan(request=plain.model_copy(update=hostile))
            if place == "request"
            else GenerationPlan(request=plain, alternates=(other.model_copy(update=hostile),), max_extra_micros=10**6)
        )
        monkeypatch.setattr(ModelSelector, "quote_default", lambda _self, *asked: quotes.of(plan, *asked))
        return studio.approvals.approve(LOCAL, body(), source="api", idempotency_key=None)

    try:
        with pytest.raises(PromptRefused, match="The moderation found"):
            approve_without("blur [sandbox:flagged]")
        assert written(database)["jobs"] == 0
        assert approve_without("blur").approval.moderation is not None
    finally:
        studio.close()
