"""The commands that an operator has confirmed: checked, carried out, and answered in words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal, cast

from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError

from imagegeneration.bootstrap import Studio
from imagegeneration.core.actor import Actor
from imagegeneration.core.errors import InvalidRequest, NotAllowed, StudioError, WrongState
from imagegeneration.core.ids import ProviderName
from imagegeneration.core.text import Reason
from imagegeneration.core.value import Many, Micros, SentMoment, Value
from imagegeneration.dashboard.frame import explain
from imagegeneration.dashboard.kit import words
from imagegeneration.dashboard.kit.sections import Said
from imagegeneration.jobs.decision import Decision
from imagegeneration.money.money import (
    MAX_PER_MINUTE,
    MICROS_PER_USD,
    Limits,
    ProviderLimits,
    format_usd,
    format_usd_exact,
)
from imagegeneration.providers.breaker import PausedScope
from imagegeneration.providers.health import TROUBLE

_USD = re.compile(r"(?:\$\s*)?([0-9]{1,7}(\.[0-9]{1,6})?)")


def read_usd(text: object) -> object:
    """Parse `12.50` or `$12.50` as exact micro-dollars. Raises ValueError for anything else."""
    found = _USD.fullmatch(text.strip()) if isinstance(text, str) else None
    if found is None:
        raise ValueError("Write each amount in dollars with a point, such as 12.50.")
    return int(Decimal(found[1]) * MICROS_PER_USD)


def read_optional_usd(text: object) -> object:
    """Parse as `read_usd`, or return None for an empty text. Raises ValueError for anything else."""
    return None if isinstance(text, str) and not text.strip() else read_usd(text)


def read_optional_count(text: object) -> object:
    """Parse a whole number, or return None for an empty text. Raises ValueError for anything else."""
    if not isinstance(text, str) or not re.fullmatch(r"[0-9]{0,6}", text.strip()):
        raise ValueError("Write how many calls as a whole number, or nothing where there is no limit.")
    return int(text) if text.strip() else None


_Usd = Annotated[Micros, BeforeValidator(read_usd)]
_OptionalUsd = Annotated[Micros | None, BeforeValidator(read_optional_usd)]
_OptionalCount = Annotated[int | None, BeforeValidator(read_optional_count)]


class Pause(Value):
    """The command to start no further call in a scope."""

    what: Literal["pause"]
    scope: PausedScope
    reason: Reason

    def carry_out(self, studio: Studio, actor: Actor) -> Said:
        """Pause the scope."""
        studio.pauses.pause(actor, self.scope, self.reason)
        return Said("neutral", f"{words.capital(words.scope(self.scope))} is paused.")


class Resume(Value):
    """The command to end the pause that began at `paused_at`."""

    what: Literal["resume"]
    scope: PausedScope
    paused_at: SentMoment
    reason: Reason

    def carry_out(self, studio: Studio, actor: Actor) -> Said:
        """Resume the scope."""
        studio.pauses.resume(actor, self.scope, self.reason, paused_at=self.paused_at)
        return Said("good", f"{words.capital(words.scope(self.scope))} goes on.")


class Test(Value):
    """The command to check now whether a provider works."""

    what: Literal["test"]
    provider: ProviderName
    reason: Reason

    def carry_out(self, studio: Studio, actor: Actor) -> Said:
        """Test the provider, and say what was found."""
        found = studio.checks.test(actor, self.provider, self.reason)
        name = words.capital(words.provider(self.provider))
        if found.status in TROUBLE:
            return Said("bad", f"{name} still does not work.", found.problem or "")
        if found.next_call_tests:
            return Said("good", f"{name} answers.", "The next call is a test. If it works, the pause ends.")
        if found.paused is not None:
            return Said("neutral", f"{name} answers.", f"It stays paused: {found.paused}")
        return Said("good", f"{name} answers.")


class ImageRef(Value):
    """The attempt of an image, as the operator saw it."""

    job_id: str
    index: Annotated[int, Field(ge=0)]
    attempt_id: str


class Decide(Value):
    """The decision about images that the studio may not decide about by itself."""

    what: Literal["decide"]
    decision: Decision
    images: Many[ImageRef]
    reason: Reason

    def carry_out(self, studio: Studio, actor: Actor) -> Said:
        """Decide about one image after the other; the first refusal ends this, and says how many were decided."""
        for done, image in enumerate(self.images):
            try:
                studio.decisions.decide(
                    actor,
                    image.job_id,
                    image.index,
                    attempt_id=image.attempt_id,
                    decision=self.decision,
                    reason=self.reason,
                )
            except StudioError as error:
                if done:
                    error.resolution = f"{done} of {len(self.images)} were decided before. {error.resolution}"
                raise
        return Said("good", words.DECIDED[self.decision])


class Retry(Value):
    """The command to make the missing images of a job again, at a price; what was perhaps charged may be paid twice."""

    what: Literal["retry"]
    job_id: str
    accept_micros: Micros

    def carry_out(self, studio: Studio, actor: Actor) -> Said:
        """Retry the job."""
        studio.approvals.retry(actor, self.job_id, accept_micros=self.accept_micros, accept_unknown=True)
        return Said("good", "The job is in the queue again.", f"Up to {format_usd(self.accept_micros)} is held for it.")


class ChangeLimits(Value):
    """The command to set the spend limits; `version` is the one that the operator saw."""

    what: Literal["limits"]
    version: int
    daily: _Usd
    daily_per_user: _Usd
    per_image: _Usd
    reason: Reason

    def carry_out(self, studio: Studio, actor: Actor) -> Said:
        """Set the limits. A refusal says what to do about it here."""
        latest = studio.limits.latest()
        limits = Limits(
            daily_micros=self.daily,
            daily_per_user_micros=self.daily_per_user,
            per_image_micros=self.per_image,
            providers=latest.limits.providers if latest else (),
        )
        try:
            studio.limits.change(actor, limits, version=self.version, reason=self.reason)
        except WrongState as error:
            latest = studio.limits.latest()
            changed = latest is not None and latest.version != self.version
            error.resolution = _CHANGED if changed else "Choose a lower amount, or ask for a higher ceiling."
            raise
        return Said("good", "The limits are set.", f"Everybody together: {format_usd_exact(self.daily)} a day.")


class ChangeProviderLimits(Value):
    """The command to set the limits of a provider; `version` is that of the limits that the operator saw."""

    what: Literal["provider_limits"]
    version: int
    provider: ProviderName
    concurrency: _OptionalCount
    per_minute: _OptionalCount
    daily: _OptionalUsd
    reason: Reason

    def carry_out(self, studio: Studio, actor: Actor) -> Said:
        """Set the limits of this provider, and leave all others as they are."""
        try:
            wanted = ProviderLimits(
                provider=self.provider,
                concurrency=self.concurrency,
                per_minute=self.per_minute,
                daily_micros=self.daily,
            )
        except ValidationError:
            raise InvalidRequest(
                f"At most 256 calls at once and {MAX_PER_MINUTE} a minute are possible, and at least one."
            ) from None
        latest = studio.limits.latest()
        known = latest.limits if latest else studio.limits.ceilings
        others = tuple(each for each in known.providers if each.provider != self.provider)
        limits = known.model_copy(update={"providers": (*others, wanted)})
        try:
            studio.limits.change(actor, limits, version=self.version, reason=self.reason)
        except WrongState as error:
            error.resolution = _CHANGED
            raise
        return Said("good", f"The limits of {words.provider(self.provider)} are set.")


_CHANGED = "What you typed is kept. Look at the limits in force, then press the button again to set yours."

Order = Pause | Resume | Test | Decide | Retry | ChangeLimits | ChangeProviderLimits
_ORDER: TypeAdapter[Order] = TypeAdapter(Annotated[Order, Field(discriminator="what")])


def carry_out(wanted: Mapping[str, Any], studio: Studio, actor: Actor) -> Said:
    """Check the order and carry it out."""
    try:
        order = _ORDER.validate_python(wanted)
        if not actor.may("generate" if isinstance(order, Retry) else "operate"):
            raise NotAllowed("You may not do this.", resolution="Ask an administrator for the role that it needs.")
        return order.carry_out(studio, actor)
    except ValidationError as error:
        return Said("bad", _in_words(error))
    except StudioError as error:
        return Said("bad", *explain(error))


def _in_words(error: ValidationError) -> str:
    wrong = error.errors(include_url=False, include_input=False)[0]
    if "reason" in wrong["loc"]:
        return "Write down why, in 1 to 500 characters."
    cause = cast("ValueError | None", wrong.get("ctx", {}).get("error"))
    return str(cause) if cause is not None else "The page has sent something that is not understood. Reload it."
