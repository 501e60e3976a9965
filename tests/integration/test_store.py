"""What the database itself guards: validators, indexes, drafts, and its absence in our words."""

from __future__ import annotations

import functools
from datetime import datetime
from typing import Any

import pytest
from pymongo.database import Database
from pymongo.errors import WriteError

from imagegeneration.assets.asset import StoredImage
from imagegeneration.bootstrap import Studio, build_studio
from imagegeneration.core.actor import LOCAL
from imagegeneration.core.errors import ConfigurationError, DatabaseDown, InternalFault
from imagegeneration.core.ids import new_id
from imagegeneration.models.lora import LoraWish
from imagegeneration.models.options import Options
from imagegeneration.mongo.connection import Connection
from imagegeneration.prompts.draft import Draft
from imagegeneration.settings import Settings
from tests.integration.conftest import approve
from tests.support import wait_until

COLLECTIONS = {
    "jobs",
    "images",
    "ledger",
    "budgets",
    "idempotency",
    "drafts",
    "runners",
    "processes",
    "breakers",
    "limits",
    "audit",
    "people",
    "logins",
    "sign_ins",
    "keys",
    "audit_head",
    "credits",
    "credit_entries",
    "provider_checks",
    "provider_paces",
    "loras",
    "events",
}
SPARSE = {
    "budgets": {"provider"},
    "events": {"index", "attemptId", "url", "thumbnailUrl", "code", "message"},
    "images": {"seal"},
    "jobs": {"alternates", "links"},
}
"""Fields that are stored only where they differ from their default."""


def test_every_collection_has_a_validator_and_its_indexes(studio: Studio, database: Database[dict[str, Any]]) -> None:
    found = {info["name"]: info["options"] for info in database.list_collections()}
    assert set(found) == COLLECTIONS
    for name, options in found.items():
        schema = options["validator"]["$jsonSchema"]
        assert schema["additionalProperties"] is False, name
        assert set(schema["required"]) == set(schema["properties"]) - SPARSE.get(name, set()), name
    assert {"turns", "alternates"} <= set(database.jobs.index_information())


def test_a_validator_of_an_earlier_version_is_replaced(
    prepared_anew: None, settings: Settings, studio: Studio, database: Database[dict[str, Any]]
) -> None:
    wanted = database.jobs.options()["validator"]
    database.command("collMod", "jobs", validator={})
    build_studio(settings).close()
    assert database.jobs.options()["validator"] == wanted


@pytest.mark.parametrize(
    "change",
    [
        {"surprise": 1},
        {"status": "LOST"},
        {"imageCount": 6},
        {"cdnUrls": [b"bytes"]},
        {"images.0.state": "NOWHERE"},
        {"images.0.attempts.0.heldMicros": 1.5},
        {"finalPrompt": b"bytes"},
    ],
)
def test_the_database_refuses_a_document_of_another_form(
    studio: Studio, database: Database[dict[str, Any]], change: dict[str, Any]
) -> None:
    job = approve(studio)
    with pytest.raises(WriteError):
        database.jobs.update_one({"jobId": job.job_id}, {"$set": change})


def test_a_refused_document_is_a_fault_and_no_outage_wherever_it_is_added(studio: Studio) -> None:
    """An outage is waited for, a fault is not: a paid image would wait for ever."""
    store = studio._stores.images
    facts: dict[str, Any] = {"image_id": "img_1"}
    refused = StoredImage.model_construct(**facts)
    with pytest.raises(InternalFault):
        studio._stores.connection.transaction(lambda session: store.insert(refused, session=session))


def test_a_second_start_on_the_same_database_changes_nothing(
    studio: Studio, settings: Settings, database: Database[dict[str, Any]]
) -> None:
    before = {name: database[name].index_information() for name in COLLECTIONS}
    build_studio(settings).close()
    assert {name: database[name].index_information() for name in COLLECTIONS} == before


def test_a_list_is_read_in_the_order_of_an_index(studio: Studio, database: Database[dict[str, Any]]) -> None:
    approve(studio)
    listing = database.jobs.find({"userId": "local", "status": "QUEUED"}).sort([("createdAt", -1), ("jobId", -1)])
    plan = str(listing.explain()["queryPlanner"]["winningPlan"])
    assert "IXSCAN" in plan
    assert "'SORT'" not in plan


def test_a_draft_keeps_what_was_chosen_and_lets_go_of_it(studio: Studio) -> None:
    options = Options(
        model="fal-ai/flux-lora", width=1000, height=600, seed=-1, steps=30, guidance=3.0, loras=(LoraWish(path="a/b"),)
    )
    draft = Draft(draft_id=new_id("draft"), user_id="local", updated_at=studio.runners.now())
    chosen = draft.model_copy(update={"options": options, "style": "vintage", "negative_prompt": "$fog"})
    saved = studio.drafts.save(LOCAL, chosen)
    assert saved.options == options
    kept = studio.drafts.get(LOCAL, draft.draft_id)
    assert kept is not None
    assert (kept.options, kept.style, kept.negative_prompt) == (options, "vintage", "$fog")
    assert studio.drafts.save(LOCAL, draft.model_copy(update={"version": saved.version})).options == Options()


def _is_later(studio: Studio, moment: datetime) -> bool:
    return studio.runners.now() > moment


def test_the_latest_approved_draft_is_ones_own(studio: Studio) -> None:
    now = studio.runners.now()
    assert studio.drafts.latest_approved(LOCAL) is None
    for number, job_id in enumerate(["imgjob_1", "imgjob_2", None]):
        draft = Draft(draft_id=f"draft_{number}", user_id="local", updated_at=now, job_id=job_id)
        saved = studio.drafts.save(LOCAL, draft).updated_at
        wait_until(functools.partial(_is_later, studio, saved), "the clock goes on")
    other = LOCAL.model_copy(update={"user_id": "somebody-else"})
    theirs = Draft(draft_id="draft_theirs", user_id="somebody-else", updated_at=now, job_id="imgjob_3")
    studio.drafts.save(other, theirs)
    latest = studio.drafts.latest_approved(LOCAL)
    assert latest is not None
    assert latest.job_id == "imgjob_2"


def test_a_database_that_is_gone_is_img_014() -> None:
    gone = Connection("mongodb://127.0.0.1:9/?serverSelectionTimeoutMS=50", "nothing")
    with pytest.raises(DatabaseDown):
        gone.now()
    with pytest.raises(DatabaseDown):
        gone.ping()
    with pytest.raises(ConfigurationError, match="MONGODB_URI"):
        gone.require_replica_set()
    gone.close()


@pytest.mark.parametrize("uri", ["mongodb://host:port", "mongodb://", "http://localhost"])
def test_a_uri_that_is_none_is_refused_in_one_line(uri: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        Connection(uri, "nothing")
    assert "\n" not in str(refusal.value)


def test_an_index_of_another_version_is_made_anew(
    prepared_anew: None, settings: Settings, studio: Studio, database: Database[dict[str, Any]]
) -> None:
    database.jobs.drop_index("turns")
    database.jobs.create_index([("status", 1)], name="turns")
    build_studio(settings).close()
    assert [name for name, _ in database.jobs.index_information()["turns"]["key"]] == [
        "status",
        "userId",
        "runAt",
        "request.model",
        "request.provider",
    ]
