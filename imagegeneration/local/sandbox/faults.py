"""The faults of the sandbox: their kinds, and which call meets which."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Mapping
from typing import Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

Target = Literal["image", "text", "moderation"]

AccountKind = Literal["401", "402", "403", "429_quota", "400_billing"]
"""The kinds by which the provider refuses the account."""

RefusalKind = (
    AccountKind | Literal["400", "400_unknown", "429", "500", "500_html", "503", "moderation", "content_policy"]
)
"""The kinds by which the provider refuses a call, and charges nothing."""

ImageKind = Literal["junk_base64", "one_byte_png", "huge_png", "empty_data"]
"""The kinds of answers that are charged and hold no usable image."""

TextKind = Literal["overlong_text", "empty_text", "bad_text_json"]
"""The kinds of answers that are charged and hold no usable prompt."""

ModerationKind = Literal["flagged"]
"""A finding of the moderation, which is free of charge."""

FaultKind = (
    RefusalKind
    | ImageKind
    | TextKind
    | ModerationKind
    | Literal[
        "delay",  # answers as usual, `delay` seconds later
        "refusal",  # images: as moderation; text: an answer of status 200 that declines
        "reset",  # the connection is reset once the request was read; nothing is charged
        "reset_after_billing",  # charged, then reset
        "hang",  # charged, then silence until the client gives up
        "slow_drip",  # charged, then the answer in pieces, `delay` seconds apart
        "html_200",  # charged; a page of HTML with status 200
        "truncated",  # charged; JSON that breaks off in the middle
        "no_usage",  # charged; a good answer that does not say what it used
    ]
)

_ONLY_FOR: Mapping[str, Target] = {
    **dict.fromkeys(get_args(ImageKind), "image"),
    **dict.fromkeys(get_args(TextKind), "text"),
    **dict.fromkeys(get_args(ModerationKind), "moderation"),
}
_IN_PROMPT = re.compile(r"\[sandbox:([0-9a-z_]+)((?: [a-z_]+=[0-9a-z.-]+)*)\]")


class Fault(BaseModel):
    """A misbehaviour for the next `count` calls (-1: all) with this `target`.

    `delay` is in seconds and comes before anything else; `retry_after` is the header of a refusal, in seconds.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    kind: FaultKind
    count: int = Field(default=1, ge=-1)
    delay: float = Field(default=0, ge=0, le=3600)
    retry_after: float | None = Field(default=None, ge=0)
    target: Target = "image"

    @model_validator(mode="before")
    @classmethod
    def _knows_its_target(cls, values: Mapping[str, object]) -> Mapping[str, object]:
        only = _ONLY_FOR.get(str(values.get("kind")))
        return values if only is None else {"target": only, **values}

    @model_validator(mode="after")
    def _fits_target(self) -> Self:
        if _ONLY_FOR.get(self.kind, self.target) != self.target:
            raise ValueError(f"{self.kind} is no fault of a call for {self.target}")
        return self


def fault_in(prompt: str) -> Fault | None:
    """Return the fault that the prompt asks for, such as `[sandbox:429 count=1 retry_after=2]`, or None.

    Without `count` it is for every call with that prompt. Raises pydantic's ValidationError for an invalid fault.
    """
    found = _IN_PROMPT.search(prompt)
    if found is None:
        return None
    options = dict(option.split("=", 1) for option in found[2].split())
    return Fault.model_validate({"kind": found[1], "count": "-1", **options})


class FaultQueue:
    """The faults to come, in the order in which they were added. Safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[Fault] = []
        self._seen: Counter[tuple[Target, str]] = Counter()

    def add(self, fault: Fault) -> None:
        """Append `fault`; with a `count` of 0 it does nothing."""
        with self._lock:
            self._waiting.append(fault)

    def clear(self) -> None:
        """Drop all faults, and forget which prompts were seen."""
        with self._lock:
            self._waiting.clear()
            self._seen.clear()

    def take(self, target: Target, prompt: str) -> Fault | None:
        """Return the fault that this call meets: from its prompt, or the first that waits for `target`, or None."""
        asked_for = fault_in(prompt)
        with self._lock:
            self._seen[target, prompt] += 1
            if asked_for is not None and asked_for.target == target:
                return asked_for if asked_for.count < 0 or self._seen[target, prompt] <= asked_for.count else None
            return self._take_waiting(target)

    def _take_waiting(self, target: Target) -> Fault | None:
        for position, fault in enumerate(self._waiting):
            if fault.target == target and fault.count != 0:
                if fault.count > 0:
                    self._waiting[position] = fault.model_copy(update={"count": fault.count - 1})
                return fault
        return None
