"""The collection `drafts`: what people have typed, for seven days."""

from __future__ import annotations

from pymongo import IndexModel, ReturnDocument
from pymongo.errors import DuplicateKeyError

from imagegeneration.domain.draft import Draft, Shown
from imagegeneration.errors import Elsewhere
from imagegeneration.store.connection import Connection, Document, Session, translated
from imagegeneration.store.schema import validator

KEPT_SECONDS = 7 * 24 * 3600
MOST_OPEN = 50
"""Drafts of a person that are no job yet. A new one beyond that takes the place of the one that was left longest."""


@translated
class DraftStore:
    """Keeps drafts. A change is stored only over the version that it was made on, and never over a job's draft."""

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
        """Return the user's draft, or None."""
        return _draft(self._drafts.find_one({"userId": user_id, "draftId": draft_id}, {"_id": False}))

    def version(self, user_id: str, draft_id: str) -> int | None:
        """Return the version of the user's draft, or None if it was never stored."""
        found = self._drafts.find_one({"userId": user_id, "draftId": draft_id}, {"version": True})
        return None if found is None else found.get("version", 0)

    def latest_approved(self, user_id: str) -> Draft | None:
        """Return the user's draft that became a job last, or None."""
        wanted = {"userId": user_id, "jobId": {"$ne": None}}
        return _draft(self._drafts.find_one(wanted, {"_id": False}, sort=[("updatedAt", -1)]))

    def save(self, draft: Draft) -> Draft | None:
        """Store the draft as its next version, with the server's time. Return it, or None if it is not the version
        that is stored, or has become a job.
        """
        if draft.version == 0:
            saved = self._connection.transaction(lambda session: self._first_save(draft, session))
            self._prune(draft.user_id)
            return saved
        return _draft(self._swap(draft, {"version": draft.version}))

    def claim(self, user_id: str, shown: Shown, job_id: str, *, session: Session) -> None:
        """Make the draft that was shown this job's, inside the transaction that inserts the job.

        Raises Elsewhere (IMG_011) if it has become a job before, was changed, or is gone.
        """
        key = {"userId": user_id, "draftId": shown.draft_id}
        change = [{"$set": {"jobId": job_id, "version": {"$add": ["$version", 1]}, "updatedAt": "$$NOW"}}]
        claimed = self._drafts.update_one(key | {"jobId": None, "version": shown.version}, change, session=session)
        if claimed.matched_count == 0:
            raise elsewhere(_draft(self._drafts.find_one(key, {"_id": False}, session=session)))

    def _first_save(self, draft: Draft, session: Session) -> Draft | None:
        """Store a draft that has no version yet; one of before there were versions counts as such."""
        key = {"userId": draft.user_id, "draftId": draft.draft_id}
        if self._drafts.find_one(key | {"version": {"$gt": 0}}, {"_id": True}, session=session):
            return None
        try:
            return _draft(self._swap(draft, {"version": {"$in": [0, None]}}, session=session, upsert=True))
        except DuplicateKeyError:  # another window was first
            return None

    def _prune(self, user_id: str) -> None:
        """Delete the user's oldest open drafts beyond MOST_OPEN.

        This comes after the first save is committed: of two at once, each of which sees only its own before, the later
        one sees both. What a crash leaves in between goes with the user's next draft.
        """
        open_ones = {"userId": user_id, "jobId": None}
        if self._drafts.count_documents(open_ones) <= MOST_OPEN:
            return

        def work(session: Session) -> None:
            newest_first = self._drafts.find(open_ones, {"_id": True}, session=session)
            left = [old["_id"] for old in newest_first.sort([("updatedAt", -1), ("_id", -1)]).skip(MOST_OPEN)]
            self._drafts.delete_many({"_id": {"$in": left}}, session=session)

        self._connection.transaction(work)

    def _swap(
        self, draft: Draft, expected: Document, *, session: Session | None = None, upsert: bool = False
    ) -> Document | None:
        fields: Document = {name: {"$literal": value} for name, value in draft.document().items()}
        fields |= {"updatedAt": "$$NOW", "version": draft.version + 1}
        key = {"userId": draft.user_id, "draftId": draft.draft_id, "jobId": None}
        found: Document | None = self._drafts.find_one_and_update(
            key | expected,
            [{"$set": fields}],
            projection={"_id": False},
            upsert=upsert,
            return_document=ReturnDocument.AFTER,
            session=session,
        )
        return found


def elsewhere(stored: Draft | None) -> Elsewhere:
    """Return what to say to a window that does not show the draft as it is stored."""
    if stored is None:
        return Elsewhere(
            "This draft is not kept any more.",
            is_gone=True,
            resolution="Nothing was approved now. It may have been approved before: look in Jobs, or start new images.",
        )
    if stored.job_id is not None:
        return Elsewhere(
            "Already approved in another window.",
            job_id=stored.job_id,
            resolution="Nothing more was charged. Open the job, or start a new request.",
        )
    return Elsewhere(
        "This draft was changed in another window.",
        resolution="Nothing is overwritten or approved. Choose which version you want, then go on.",
    )


def _draft(found: Document | None) -> Draft | None:
    return None if found is None else Draft.model_validate(found)
