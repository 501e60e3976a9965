"""The settings that a process shares with the others, as fingerprints that reveal no key. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from imagegeneration.core.ids import ProviderName
from imagegeneration.core.value import Many, Moment, Value

Kind = Literal["dashboard", "runner"]

ADDRESSES: Mapping[ProviderName, str] = {
    "openai": "OPENAI_BASE_URL",
    "google": "GOOGLE_BASE_URL",
    "fal": "FAL_BASE_URL",
    "replicate": "REPLICATE_BASE_URL",
    "stability": "STABILITY_BASE_URL",
    "forge": "BUILT_IN_FORGE_API_URL",
    "sandbox": "SANDBOX_URL",
}
"""The variables with the addresses of providers; all other addresses are in IMAGE_SERVERS."""


class Address(Value):
    """The address at which a process calls a provider, as the first digits of a hash."""

    provider: ProviderName
    digits: str


class ProcessInfo(Value):
    """A running process: one document of the collection `processes`.

    `seal_keys` are the names of its APPROVAL_KEYS, the one that seals first. A dashboard is any process with the API.
    """

    schema_version: Literal[1] = 1
    process_id: str
    kind: Kind
    host: str
    seal_keys: Many[str]
    addresses: Many[Address]
    seen_at: Moment


class Mismatch(Value):
    """A variable on which this process and another one disagree, with one line that says what to compare."""

    process_id: str
    variable: str
    text: str


def mismatches(own: ProcessInfo, others: Sequence[ProcessInfo]) -> Iterator[Mismatch]:
    """Find the settings that would make jobs fail between two processes that approve and run them.

    Keys that are being replaced one process at a time do not count: each process knows the key that seals in the other.
    A provider that only one of them has does not count either.
    """
    here = {address.provider: address.digits for address in own.addresses}
    for other in others:
        between = f"of the {own.kind} on {own.host} and the {other.kind} on {other.host} differ"
        if other.seal_keys[0] not in own.seal_keys or own.seal_keys[0] not in other.seal_keys:
            text = f"APPROVAL_KEYS {between}. Jobs that one approves end as TAMPERED in the other."
            yield Mismatch(process_id=other.process_id, variable="APPROVAL_KEYS", text=text)
        for address in other.addresses:
            if here.get(address.provider, address.digits) != address.digits:
                variable = ADDRESSES.get(address.provider, "IMAGE_SERVERS")
                text = f"{variable} {between}. Jobs of {address.provider} end as PROVIDER_CHANGED."
                yield Mismatch(process_id=other.process_id, variable=variable, text=text)
