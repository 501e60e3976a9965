"""Drafts: what a person has typed survives a reload, a crash and a lost connection."""

from __future__ import annotations

from imagegeneration.domain.actor import Actor
from imagegeneration.domain.draft import Draft
from imagegeneration.errors import NotAllowed
from imagegeneration.store.drafts import DraftStore


class Drafts:
    """Keeps the drafts of each person apart."""

    def __init__(self, drafts: DraftStore) -> None:
        self._drafts = drafts

    def get(self, actor: Actor, draft_id: str) -> Draft | None:
        """The actor's draft; None if there is none, or it is somebody else's."""
        return self._drafts.get(actor.user_id, draft_id)

    def latest_approved(self, actor: Actor) -> Draft | None:
        """The actor's draft that was approved last, so that its options can be offered again; None within no week."""
        return self._drafts.latest_approved(actor.user_id)

    def save(self, actor: Actor, draft: Draft) -> Draft:
        """Keep the draft for seven days from now. Raises NotAllowed for somebody else's."""
        if draft.user_id != actor.user_id:
            raise NotAllowed("This draft belongs to somebody else.")
        return self._drafts.save(draft)
