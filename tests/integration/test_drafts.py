"""Drafts on a real database: one job at most, only what was shown, no window over another, and a bounded number."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from threading import Barrier
from typing import Any

import pytest
from pymongo.database import Database

from imagegeneration.bootstrap import Studio, build_studio
from imagegeneration.core.actor import LOCAL
from imagegeneration.core.errors import DatabaseDown, Elsewhere, WrongState
from imagegeneration.core.ids import new_id
from imagegeneration.jobs.bodies import ExecuteBody
from imagegeneration.jobs.job import Job
from imagegeneration.models.plan import GenerationPlan
from imagegeneration.money.price import Price
from imagegeneration.prompts import draft_store as module
from imagegeneration.prompts.draft import Draft, Shown
from imagegeneration.settings import Settings
from tests.integration.conftest import body


@pytest.fixture
def draft(studio: Studio) -> Draft:
    """A stored draft."""
    return studio.drafts.save(LOCAL, new(studio))


def new(studio: Studio, **fields: Any) -> Draft:
    return Draft(draft_id=new_id("draft"), user_id="local", updated_at=studio.runners.now()).model_copy(update=fields)


def seen(studio: Studio, draft: Draft, wanted: ExecuteBody) -> Shown:
    """What the screen showed of this request."""
    quote = studio.selector.quote_default(wanted.final_prompt, wanted.image_count, LOCAL.user_id)
    return Shown(draft.draft_id, draft.version, quote.sha256)


def approve(studio: Studio, wanted: ExecuteBody, shown: Shown) -> Job:
    return studio.approvals.approve(LOCAL, wanted, source="dashboard", idempotency_key=None, shown=shown)


def test_a_draft_is_never_paid_for_twice_however_old_its_window_is(
    studio: Studio, draft: Draft, database: Database[dict[str, Any]]
) -> None:
    wanted = body()
    job = approve(studio, wanted, seen(studio, draft, wanted))
    database.idempotency.delete_many({})  # as they expire after a day
    kept = studio.drafts.get(LOCAL, draft.draft_id)
    assert kept is not None
    assert kept.job_id == job.job_id
    for window in (draft, kept):
        with pytest.raises(Elsewhere, match="Already approved in another window") as refused:
            approve(studio, wanted, seen(studio, window, wanted))
        assert (refused.value.code, refused.value.job_id) == ("IMG_011", job.job_id)
    assert database.jobs.count_documents({}) == 1


def test_a_draft_that_has_expired_is_not_approved(
    studio: Studio, draft: Draft, database: Database[dict[str, Any]]
) -> None:
    database.drafts.delete_many({})
    with pytest.raises(Elsewhere, match="not kept any more"):
        approve(studio, body(), seen(studio, draft, body()))
    assert database.jobs.count_documents({}) == 0


def test_a_draft_that_was_a_job_and_has_expired_is_not_stored_anew(
    studio: Studio, draft: Draft, database: Database[dict[str, Any]]
) -> None:
    approve(studio, body(), seen(studio, draft, body()))
    database.drafts.delete_many({})
    with pytest.raises(Elsewhere, match="not kept any more") as refused:
        studio.drafts.save(LOCAL, draft.model_copy(update={"raw_prompt": "typed a week later"}))
    assert refused.value.is_gone
    assert database.drafts.count_documents({}) == 0


def test_windows_that_approve_at_once_make_one_job(
    studio: Studio, draft: Draft, database: Database[dict[str, Any]]
) -> None:
    def press(number: int) -> bool:
        wanted = body(f"a kite {number}")
        try:
            approve(studio, wanted, seen(studio, draft, wanted))
        except Elsewhere:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(press, range(4))) == 1
    assert database.jobs.count_documents({}) == 1
    assert database.ledger.count_documents({}) == 1


@pytest.mark.parametrize(
    "changed",
    [{"final_prompt": "another text"}, {"image_count": 2}],
    ids=["prompt", "count"],
)
def test_what_the_screen_did_not_show_is_refused(
    studio: Studio, draft: Draft, database: Database[dict[str, Any]], changed: dict[str, Any]
) -> None:
    shown = seen(studio, draft, body())
    with pytest.raises(WrongState, match="not what was on the screen") as refused:
        approve(studio, body().model_copy(update=changed), shown)
    assert "Nothing was approved" in refused.value.resolution
    assert database.jobs.count_documents({}) == 0


@pytest.mark.parametrize("part", ["options", "price"])
def test_other_options_or_another_price_than_shown_are_refused(studio: Studio, draft: Draft, part: str) -> None:
    wanted = body()
    quote = studio.selector.quote_default(wanted.final_prompt, 1, LOCAL.user_id)
    if part == "options":
        other = quote.plan.request.model_copy(update={"size": "256x256"})
        quote = replace(quote, plan=GenerationPlan(request=other))
    else:
        quote = replace(quote, prices=[Price(micros=quote.total_micros - 1)])
    shown = Shown(draft.draft_id, draft.version, quote.sha256)
    with pytest.raises(WrongState, match="not what was on the screen"):
        approve(studio, wanted, shown)


def test_a_draft_that_was_changed_elsewhere_is_not_approved(studio: Studio, draft: Draft) -> None:
    studio.drafts.save(LOCAL, draft.model_copy(update={"final_prompt": "theirs"}))
    with pytest.raises(Elsewhere, match="was changed in another window") as refused:
        approve(studio, body(), seen(studio, draft, body()))
    assert refused.value.job_id is None


def test_a_draft_keeps_what_was_typed_to_the_letter(studio: Studio, draft: Draft) -> None:
    typed = draft.model_copy(update={"intent": "$intent", "raw_prompt": "{$x: 1}", "previous_prompts": ("$a",)})
    saved = studio.drafts.save(LOCAL, typed)
    assert saved == studio.drafts.get(LOCAL, draft.draft_id)
    assert saved.says_the_same(typed)
    assert saved.version == draft.version + 1


def test_an_older_version_does_not_overwrite_a_newer_one(studio: Studio, draft: Draft) -> None:
    theirs = studio.drafts.save(LOCAL, draft.model_copy(update={"final_prompt": "theirs"}))
    with pytest.raises(Elsewhere):
        studio.drafts.save(LOCAL, draft.model_copy(update={"intent": "mine"}))
    assert studio.drafts.get(LOCAL, draft.draft_id) == theirs
    first = new(studio, raw_prompt="two first saves")
    studio.drafts.save(LOCAL, first)
    with pytest.raises(Elsewhere):
        studio.drafts.save(LOCAL, first.model_copy(update={"raw_prompt": "at once"}))


def test_a_save_whose_answer_was_lost_is_no_change_by_another(studio: Studio, draft: Draft) -> None:
    mine = draft.model_copy(update={"raw_prompt": "mine"})
    stored = studio.drafts.save(LOCAL, mine)
    assert studio.drafts.save(LOCAL, mine) == stored


def test_a_person_has_so_many_drafts_and_the_oldest_unapproved_gives_way(
    studio: Studio, monkeypatch: pytest.MonkeyPatch, database: Database[dict[str, Any]]
) -> None:
    monkeypatch.setattr(module, "MOST_OPEN", 3)
    approved = studio.drafts.save(LOCAL, new(studio))
    approve(studio, body(), seen(studio, approved, body()))
    another = Draft(draft_id=new_id("draft"), user_id="another", updated_at=studio.runners.now())
    studio.drafts.save(LOCAL.model_copy(update={"user_id": "another"}), another)
    made = [studio.drafts.save(LOCAL, new(studio, intent=str(number))) for number in range(6)]
    kept = {found["draftId"] for found in database.drafts.find({})}
    assert kept == {approved.draft_id, another.draft_id, *(one.draft_id for one in made[-3:])}


def test_a_draft_is_stored_though_the_oldest_cannot_be_deleted(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any) -> None:
        raise DatabaseDown("It is away.")

    monkeypatch.setattr(module.DraftStore, "_prune", away)
    saved = studio.drafts.save(LOCAL, new(studio, intent="kept"))
    assert studio.drafts.get(LOCAL, saved.draft_id) == saved
    changed = studio.drafts.save(LOCAL, saved.model_copy(update={"intent": "changed"}))
    assert changed.version == 2


def test_two_new_drafts_at_once_stay_within_the_limit(
    studio: Studio, settings: Settings, monkeypatch: pytest.MonkeyPatch, database: Database[dict[str, Any]]
) -> None:
    monkeypatch.setattr(module, "MOST_OPEN", 3)
    for number in range(2):  # each of two more is within the limit, both are not
        studio.drafts.save(LOCAL, new(studio, intent=str(number)))
    both_wrote, swap = Barrier(2), module.DraftStore._swap

    def wait_after(*args: Any, **options: Any) -> Any:
        found = swap(*args, **options)
        both_wrote.wait(10)  # both are stored before either deletes what is beyond the limit
        return found

    other = build_studio(settings)  # as another process: one alone makes its transactions one by one
    monkeypatch.setattr(module.DraftStore, "_swap", wait_after)
    with closing(other), ThreadPoolExecutor(2) as pool:
        made = list(pool.map(lambda process: process.drafts.save(LOCAL, new(process)).draft_id, (studio, other)))
    kept = [found["draftId"] for found in database.drafts.find({})]
    assert len(kept) == 3
    assert set(made) <= set(kept)
