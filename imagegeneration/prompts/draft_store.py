"""The collection `drafts`: what users have typed, for seven days."""

from __future__ import annotations

import contextlib

from pymongo import IndexModel
from pymongo.errors import PyMongoError

from imagegeneration.core.errors import DatabaseDown, Elsewhere
from imagegeneration.mongo.collection import AlreadyExists, Collection
from imagegeneration.mongo.connection import Connection
from imagegeneration.mongo.errors import translated
from imagegeneration.mongo.schema import Document
from imagegeneration.mongo.transaction import Session
from imagegeneration.prompts.draft import Draft, Shown

KEPT_SECONDS = 7 * 24 * 3600
"""How long a draft is kept after its last change."""

MOST_OPEN = 50
"""The most open drafts of a user. A new one above that replaces the one unchanged for longest."""

_INDEXES = (
    IndexModel(["userId", "draftId"], unique=True),
    IndexModel([("userId", 1), ("updatedAt", -1)]),
    IndexModel("updatedAt", expireAfterSeconds=KEPT_SECONDS),
)


@translated
class DraftStore:
    """The store of drafts. A change replaces only the version it was made on, and never the draft of a job."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._drafts = Collection(connection, "drafts", Draft, indexes=_INDEXES)

    def get(self, user_id: str, draft_id: str) -> Draft | None:
        """Return the user's draft, or None if there is none."""
        return self._drafts.get({"userId": user_id, "draftId": draft_id})

    def version(self, user_id: str, draft_id: str) -> int | None:
        """Return the version of the user's draft, or None if it was never stored."""
        found = self._drafts.raw.find_one({"userId": user_id, "draftId": draft_id}, {"version": True})
        return None if found is None else int(found["version"])

    def latest_approved(self, user_id: str) -> Draft | None:
        """Return the user's draft that became a job last, or None if there is none."""
        return self._drafts.get({"userId": user_id, "jobId": {"$ne": None}}, sort=[("updatedAt", -1)])

    def save(self, draft: Draft) -> Draft | None:
        """Store the draft as its next version with the server's time, and return it.

        Returns None if it is not the stored version, or has become a job.
        """
        if draft.version > 0:
            return self._swap(draft)
        try:
            saved = self._swap(draft, upsert=True)
        except AlreadyExists:  # another window was first, or the draft has become a job
            return None
        with contextlib.suppress(PyMongoError, DatabaseDown):  # it is stored; the user's next draft prunes
            self._prune(draft.user_id)
        return saved

    def claim(self, user_id: str, shown: Shown, job_id: str, *, session: Session) -> None:
        """Give the draft that was shown to this job, in the transaction that inserts the job.

        Raises Elsewhere (IMG_011) if it has become another job, was changed, or is gone.
        """
        key = {"userId": user_id, "draftId": shown.draft_id}
        change = [{"$set": {"jobId": job_id, "version": {"$add": ["$version", 1]}, "updatedAt": "$$NOW"}}]
        as_shown = key | {"jobId": None, "version": shown.version}
        if not self._drafts.compare_and_set(as_shown, change, session=session):
            raise elsewhere(self._drafts.get(key, session=session))

    def _prune(self, user_id: str) -> None:
        """Delete the user's oldest open drafts beyond MOST_OPEN.

        It runs after the first save. Of two at once, the later one sees both drafts. After a crash in between, the
        user's next draft prunes the rest.
        """
        open_ones = {"userId": user_id, "jobId": None}
        if self._drafts.raw.count_documents(open_ones) <= MOST_OPEN:
            return

        def work(session: Session) -> None:
            newest_first = self._drafts.raw.find(open_ones, {"_id": True}, session=session)
            left = [old["_id"] for old in newest_first.sort([("updatedAt", -1), ("_id", -1)]).skip(MOST_OPEN)]
            self._drafts.raw.delete_many({"_id": {"$in": left}}, session=session)

        self._connection.transaction(work)

    def _swap(self, draft: Draft, *, upsert: bool = False) -> Draft | None:
        fields: Document = {name: {"$literal": value} for name, value in draft.document().items()}
        fields |= {"updatedAt": "$$NOW", "version": draft.version + 1}
        as_read = {"userId": draft.user_id, "draftId": draft.draft_id, "jobId": None, "version": draft.version}
        return self._drafts.update(as_read, [{"$set": fields}], upsert=upsert)


def elsewhere(stored: Draft | None) -> Elsewhere:
    """Return the error for a window that does not show the stored draft."""
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
