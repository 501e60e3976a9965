from __future__ import annotations

import pytest
from pydantic import ValidationError

from imagegeneration.local.sandbox.faults import Fault, FaultQueue, fault_in


def test_a_fault_meets_as_many_calls_as_it_counts_and_only_those_of_its_target() -> None:
    queue = FaultQueue()
    queue.add(Fault(kind="429", count=2))
    queue.add(Fault(kind="500"))
    queue.add(Fault(kind="empty_text"))

    met = [queue.take("image", "a cat") for _ in range(4)]
    text = [queue.take("text", "a cat") for _ in range(2)]

    assert [fault.kind if fault else None for fault in met] == ["429", "429", "500", None]
    assert [fault.kind if fault else None for fault in text] == ["empty_text", None]


def test_a_fault_without_end_stays_until_the_queue_is_cleared() -> None:
    queue = FaultQueue()
    queue.add(Fault(kind="hang", count=-1))

    assert [queue.take("image", "a cat") for _ in range(20)] == [Fault(kind="hang", count=-1)] * 20
    queue.clear()
    assert queue.take("image", "a cat") is None


def test_a_prompt_can_ask_for_a_fault_with_options() -> None:
    asked_for = fault_in("a cat [sandbox:429 count=1 retry_after=2.5] on a sofa")

    assert asked_for == Fault(kind="429", count=1, retry_after=2.5)
    assert fault_in("a cat [sandbox:moderation]") == Fault(kind="moderation", count=-1)
    assert fault_in("a cat") is None


def test_a_fault_in_a_prompt_is_counted_for_that_prompt() -> None:
    queue = FaultQueue()
    prompt = "a cat [sandbox:500 count=2]"

    met = [queue.take("image", prompt) is not None for _ in range(4)]

    assert met == [True, True, False, False]
    assert queue.take("text", prompt) is None, "it was meant for images"


@pytest.mark.parametrize("prompt", ["[sandbox:nonsense]", "[sandbox:429 retry=1]", "[sandbox:429 count=many]"])
def test_what_is_no_fault_is_refused(prompt: str) -> None:
    with pytest.raises(ValidationError):
        fault_in(prompt)


@pytest.mark.parametrize(
    ("kind", "target"),
    [("one_byte_png", "text"), ("empty_text", "image"), ("flagged", "image"), ("huge_png", "moderation")],
)
def test_a_fault_must_fit_its_target(kind: str, target: str) -> None:
    with pytest.raises(ValidationError):
        Fault.model_validate({"kind": kind, "target": target})
