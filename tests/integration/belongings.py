"""Everything that a user can own in the studio, with recognizable texts to look for where other users look."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pymongo.database import Database
from starlette.testclient import TestClient

from imagegeneration.bootstrap import Studio
from imagegeneration.core.ids import new_id
from imagegeneration.models.lora import LoraBody
from imagegeneration.people.person import Person
from imagegeneration.prompts.draft import Draft
from tests.integration.company import execute, make_key, person, signed_in

PROMPTS = ("anns-raw-prompt", "anns-final-prompt", "anns-revised-prompt", "anns-typed-prompt")
INTENT = "anns-intent"
KEY_NAME = "anns-key-name"
ATTEMPT = "att_anns"


@dataclass
class Belongings:
    """Ann, her browser, and what is hers: jobs of every kind, a draft, a key, and a LoRA that she has added for all."""

    who: Person
    browser: TestClient
    queued: str
    done: str
    doubtful: str
    stranded: str
    draft_id: str
    lora: str
    key_id: str
    key_hint: str

    @property
    def jobs(self) -> Collection[str]:
        """Her jobs."""
        return (self.queued, self.done, self.doubtful, self.stranded)

    @property
    def marks(self) -> Collection[str]:
        """Texts by which anything of hers is known."""
        own = (self.who.person_id, self.who.name, str(self.who.email), self.draft_id, self.key_id, self.key_hint)
        return (*own, *self.jobs, *PROMPTS, INTENT, KEY_NAME, ATTEMPT)


def belongings(company: Studio, database: Database[dict[str, Any]]) -> Belongings:
    """Ann and everything that she has."""
    who = person(company, "ann-the-owner", "creator")
    browser = signed_in(company, who)
    texts = {"intent": INTENT, "rawPrompt": PROMPTS[0], "finalPrompt": PROMPTS[1]}
    queued, done, doubtful, stranded = (execute(browser, **texts) for _ in range(4))
    _become(database, done, "DONE", "STORED")
    _become(database, doubtful, "FAILED", "UNKNOWN")
    _become(database, stranded, "RUNNING", "GENERATED", host="a-machine-that-is-gone")
    draft = Draft(draft_id=new_id("draft"), user_id=who.person_id, updated_at=datetime.now(UTC))
    company.drafts.save(who.actor(), draft.model_copy(update={"intent": INTENT, "raw_prompt": PROMPTS[3]}))
    make_key(browser, "look", name=KEY_NAME)
    (key,) = browser.get("/image/keys").json()
    facts = {"name": "anns-lora", "label": "A LoRA", "path": "owner/name", "family": "flux-1"}
    lora = company.loras.add(who.actor(), LoraBody.model_validate(facts))
    own = {"draft_id": draft.draft_id, "lora": lora.name, "key_id": key["keyId"], "key_hint": key["hint"]}
    return Belongings(who, browser, queued, done, doubtful, stranded, **own)


def _become(database: Database[dict[str, Any]], job_id: str, status: str, state: str, host: str | None = None) -> None:
    attempt = {"attemptId": ATTEMPT, "revisedPrompt": PROMPTS[2], "costMicros": 1000, "certainty": "charged"}
    attempt |= {"finishedAt": datetime.now(UTC) - timedelta(minutes=1)}
    image = {"state": state, "spoolHost": host, **{f"attempts.0.{name}": value for name, value in attempt.items()}}
    fields = {"status": status, "runAt": None} | {f"images.0.{name}": value for name, value in image.items()}
    changed = database.jobs.update_one({"jobId": job_id}, {"$set": fields})
    assert changed.modified_count == 1
