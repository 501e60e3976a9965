"""The base of every type that crosses a boundary: strict, frozen, camelCase outside and snake_case inside."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, Strict
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

MAX_MICROS = 2**53
"""The upper bound of every amount: JSON readers lose precision above it."""

Micros = Annotated[int, Field(ge=0, le=MAX_MICROS)]
"""An amount of money in integer micro-dollars (1 USD = 1,000,000)."""


def _aware(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("a time needs a time zone")
    return moment


Moment = Annotated[datetime, AfterValidator(_aware)]
"""A point in time with its time zone; MongoDB keeps milliseconds."""


def _text_only(value: object) -> object:
    if not isinstance(value, str | datetime):
        raise PydanticCustomError("moment", "must be a time as text, for example 2026-11-21T08:00:00Z")
    return value


SentMoment = Annotated[Moment, Strict(False), BeforeValidator(_text_only)]
"""A point in time as text in JSON."""

Item = TypeVar("Item")
Many = Annotated[tuple[Item, ...], Strict(False)]
"""An immutable list, read from lists in half the time that pydantic takes for a `Sequence`."""


def sparse(default: Any, **bounds: Any) -> Any:
    """Return a field that is stored only if its value differs from the default; `bounds` are pydantic's."""
    return Field(
        default=default, exclude_if=lambda value: value == default, json_schema_extra={"x-sparse": True}, **bounds
    )


class Value(BaseModel):
    """A frozen value that refuses unknown fields, wrong types, NaN and infinity."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        allow_inf_nan=False,
        json_schema_serialization_defaults_required=True,
    )

    def document(self) -> dict[str, Any]:
        """Return this value as a MongoDB document or JSON object: camelCase names, dates as dates."""
        return self.model_dump(by_alias=True)
