"""Routes of a user's own API keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Path

from imagegeneration.core.roles import Permission
from imagegeneration.core.value import Moment, Value
from imagegeneration.people.key import ApiKey, KeyBody
from imagegeneration.people.keys import Keys
from imagegeneration.web.answers import documented
from imagegeneration.web.routes import JSON_ONLY, CurrentActor, requires, service

router = APIRouter(tags=["keys"])

OwnKeys = Annotated[Keys, service(Keys)]
KeyId = Annotated[str, Path(alias="keyId", min_length=1, max_length=64)]


class KeyFacts(Value):
    """A key as its owner sees it, without the key itself."""

    key_id: str
    name: str
    hint: str
    scopes: Sequence[Permission]
    created_at: Moment
    expires_at: Moment | None
    last_used_at: Moment | None
    revoked_at: Moment | None

    @classmethod
    def of(cls, key: ApiKey) -> KeyFacts:
        """Return the facts of a key."""
        return cls.model_validate(key.model_dump(include=set(cls.model_fields)))


class MadeKey(Value):
    """A new key. `key` is shown in this answer and never again."""

    key: str
    facts: KeyFacts


@router.get("/keys", responses=documented(401))
@requires("signed-in")
def keys(owned: OwnKeys, actor: CurrentActor) -> Sequence[KeyFacts]:
    """List your own keys, oldest first, with revoked ones."""
    return [KeyFacts.of(key) for key in owned.of_actor(actor)]


@router.post("/keys", status_code=201, dependencies=[JSON_ONLY], responses=documented(401, 409, 415))
@requires("signed-in")
def make_key(body: KeyBody, owned: OwnKeys, actor: CurrentActor) -> MadeKey:
    """Create a key."""
    text, key = owned.make(actor, body.name, body.scopes, body.days)
    return MadeKey(key=text, facts=KeyFacts.of(key))


@router.post("/keys/{keyId}/revoke", responses=documented(401, 404, 409))
@requires("signed-in")
def revoke_key(key_id: KeyId, owned: OwnKeys, actor: CurrentActor) -> Sequence[KeyFacts]:
    """Revoke a key, within seconds everywhere, and list the keys afterwards."""
    owned.revoke(actor, key_id)
    return keys(owned, actor)
