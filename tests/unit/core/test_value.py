"""What is a moment, as a document and as a request have it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pydantic import TypeAdapter, ValidationError

from imagegeneration.core.value import Moment, SentMoment

SENT: TypeAdapter[datetime] = TypeAdapter(SentMoment)
KEPT: TypeAdapter[datetime] = TypeAdapter(Moment)
EIGHT = datetime(2026, 11, 21, 8, tzinfo=UTC)


def test_a_moment_is_sent_as_text_with_its_zone() -> None:
    assert SENT.validate_python("2026-11-21T08:00:00Z") == EIGHT
    assert SENT.validate_python("2026-11-21T09:00:00+01:00") == EIGHT
    assert SENT.validate_python(EIGHT) == EIGHT


@pytest.mark.parametrize("sent", [1_795_248_000, 1.5, True, None, b"2026-11-21T08:00:00Z", ["2026"]])
def test_any_other_kind_is_refused_with_an_example(sent: object) -> None:
    with pytest.raises(ValidationError, match=r"must be a time as text, for example 2026-11-21T08:00:00Z") as refusal:
        SENT.validate_python(sent)
    assert refusal.value.errors()[0]["type"] == "moment"


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValidationError, match="a time needs a time zone"):
        SENT.validate_python("2026-11-21T08:00:00")
    with pytest.raises(ValidationError, match="a time needs a time zone"):
        KEPT.validate_python(EIGHT.replace(tzinfo=None))
