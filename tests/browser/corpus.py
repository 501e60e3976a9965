"""Texts that do harm where a page takes them for more than text, put everywhere where a text is kept."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pymongo.database import Database

from imagegeneration.audit.entry import Action, AuditEntry, AuditHead, entry_sha256
from imagegeneration.core.actor import LOCAL
from imagegeneration.core.ids import new_id
from imagegeneration.jobs.job import new_job_id
from imagegeneration.people.key import ApiKey, key_sha256
from imagegeneration.people.person import Person
from imagegeneration.prompts.draft import Draft

Document = dict[str, Any]
PAYLOADS: Mapping[str, str] = {
    payload["name"]: payload["text"]
    for payload in json.loads(Path(__file__).with_name("payloads.json").read_text(encoding="utf-8"))
}
TEXTS: Sequence[str] = tuple(PAYLOADS.values())
ALL = "\n".join(TEXTS)
"""Every payload in one text, for fields that may be long."""

FOREIGN = "evil.example"
"""The host that payloads would have asked for something."""


class Corpus:
    """Documents full of payloads, as somebody would leave them who gets past every rule about texts."""

    def __init__(self, database: Database[Document], finished: Document) -> None:
        self._database = database
        self._finished = finished
        self._made: list[tuple[str, Any]] = []
        self.jobs = [self._job(text, "UNKNOWN") for text in TEXTS]
        self.stranded = self._job(ALL, "GENERATED", host=ALL)
        self.whole = self._job(ALL, "FAILED")
        self.review = self._draft(answer=ALL)
        self.describe = self._draft()
        self._decisions()
        for text in TEXTS:
            self._add("people", _person(text).document())
            self._add("keys", _key(text).document())

    def remove(self) -> None:
        """Take everything back."""
        for collection, key in self._made:
            self._database[collection].delete_one({"_id": key})
        self._database.audit_head.replace_one({"_id": "head"}, self._head)

    def _add(self, collection: str, document: Document) -> None:
        added = self._database[collection].insert_one(document, bypass_document_validation=True)
        self._made.append((collection, added.inserted_id))

    def _job(self, text: str, state: str, host: str | None = None) -> str:
        (image,), now = self._finished["images"], datetime.now(UTC)
        attempt = image["attempts"][0] | {
            "attemptId": new_id("att"),
            "revisedPrompt": text,
            "providerRequestId": text,
            "finishedAt": now - timedelta(minutes=1),
            "error": {"code": "INTERRUPTED", "message": text},
        }
        texts = {"intent": text, "rawPrompt": f"{text} ", "finalPrompt": text, "error": text}
        images = [image | {"state": state, "attempts": [attempt], "spoolHost": host}]
        status = "RUNNING" if state == "GENERATED" else "FAILED"
        job_id = new_job_id()
        document = self._finished | texts | {"jobId": job_id, "status": status, "images": images, "runAt": None}
        document |= {"createdAt": now, "errorCode": "INTERRUPTED"}
        document.pop("_id")
        self._add("jobs", document)
        return job_id

    def _draft(self, answer: str | None = None) -> str:
        draft = Draft(draft_id=new_id("draft"), user_id=LOCAL.user_id, updated_at=datetime.now(UTC))
        texts = {"intent": ALL, "rawPrompt": ALL, "suggestion": answer, "finalPrompt": answer}
        self._add("drafts", draft.document() | texts)
        return draft.draft_id

    def _decisions(self) -> None:
        """Entries of the record, the chain unbroken."""
        found = self._database.audit_head.find_one({"_id": "head"})
        assert found is not None
        self._head = found
        last = AuditHead(number=found["number"], sha256=found["sha256"])
        actions: Sequence[Action] = ("paused", "resumed")
        for position, text in enumerate(TEXTS):
            entry = AuditEntry(
                number=last.number + 1,
                entry_id=new_id("aud"),
                at=datetime.now(UTC),
                actor=text,
                key=text,
                request_id=text,
                action=actions[position % 2],
                subject=text,
                reason=text,
                before=json.dumps({"text": text}),
                after=json.dumps({"text": text}),
                previous_sha256=last.sha256,
                sha256="",
            )
            entry = entry.model_copy(update={"sha256": entry_sha256(entry)})
            self._add("audit", entry.document())
            last = AuditHead(number=entry.number, sha256=entry.sha256)
        self._database.audit_head.update_one({"_id": "head"}, {"$set": last.document()})


def _person(text: str) -> Person:
    """Somebody whose provider vouches for such a name and address."""
    now = datetime.now(UTC)
    return Person(
        person_id=new_id("usr"),
        issuer=text,
        subject=text,
        email=text,
        name=text,
        granted_roles=("creator",),
        created_at=now,
        signed_in_at=now,
    )


def _key(text: str) -> ApiKey:
    """A key with such a name, of the person who looks."""
    return ApiKey(
        key_id=new_id("key"),
        person_id=LOCAL.user_id,
        name=text,
        hint=text,
        key_sha256=key_sha256(text),
        scopes=("look",),
        created_at=datetime.now(UTC),
        expires_at=None,
    )
