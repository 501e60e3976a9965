"""Which settings of two processes make jobs fail, and which may differ."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from imagegeneration.processes.process import Address, Kind, ProcessInfo, mismatches

NOW = datetime(2026, 11, 29, tzinfo=UTC)


def process(kind: Kind, keys: str, **addresses: str) -> ProcessInfo:
    """A process with these keys, one letter each, and addresses."""
    return ProcessInfo(
        process_id=f"process_{kind}",
        kind=kind,
        host=f"{kind}-1",
        seal_keys=tuple(keys),
        addresses=tuple(Address(provider=name, digits=digits) for name, digits in addresses.items()),
        seen_at=NOW,
    )


@pytest.mark.parametrize(
    ("here", "there", "is_wrong"),
    [
        ("a", "a", False),
        ("a", "b", True),
        ("ab", "a", False),  # the three steps by which a key is replaced
        ("ba", "ab", False),
        ("b", "ba", False),
        ("ba", "a", True),  # one step was left out
        ("b", "ab", True),
    ],
)
def test_each_process_must_know_the_key_that_seals_in_the_other(here: str, there: str, is_wrong: bool) -> None:
    found = list(mismatches(process("dashboard", here), [process("runner", there)]))
    between = "of the dashboard on dashboard-1 and the runner on runner-1 differ"
    text = f"APPROVAL_KEYS {between}. Jobs that one approves end as TAMPERED in the other."
    assert [(one.variable, one.text) for one in found] == ([("APPROVAL_KEYS", text)] if is_wrong else [])


@pytest.mark.parametrize(
    ("provider", "variable"),
    [("openai", "OPENAI_BASE_URL"), ("forge", "BUILT_IN_FORGE_API_URL"), ("x", "IMAGE_SERVERS")],
)
def test_the_same_provider_must_be_at_the_same_address(provider: str, variable: str) -> None:
    own, other = process("runner", "a", fal="1", **{provider: "2"}), process("dashboard", "a", **{provider: "3"})
    (found,) = mismatches(own, [other, process("runner", "a", **{provider: "2"})])
    assert found.variable == variable
    between = "of the runner on runner-1 and the dashboard on dashboard-1 differ"
    assert found.text == f"{variable} {between}. Jobs of {provider} end as PROVIDER_CHANGED."
