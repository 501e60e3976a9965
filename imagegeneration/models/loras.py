"""The collection of LoRAs: everybody chooses from it, admins keep it."""

from __future__ import annotations

from collections.abc import Sequence

from imagegeneration.audit.log import Audit
from imagegeneration.core.actor import Actor
from imagegeneration.core.errors import NotAllowed, NotFound, WrongState
from imagegeneration.models.catalog import Catalog
from imagegeneration.models.lora import CollectedLora, LoraBody, LoraChanges, LoraWish
from imagegeneration.models.lora_store import LoraStore
from imagegeneration.mongo.collection import AlreadyExists
from imagegeneration.mongo.connection import Connection
from imagegeneration.mongo.transaction import Session
from imagegeneration.providers.generation import Lora

MOST = 1000
"""How many LoRAs there may be: a list that is searched and looked through by people."""

_MEANWHILE = "Somebody else has changed this LoRA meanwhile."


class Loras:
    """What may be sent to a provider as a LoRA. A job keeps what it was approved with, whatever becomes of the rest."""

    def __init__(self, connection: Connection, loras: LoraStore, audit: Audit, catalog: Catalog) -> None:
        self._connection = connection
        self._loras = loras
        self._audit = audit
        self.families = sorted({model.lora_family for model in catalog.image_models if model.lora_family})
        """What LoRAs can be made for, as the catalog has it."""

    def page(self, actor: Actor, *, text: str = "", after: str | None = None, limit: int) -> Sequence[CollectedLora]:
        """Up to `limit` LoRAs by name, those after `after`, with `text` in what is said of them.

        Those that are disabled exist for admins only.
        """
        if not text.isprintable():
            return ()
        return self._loras.page(text, after, limit, disabled_too=actor.may("administer"))

    def get(self, actor: Actor, name: str) -> CollectedLora:
        """The LoRA. Raises NotFound (IMG_008), also for one that is disabled, unless an admin asks."""
        found = self._loras.named([name])
        if not found or not (found[0].enabled or actor.may("administer")):
            raise NotFound("There is no such LoRA.")
        return found[0]

    def named(self, actor: Actor, wishes: Sequence[LoraWish]) -> tuple[Lora, ...]:
        """What is sent for these wishes, in their order: path and weight as they are at this moment.

        Raises NotFound (IMG_008) for a name that the collection has not, or has disabled, and NotAllowed (IMG_010)
        for a path that somebody else than an admin gives: no stranger's address goes to a provider that is paid.
        """
        # guard: lora-path-admin
        if any(wish.path is not None for wish in wishes) and not actor.may("administer"):
            raise NotAllowed(
                "loras: only an admin may send a LoRA by its path.",
                resolution="Name one of the collection (GET /image/loras), or ask an administrator to add it.",
            )
        names = {wish.name for wish in wishes if wish.name is not None}
        found = self._loras.named(names) if names else []
        known = {
            lora.name: lora
            for lora in found
            if lora.enabled  # guard: lora-enabled
        }
        missing = names - known.keys()
        if missing:
            raise NotFound(f"loras: the collection has no LoRA called {min(missing)} that can be used.")
        return tuple(_sent(wish, known) for wish in wishes)

    def add(self, actor: Actor, body: LoraBody) -> CollectedLora:
        """Add a LoRA. Raises WrongState (IMG_011): the name is taken, no model takes its family, too many."""
        self._require_family(body.family)
        now = self._connection.now()
        lora = CollectedLora(**body.model_dump(), created_at=now, changed_at=now, changed_by=actor.user_id)

        def work(session: Session) -> None:
            if self._loras.count(session=session) >= MOST:
                raise WrongState(f"At most {MOST} LoRAs.", resolution="Delete one that is not used.")
            self._loras.insert(lora, session=session)
            self._audit.write(actor, "lora.added", lora.name, "", after=lora, now=now, session=session)

        try:
            self._connection.transaction(work)
        except AlreadyExists:
            raise WrongState(
                f"There is a LoRA called {lora.name} already.", resolution="Choose another name, or change that one."
            ) from None
        return lora

    def change(self, actor: Actor, name: str, changes: LoraChanges) -> CollectedLora:
        """Say something else of a LoRA; what was approved with it stays as it is.

        Raises NotFound; WrongState (IMG_011) if somebody changed it meanwhile, or no model takes its family.
        """
        lora = self.get(actor, name)
        said = changes.model_dump(exclude={"version"}, exclude_none=True)
        if "family" in said:
            self._require_family(said["family"])
        now = self._connection.now()
        facts = lora.model_dump() | said | {"version": lora.version + 1, "changed_at": now, "changed_by": actor.user_id}
        changed = CollectedLora.model_validate(facts)

        def work(session: Session) -> bool:
            if not self._loras.change(lora, changed, session=session):
                return False
            self._audit.write(actor, "lora.changed", name, "", before=lora, after=changed, now=now, session=session)
            return True

        if (
            lora.version != changes.version  # guard: lora-change-as-seen
            or not self._connection.transaction(work)
        ):
            raise WrongState(_MEANWHILE, resolution="Look at it again, then change it.")
        return changed

    def delete(self, actor: Actor, name: str) -> None:
        """Take a LoRA out of the collection; what was approved with it stays as it is. Raises NotFound, WrongState."""
        lora = self.get(actor, name)
        now = self._connection.now()

        def work(session: Session) -> bool:
            if not self._loras.delete(lora, session=session):
                return False
            self._audit.write(actor, "lora.deleted", name, "", before=lora, now=now, session=session)
            return True

        if not self._connection.transaction(work):
            raise WrongState(_MEANWHILE, resolution="Look at it again, then delete it.")

    def _require_family(self, family: str) -> None:
        if family not in self.families:
            raise WrongState(
                f"No model of the catalog takes LoRAs made for {family}.",
                resolution=f"They are made for one of {', '.join(self.families)}.",
            )


def _sent(wish: LoraWish, known: dict[str, CollectedLora]) -> Lora:
    if wish.name is not None:
        return known[wish.name].sent(wish.weight)
    return Lora(path=str(wish.path), weight=1.0 if wish.weight is None else wish.weight)
