"""The Generate page's memory: nothing typed is lost, and nothing is approved that was not shown."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from imagegeneration.domain.actor import LOCAL, Actor
from imagegeneration.domain.draft import Draft
from imagegeneration.domain.generation import EnhanceBody, ExecuteBody, GenerationParameters
from imagegeneration.errors import DatabaseDown, InvalidRequest, OverBudget, ProviderFailed, StudioError
from imagegeneration.ui import desk as module
from imagegeneration.ui.desk import Desk, new_draft


class Studio:
    """Answers as the services do, and remembers what it was asked for."""

    def __init__(self) -> None:
        self.jobs = self.enhancement = self.drafts = self
        self.stored: Draft | None = None
        self.fails: StudioError | None = None
        self.price = 20_000
        self.quoted: GenerationParameters | None = None
        self.chosen: GenerationParameters | None = None
        self.approved: list[tuple[ExecuteBody, str]] = []

    def save(self, _actor: Actor, draft: Draft) -> Draft:
        """As Drafts.save."""
        if self.fails is not None:
            raise self.fails
        self.stored = draft
        return draft

    def get(self, _actor: Actor, _draft_id: str) -> Draft | None:
        """As Drafts.get."""
        return self.stored

    def enhance(self, _actor: Actor, body: EnhanceBody) -> str:
        """As Enhancement.enhance."""
        if self.fails is not None:
            raise self.fails
        return f"{body.prompt}, enhanced"

    def quote(self, _final_prompt: str, image_count: int, request: GenerationParameters | None = None) -> int:
        """As Jobs.quote."""
        self.quoted = request
        return self.price * image_count

    def approve(
        self,
        _actor: Actor,
        body: ExecuteBody,
        *,
        source: str,
        idempotency_key: str,
        choose: Callable[[], GenerationParameters] | None = None,
    ) -> Any:
        """As Jobs.approve."""
        self.chosen = None if choose is None else choose()
        if self.fails is not None:
            raise self.fails
        self.approved.append((body, idempotency_key))
        return SimpleNamespace(job_id="imgjob_1")


@pytest.fixture
def studio(monkeypatch: pytest.MonkeyPatch) -> Studio:
    made = Studio()
    monkeypatch.setattr(module, "studio", lambda: made)
    monkeypatch.setattr(module, "actor", lambda: LOCAL)
    monkeypatch.setattr(module, "acting", lambda _permission: LOCAL)
    return made


@pytest.fixture
def desk(studio: Studio) -> Desk:
    made = Desk(new_draft())
    made.edit(intent="a card", raw_prompt="a kite")
    return made


def test_every_edit_is_stored(desk: Desk, studio: Studio) -> None:
    desk.edit(raw_prompt="a red kite")
    assert studio.stored is not None
    assert studio.stored.raw_prompt == "a red kite"


def test_what_cannot_be_stored_stays_on_the_screen_and_is_said(desk: Desk, studio: Studio) -> None:
    studio.fails = DatabaseDown("The database does not answer.")
    desk.edit(raw_prompt="a red kite")
    assert desk.draft.raw_prompt == "a red kite"
    assert desk.unsaved is studio.fails
    studio.fails = None
    desk.edit(raw_prompt="a blue kite")
    assert desk.unsaved is None


def test_enhancing_leads_to_the_review(desk: Desk) -> None:
    desk.ask("enhance")
    desk.enhance()
    assert (desk.step, desk.doing) == ("review", None)
    assert desk.draft.final_prompt == desk.draft.suggestion == "a kite, enhanced"


def test_a_suggestion_that_comes_late_does_not_undo_what_was_written_meanwhile(desk: Desk, studio: Studio) -> None:
    studio.stored = desk.draft.model_copy(update={"raw_prompt": "written after a reload"})
    desk.enhance()
    assert studio.stored.raw_prompt == "written after a reload"
    assert desk.draft.final_prompt is None


def test_a_failing_enhancer_can_be_asked_again(desk: Desk, studio: Studio) -> None:
    studio.fails = ProviderFailed("It took too long.")
    desk.ask("enhance")
    desk.enhance()
    assert (desk.problem, desk.doing, desk.step) == (studio.fails, None, "describe")
    studio.fails = None
    desk.ask("enhance")
    desk.enhance()
    assert (desk.problem, desk.step) == (None, "review")


def test_wrong_text_is_said_beside_its_field_and_forgotten_when_it_changes(desk: Desk) -> None:
    desk.edit(intent=" ", raw_prompt="x" * 4001)
    desk.use_as_typed()
    assert desk.step == "describe"
    assert desk.field_problems == {
        "intent": "This must not be empty.",
        "raw_prompt": "This has 4001 characters; at most 4000 are allowed.",
    }
    desk.edit(intent="a card")
    assert set(desk.field_problems) == {"raw_prompt"}


def test_an_approval_is_for_what_is_on_the_desk_under_the_drafts_id(desk: Desk, studio: Studio) -> None:
    desk.use_as_typed()
    desk.edit(final_prompt=" a kite at dusk ", image_count=3)
    desk.ask("approve", 60_000)
    desk.approve()
    ((body, key),) = studio.approved
    assert (body.final_prompt, body.raw_prompt, body.image_count) == (" a kite at dusk ", "a kite", 3)
    assert key == desk.draft.draft_id
    assert (desk.step, desk.draft.job_id) == ("images", "imgjob_1")


def test_a_second_press_does_nothing(desk: Desk, studio: Studio) -> None:
    desk.use_as_typed()
    desk.ask("approve", 20_000)
    desk.approve()
    desk.ask("approve", 20_000)
    assert desk.doing is None
    assert len(studio.approved) == 1


def test_a_price_above_the_shown_one_is_shown_first(desk: Desk, studio: Studio) -> None:
    desk.use_as_typed()
    studio.price = 20_001
    desk.ask("approve", 20_000)
    desk.approve()
    assert studio.approved == []
    assert desk.problem is not None
    assert "up to $0.03 now" in desk.problem.message
    desk.ask("approve", 20_001)
    desk.approve()
    assert len(studio.approved) == 1


def test_a_price_that_reads_the_same_is_the_shown_one(desk: Desk, studio: Studio) -> None:
    desk.use_as_typed()
    studio.price = 19_990
    desk.ask("approve", 13_230)
    desk.approve()
    assert len(studio.approved) == 1


def test_a_refused_approval_keeps_the_draft(desk: Desk, studio: Studio) -> None:
    desk.use_as_typed()
    studio.fails = OverBudget("Too little is left.", resets_at=datetime(2026, 11, 22, tzinfo=UTC))
    desk.ask("approve", 20_000)
    desk.approve()
    assert (desk.problem, desk.doing, desk.step) == (studio.fails, None, "review")


def test_a_draft_that_was_approved_with_another_text_says_where_it_is(desk: Desk, studio: Studio) -> None:
    desk.use_as_typed()
    studio.fails = InvalidRequest("This key stood for another request.")
    desk.ask("approve", 20_000)
    desk.approve()
    assert desk.problem is not None
    assert "in Jobs" in desk.problem.resolution


def test_an_approved_draft_stays_as_it_was_approved(desk: Desk) -> None:
    desk.use_as_typed()
    desk.ask("approve", 20_000)
    desk.approve()
    desk.edit(final_prompt="typed a moment too late")
    assert desk.draft.final_prompt == "a kite"


def test_a_draft_like_another_has_its_texts_and_nothing_else(desk: Desk) -> None:
    desk.use_as_typed()
    desk.edit(image_count=4)
    desk.ask("approve", 100_000)
    desk.approve()
    again = new_draft(like=desk.draft)
    assert again.draft_id != desk.draft.draft_id
    assert again.job_id is None
    assert (again.intent, again.raw_prompt, again.final_prompt, again.image_count) == ("a card", "a kite", "a kite", 4)
