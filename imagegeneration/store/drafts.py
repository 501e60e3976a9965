"""The collection `drafts`: what people have typed, for seven days."""

from __future__ import annotations

from pymongo import IndexModel, ReturnDocument
from pymongo.errors import DuplicateKeyError

from imagegeneration.domain.draft import Draft
from imagegeneration.store.connection import Connection, Document, translated
from imagegeneration.store.schema import validator

KEPT_SECONDS = 7 * 24 * 3600


@translated
class DraftStore:
    """Keeps drafts. A draft that has become a job keeps the job's id, whatever is saved later."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._drafts = connection.collection("drafts")

    def prepare(self) -> None:
        """Create the collection, its validator and its indexes; drafts expire seven days after the last change."""
        indexes = [
            IndexModel(["userId", "draftId"], unique=True),
            IndexModel([("userId", 1), ("updatedAt", -1)]),
            IndexModel("updatedAt", expireAfterSeconds=KEPT_SECONDS),
        ]
        self._connection.prepare("drafts", validator(Draft), indexes)

    def get(self, user_id: str, draft_id: str) -> Draft | None:
        """The user's draft, or None."""
        found = self._drafts.find_one({"userId": user_id, "draftId": draft_id}, {"_id": False})
        return None if found is None else Draft.model_validate(found)

    def latest_approved(self, user_id: str) -> Draft | None:
        """The user's draft that became a job last, or None."""
        wanted = {"userId": user_id, "jobId": {"$ne": None}}
        found = self._drafts.find_one(wanted, {"_id": False}, sort=[("updatedAt", -1)])
        return None if found is None else Draft.model_validate(found)

    def save(self, draft: Draft) -> Draft:
        """Store the draft, with the server's time; the stored draft."""
        document = draft.document()
        job_id = document.pop("jobId")
        fields: Document = {name: {"$literal": value} for name, value in document.items()}
        fields["updatedAt"] = "$$NOW"
        fields["jobId"] = {"$ifNull": ["$jobId", {"$literal": job_id}]}
        try:
            return self._upsert(draft, fields)
        except DuplicateKeyError:  # two first saves at once: now it exists
            return self._upsert(draft, fields)

    def _upsert(self, draft: Draft, fields: Document) -> Draft:
        found = self._drafts.find_one_and_update(
            {"userId": draft.user_id, "draftId": draft.draft_id},
            [{"$set": fields}],
            projection={"_id": False},
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )
        return Draft.model_validate(found)
