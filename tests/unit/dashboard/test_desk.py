"""The Generate page's memory: nothing typed is lost, and nothing is approved that was not shown."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
import streamlit as st

from imagegeneration.core.actor import LOCAL, Actor
from imagegeneration.core.errors import DatabaseDown, Elsewhere, OverBudget, ProviderFailed, StudioError
from imagegeneration.dashboard.generate import desk as module
from imagegeneration.dashboard.generate import submit, wishes
from imagegeneration.dashboard.generate.desk import Desk, lay, new_draft, open_desk, start_over
from imagegeneration.jobs.bodies import ExecuteBody
from imagegeneration.prompts.draft import Draft, Shown
from imagegeneration.providers.generation import EnhanceBody


class Studio:
    """Answers as the services do, and remembers what it was asked for."""

    def __init__(self) -> None:
        self.approvals = self.enhancement = self.drafts = self
        self.stored: Draft | None = None
        self.fails: StudioError | None = None
        self.approved: list[tuple[ExecuteBody, Shown]] = []

    def save(self, _actor: Actor, draft: Draft) -> Draft:
        """As Drafts.save."""
        if self.fails is not None:
            raise self.fails
        if self.stored is None and draft.version > 0:
            raise Elsewhere("Gone.", is_gone=True, resolution="Start anew.")
        if self.stored is not None and (self.stored.version != draft.version or self.stored.job_id is not None):
            raise Elsewhere("Changed.", job_id=self.stored.job_id, resolution="Choose.")
        self.stored = draft.model_copy(update={"version": draft.version + 1})
        return self.stored

    def version(self, _actor: Actor, _draft_id: str) -> int | None:
        """As Drafts.version."""
        return None if self.stored is None else self.stored.version

    def get(self, _actor: Actor, _draft_id: str) -> Draft | None:
        """As Drafts.get."""
        return self.stored

    def enhance(self, _actor: Actor, body: EnhanceBody) -> str:
        """As Enhancement.enhance."""
        if self.fails is not None:
            raise self.fails
        return f"{body.prompt}, enhanced"

    def approve(
        self,
        _actor: Actor,
        body: ExecuteBody,
        *,
        source: str,
        idempotency_key: str | None,
        shown: Shown,
    ) -> Any:
        """As Approvals.approve."""
        if self.fails is not None:
            raise self.fails
        self.approved.append((body, shown))
        return SimpleNamespace(job_id="imgjob_1")


@pytest.fixture
def studio(monkeypatch: pytest.MonkeyPatch) -> Studio:
    made = Studio()
    monkeypatch.setattr(module, "studio", lambda: made)
    monkeypatch.setattr(submit, "studio", lambda: made)
    monkeypatch.setattr(module, "actor", lambda: LOCAL)
    monkeypatch.setattr(submit, "actor", lambda: LOCAL)
    monkeypatch.setattr(module, "acting", lambda _permission: LOCAL)
    monkeypatch.setattr(submit, "acting", lambda _permission: LOCAL)
    monkeypatch.setattr(st, "query_params", {})
    monkeypatch.setattr(st, "session_state", {})
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
    submit.enhance(desk)
    assert (desk.step, desk.doing) == ("review", None)
    assert desk.draft.final_prompt == desk.draft.suggestion == "a kite, enhanced"


def test_a_suggestion_that_comes_late_does_not_undo_what_was_written_meanwhile(desk: Desk, studio: Studio) -> None:
    studio.stored = desk.draft.model_copy(update={"raw_prompt": "written after a reload", "version": 7})
    submit.enhance(desk)
    assert studio.stored.raw_prompt == "written after a reload"
    assert desk.draft.final_prompt is None


def test_a_failing_enhancer_can_be_asked_again(desk: Desk, studio: Studio) -> None:
    studio.fails = ProviderFailed("It took too long.")
    desk.ask("enhance")
    submit.enhance(desk)
    assert (desk.problem, desk.doing, desk.step) == (studio.fails, None, "describe")
    studio.fails = None
    desk.ask("enhance")
    submit.enhance(desk)
    assert (desk.problem, desk.step) == (None, "review")


def test_wrong_text_is_said_beside_its_field_and_forgotten_when_it_changes(desk: Desk) -> None:
    desk.edit(intent=" ", raw_prompt="x" * 4001)
    submit.use_as_typed(desk)
    assert desk.step == "describe"
    assert desk.field_problems == {
        "intent": "This must not be empty.",
        "raw_prompt": "This has 4001 characters; at most 4000 are allowed.",
    }
    desk.edit(intent="a card")
    assert set(desk.field_problems) == {"raw_prompt"}


def test_an_approval_is_for_what_is_on_the_desk_and_was_shown(desk: Desk, studio: Studio) -> None:
    submit.use_as_typed(desk)
    desk.edit(final_prompt=" a kite at dusk ", image_count=3)
    version = desk.draft.version
    desk.ask("approve", "the hash of what was shown")
    submit.approve(desk)
    ((body, shown),) = studio.approved
    assert (body.final_prompt, body.raw_prompt, body.image_count) == (" a kite at dusk ", "a kite", 3)
    assert shown == Shown(desk.draft.draft_id, version, "the hash of what was shown")
    assert (desk.step, desk.draft.job_id) == ("images", "imgjob_1")


def test_a_second_press_does_nothing(desk: Desk, studio: Studio) -> None:
    submit.use_as_typed(desk)
    desk.ask("approve")
    submit.approve(desk)
    desk.ask("approve")
    assert desk.doing is None
    assert len(studio.approved) == 1


def test_what_could_not_be_stored_is_stored_when_it_comes_again(desk: Desk, studio: Studio) -> None:
    studio.fails = DatabaseDown("The database does not answer.")
    desk.edit(raw_prompt="a red kite")
    studio.fails = None
    desk.edit(raw_prompt="a red kite")
    assert desk.unsaved is None
    assert studio.stored is not None
    assert studio.stored.raw_prompt == "a red kite"


def test_a_change_in_another_window_is_seen_and_not_overwritten(desk: Desk, studio: Studio) -> None:
    assert studio.stored is not None
    assert not desk.look()
    studio.stored = studio.stored.model_copy(update={"raw_prompt": "theirs", "version": studio.stored.version + 1})
    desk.edit(raw_prompt="mine")
    assert desk.elsewhere is not None
    assert studio.stored.raw_prompt == "theirs"
    assert desk.draft.raw_prompt == "mine"


def test_of_two_versions_either_can_be_kept(desk: Desk, studio: Studio) -> None:
    for keeps in (False, True):
        assert studio.stored is not None
        studio.stored = studio.stored.model_copy(update={"raw_prompt": "theirs", "version": studio.stored.version + 1})
        revision = desk.revision
        assert desk.look()
        desk.edit(raw_prompt="mine")
        desk.keep_own() if keeps else desk.take_other()
        assert desk.elsewhere is None
        assert desk.revision > revision
        assert studio.stored.raw_prompt == desk.draft.raw_prompt == ("mine" if keeps else "theirs")


@pytest.mark.parametrize("became", [None, "imgjob_1"], ids=["gone", "a job"])
def test_a_draft_that_is_gone_or_became_a_job_is_not_stored_anew(
    desk: Desk, studio: Studio, became: str | None
) -> None:
    stored = None if became is None else desk.draft.model_copy(update={"job_id": became})
    studio.stored = stored  # one that is gone may have been a job, too
    desk.edit(raw_prompt="typed a week later")
    desk.keep_own()
    assert desk.elsewhere is not None
    assert (desk.elsewhere.is_gone, desk.elsewhere.job_id) == (became is None, became)
    assert studio.stored == stored


def test_new_images_with_the_text_of_a_draft_that_is_gone_are_another_draft(desk: Desk, studio: Studio) -> None:
    studio.stored = None
    start_over(desk.draft.model_copy(update={"version": 7}))
    stored = studio.get(LOCAL, st.query_params["draft"])
    assert stored is not None
    assert stored.draft_id == st.query_params["draft"] != desk.draft.draft_id
    assert (stored.raw_prompt, stored.version) == ("a kite", 1)


def test_every_final_prompt_that_a_button_replaced_comes_back(desk: Desk) -> None:
    submit.enhance(desk)
    desk.edit(final_prompt="edited by hand")
    wishes.put_prompt(desk, "a kite")
    wishes.put_prompt(desk, "a kite, enhanced")
    desk.rewrite(True)
    desk.edit(raw_prompt="a boat")
    submit.enhance(desk)
    found = set()
    for _ in desk.draft.previous_prompts:
        wishes.undo(desk)
        found.add(desk.draft.final_prompt)
    assert "edited by hand" in found
    wishes.undo(desk)
    assert desk.draft.final_prompt == "a boat, enhanced"


def test_after_an_approval_the_page_begins_a_new_request(desk: Desk) -> None:
    lay(desk)
    submit.use_as_typed(desk)
    desk.ask("approve")
    submit.approve(desk)
    del st.query_params["draft"]  # back on the page by the menu
    assert open_desk().draft.draft_id != desk.draft.draft_id


def test_a_refused_approval_keeps_the_draft(desk: Desk, studio: Studio) -> None:
    submit.use_as_typed(desk)
    studio.fails = OverBudget("Too little is left.", resets_at=datetime(2026, 11, 22, tzinfo=UTC))
    desk.ask("approve")
    submit.approve(desk)
    assert (desk.problem, desk.doing, desk.step) == (studio.fails, None, "review")


def test_a_draft_that_was_approved_elsewhere_says_where_it_is(desk: Desk, studio: Studio) -> None:
    submit.use_as_typed(desk)
    studio.fails = Elsewhere("Already approved in another window.", job_id="imgjob_2", resolution="Open the job.")
    desk.ask("approve")
    submit.approve(desk)
    assert desk.elsewhere is studio.fails
    assert desk.problem is None


def test_an_approved_draft_stays_as_it_was_approved(desk: Desk) -> None:
    submit.use_as_typed(desk)
    desk.ask("approve")
    submit.approve(desk)
    desk.edit(final_prompt="typed a moment too late")
    assert desk.draft.final_prompt == "a kite"


def test_a_draft_like_another_has_its_texts_and_nothing_else(desk: Desk) -> None:
    submit.use_as_typed(desk)
    desk.edit(image_count=4)
    desk.ask("approve")
    submit.approve(desk)
    again = new_draft(like=desk.draft)
    assert again.draft_id != desk.draft.draft_id
    assert again.job_id is None
    assert (again.intent, again.raw_prompt, again.final_prompt, again.image_count) == ("a card", "a kite", "a kite", 4)
