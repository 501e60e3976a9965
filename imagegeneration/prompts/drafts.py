"""Drafts, which keep what a user has typed through a reload, a crash and a lost connection."""

from __future__ import annotations

from imagegeneration.core.actor import Actor
from imagegeneration.core.errors import NotAllowed
from imagegeneration.prompts.draft import Draft
from imagegeneration.prompts.draft_store import DraftStore, elsewhere


class Drafts:
    """The drafts of all users, each for its user only."""

    def __init__(self, drafts: DraftStore) -> None:
        self._drafts = drafts

    def get(self, actor: Actor, draft_id: str) -> Draft | None:
        """Return the actor's draft, or None if there is none or it is another user's."""
        return self._drafts.get(actor.user_id, draft_id)

    def version(self, actor: Actor, draft_id: str) -> int | None:
        """Return the stored version of the actor's draft, or None if it was never stored."""
        return self._drafts.version(actor.user_id, draft_id)

    def latest_approved(self, actor: Actor) -> Draft | None:
        """Return the actor's draft approved last within a week, whose options can be offered again, or None."""
        return self._drafts.latest_approved(actor.user_id)

    def save(self, actor: Actor, draft: Draft) -> Draft:
        """Store the draft for seven days from now, and return it with its new version.

        Raises NotAllowed (IMG_010) for another user's draft, and Elsewhere (IMG_011) if another window has changed or
        approved it. A repeated save with the same contents succeeds, because the answer to the first one may have been
        lost.
        """
        if draft.user_id != actor.user_id:
            raise NotAllowed("This draft belongs to somebody else.")
        saved = self._drafts.save(draft)
        if saved is not None:
            return saved
        stored = self._drafts.get(actor.user_id, draft.draft_id)
        if stored is not None and stored.job_id is None and stored.says_the_same(draft):
            return stored
        raise elsewhere(stored)
