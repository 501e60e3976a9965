"""Users: who may enter, and with which roles."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta

from imagegeneration.audit.log import Audit
from imagegeneration.core.actor import Actor
from imagegeneration.core.errors import NotAllowed, NotFound, SignInFailed, WrongState
from imagegeneration.core.ids import new_id
from imagegeneration.core.roles import PlanName, Role
from imagegeneration.mongo.connection import Connection
from imagegeneration.mongo.transaction import Session
from imagegeneration.people.login_store import LoginStore
from imagegeneration.people.person import Identity, Person, RoleRules, roles_of
from imagegeneration.people.person_store import PeopleStore


class People:
    """All users who have signed in. Admins change what they may do."""

    def __init__(
        self, connection: Connection, people: PeopleStore, logins: LoginStore, audit: Audit, default_plan: PlanName
    ) -> None:
        """Take the stores, and `default_plan` for users who sign in for the first time."""
        self._default_plan = default_plan
        self._connection = connection
        self._people = people
        self._logins = logins
        self._audit = audit

    def signed_in(self, identity: Identity, rules: RoleRules) -> Person:
        """Return the user the provider vouches for. Raises SignInFailed (IMG_010) for one who may not enter."""
        now = self._connection.now()
        granted = roles_of(identity, rules)
        person = self._people.signed_in(
            Person(
                person_id=new_id("usr"),
                issuer=identity.issuer,
                subject=identity.subject,
                email=identity.email,
                name=identity.name,
                granted_roles=granted,
                plan=self._default_plan,
                created_at=now,
                signed_in_at=now,
            )
        )
        if not person.may_enter:
            raise SignInFailed(
                "You are not allowed into this studio.",
                resolution="Ask an administrator of the studio to let you in.",
                detail="disabled" if person.is_disabled else "no role",
                about=person.person_id,
            )
        return person

    def find(self, issuer: str, subject: str) -> Person | None:
        """Return the user the issuer calls `subject`, or None if they never signed in."""
        return self._people.find(issuer, subject)

    def get(self, person_id: str) -> Person:
        """Return the user. Raises NotFound (IMG_008)."""
        person = self._people.get(person_id)
        if person is None:
            raise NotFound("There is no such person.")
        return person

    def confirmed(self, person_id: str, within: timedelta) -> Person | None:
        """Return the user if their provider has vouched for them within this time, or None."""
        return self._people.confirmed(person_id, within.total_seconds())

    def page(self, after: str | None, limit: int, text: str = "") -> Sequence[Person]:
        """Return up to `limit` users by name, after the id `after`, with `text` in their name or e-mail address."""
        return self._people.page(after, limit, text) if text.isprintable() else ()

    def names(self, ids: Collection[str]) -> Mapping[str, str]:
        """Return the names of these users by id; unknown ids are left out."""
        return self._people.names(ids)

    def change(
        self,
        actor: Actor,
        person_id: str,
        *,
        version: int,
        roles: Sequence[Role] | None,
        is_disabled: bool,
        reason: str,
        plan: PlanName | None = None,
    ) -> Person:
        """Set what a user may do (`plan` None: unchanged). `version` is the version that the admin saw.

        Open pages follow within a minute. A disabled user is signed out everywhere. Raises NotFound (IMG_008). Raises
        NotAllowed (IMG_010) if the actor is no longer an admin. Raises WrongState (IMG_011) if the user was changed
        meanwhile, or if admins would lock themselves out.
        """
        person = self.get(person_id)
        if person_id == actor.user_id and (is_disabled or (roles is not None and "admin" not in roles)):
            raise WrongState("You cannot take your own administration away.", resolution="Ask another administrator.")
        chosen = None if roles is None else tuple(dict.fromkeys(roles))
        changed = person.model_copy(
            update={
                "roles": chosen,
                "plan": plan or person.plan,
                "is_disabled": is_disabled,
                "version": person.version + 1,
            }
        )
        now = self._connection.now()

        def work(session: Session) -> bool:
            self._require_admin_still(actor, session)
            if not self._people.change(person, changed, session=session):
                return False
            self._audit.write(
                actor, "person.changed", person_id, reason, before=person, after=changed, now=now, session=session
            )
            return True

        if person.version != version or not self._connection.transaction(work):
            raise WrongState(
                "Somebody else has changed this person meanwhile.", resolution="Look at the person again, then decide."
            )
        if is_disabled:
            self._logins.end_all(person_id)
        return changed

    def _require_admin_still(self, actor: Actor, session: Session) -> None:
        """Raise NotAllowed if the actor is no longer an admin: two admins could remove each other's role.

        Both write the end of the audit chain. The second to commit runs again, and sees here the change of the first.
        """
        acting = self._people.get(actor.user_id, session=session)
        if acting is not None and not (acting.may_enter and "admin" in acting.effective_roles):
            raise NotAllowed("You are no administrator any more.", resolution="Ask one who still is.")
