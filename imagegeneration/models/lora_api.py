"""Routes of LoRAs: users list them, admins maintain them ("Image Generation v2", `lora_models`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from imagegeneration.core.actor import Actor
from imagegeneration.core.value import Moment
from imagegeneration.models.lora import CollectedLora, LoraBody, LoraChanges
from imagegeneration.models.loras import Loras
from imagegeneration.web.answers import documented
from imagegeneration.web.routes import JSON_ONLY, CurrentActor, requires, service

router = APIRouter(tags=["loras"])

Collection = Annotated[Loras, service(Loras)]
Name = Annotated[str, Path(alias="name", min_length=1, max_length=63)]


class LoraAnswer(LoraBody):
    """A LoRA of the collection. Only admins see who changed it last; for others it is null."""

    version: int
    changed_at: Moment
    changed_by: str | None

    @classmethod
    def of(cls, lora: CollectedLora, actor: Actor) -> LoraAnswer:
        """Return what the actor may see of the LoRA."""
        told = lora.model_dump(include=set(cls.model_fields))
        return cls.model_validate(told if actor.may("administer") else told | {"changed_by": None})


@router.get("/loras", responses=documented(401))
@requires("signed-in")
def loras(
    collection: Collection,
    actor: CurrentActor,
    text: Annotated[str, Query(max_length=100, description="What is said of it: name, family, trigger words.")] = "",
    after: Annotated[str | None, Query(max_length=63, description="The last name of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
) -> Sequence[LoraAnswer]:
    """List the LoRAs by name. Admins also see the disabled ones."""
    return [LoraAnswer.of(lora, actor) for lora in collection.page(actor, text=text.strip(), after=after, limit=limit)]


@router.post("/loras", status_code=201, dependencies=[JSON_ONLY], responses=documented(401, 409, 415))
@requires("administer")
def add_lora(body: LoraBody, collection: Collection, actor: CurrentActor) -> LoraAnswer:
    """Add a LoRA. Its name is permanent; everything else can be changed."""
    return LoraAnswer.of(collection.add(actor, body), actor)


@router.patch("/loras/{name}", dependencies=[JSON_ONLY], responses=documented(401, 404, 409, 415))
@requires("administer")
def change_lora(body: LoraChanges, name: Name, collection: Collection, actor: CurrentActor) -> LoraAnswer:
    """Change a LoRA. Jobs that were approved with it stay as they are."""
    return LoraAnswer.of(collection.change(actor, name, body), actor)


@router.delete("/loras/{name}", status_code=204, response_class=Response, responses=documented(401, 404, 409))
@requires("administer")
def delete_lora(name: Name, collection: Collection, actor: CurrentActor) -> None:
    """Delete a LoRA from the collection. Jobs that were approved with it stay as they are."""
    collection.delete(actor, name)
