"""The use cases of LoRAs: users choose them, admins maintain them."""

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
"""Maximum number of LoRAs, since users search and browse the list."""

_MEANWHILE = "Somebody else has changed this LoRA meanwhile."


class Loras:
    """The LoRAs that may be sent to a provider. A job keeps those that it was approved with, whatever changes later."""

    def __init__(self, connection: Connection, loras: LoraStore, audit: Audit, catalog: Catalog) -> None:
        self._connection = connection
        self._loras = loras
        self._audit = audit
        self.families = sorted({model.lora_family for model in catalog.image_models if model.lora_family})
        """The LoRA families of the catalog's models."""

    def page(self, actor: Actor, *, text: str = "", after: str | None = None, limit: int) -> Sequence[CollectedLora]:
        """Return up to `limit` LoRAs by name, those after `after`, with `text` in a field that describes them.

        Disabled LoRAs exist for admins only.
        """
        if not text.isprintable():
            return ()
        return self._loras.page(text, after, limit, disabled_too=actor.may("administer"))

    def get(self, actor: Actor, name: str) -> CollectedLora:
        """Return the LoRA. Raises NotFound (IMG_008), also for a disabled one, unless an admin asks."""
        found = self._loras.named([name])
        if not found or not (found[0].enabled or actor.may("administer")):
            raise NotFound("There is no such LoRA.")
        return found[0]

    def named(self, actor: Actor, wishes: Sequence[LoraWish]) -> tuple[Lora, ...]:
        """Return what is sent for these wishes, in their order, with the current path and weight.

        Raises NotFound (IMG_008) for a name that is unknown or disabled. Raises NotAllowed (IMG_010) for a path from an
        actor other than an admin: a paid provider must not load arbitrary addresses.
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
        """Add a LoRA.

        Raises WrongState (IMG_011): the name is taken, no model takes its family, or there are too many.
        """
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
        """Change a LoRA. Approved jobs stay as they are.

        Raises NotFound. Raises WrongState (IMG_011) if it was changed meanwhile, or no model takes its family.
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
        """Delete a LoRA. Approved jobs stay as they are. Raises NotFound and WrongState."""
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
