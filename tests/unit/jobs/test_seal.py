"""The seal of an approval: what it covers, and whose key it is of."""

from __future__ import annotations

import hashlib
import hmac
from datetime import timedelta
from typing import Any

import pytest

from imagegeneration.jobs.job import Approval, Job
from imagegeneration.jobs.seal import SealKeys, approved_facts, stored_facts
from imagegeneration.providers.generation import GenerationParameters
from tests.unit.dashboard.samples import NOW, approval, job, stored_image

OLD, NEW = b"o" * 32, b"n" * 32
KEYS = SealKeys([NEW])
OTHER = GenerationParameters(
    provider="sandbox", model="gpt-image-2", size="1024x1024", quality="high", output_format="png"
)


def sealed(of: Job, keys: SealKeys = KEYS, number: int = 0) -> str:
    return keys.seal(approved_facts(of, of.approval, number))


def test_the_seal_of_what_was_approved_is_good() -> None:
    assert KEYS.check(sealed(job()), approved_facts(job(), approval(), 0)) == "good"


def test_what_is_sealed_is_written_alike_in_every_version_of_the_studio() -> None:
    facts = approved_facts(job(), approval().model_copy(update={"seal": "of before"}), 2)
    assert facts == {
        "jobId": "imgjob_1",
        "userId": "local",
        "intent": "homepage card",
        "rawPrompt": "a kite",
        "finalPrompt": "a red kite over hills",
        "imageCount": 1,
        "createdAt": "2026-11-21T12:00:00Z",
        "request": job().request.document(),
        "number": 2,
        "approval": {
            "approvedBy": "local",
            "approvedAt": "2026-11-21T12:00:00Z",
            "requestSha256": "a" * 64,
            "quotedMicros": 13_700,
            "priceTable": "2026-11-20",
            "endpointSha256": "b" * 64,
            "moderation": None,
        },
    }
    record = stored_facts(stored_image(seal="of before"))
    assert set(record) == set(stored_image().document())
    assert record["sha256"] == "0123456789abcdef" * 4


@pytest.mark.parametrize(
    "change",
    [
        {"created_at": NOW + timedelta(seconds=1)},
        {"final_prompt": "a green kite"},
        {"raw_prompt": "a green kite"},
        {"intent": "another"},
        {"image_count": 2},
        {"request": OTHER},
        {"job_id": "imgjob_2"},
        {"user_id": "bob"},
    ],
)
def test_a_job_that_was_changed_breaks_its_seal(change: dict[str, Any]) -> None:
    changed = job().model_copy(update=change)
    assert KEYS.check(sealed(job()), approved_facts(changed, changed.approval, 0)) == "wrong"


def test_alternates_are_sealed() -> None:
    changed = job().model_copy(update={"alternates": (OTHER,)})
    assert KEYS.check(sealed(job()), approved_facts(changed, changed.approval, 0)) == "wrong"


@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")
@pytest.mark.parametrize("name", sorted(set(Approval.model_fields) - {"seal"}))
def test_each_field_of_an_approval_is_sealed(name: str) -> None:
    forged = approval().model_copy(update={name: 7})
    assert KEYS.check(sealed(job()), approved_facts(job(), forged, 0)) == "wrong"


def test_an_approval_cannot_take_another_ones_place() -> None:
    assert KEYS.check(sealed(job()), approved_facts(job(), approval(), 1)) == "wrong"


def test_a_key_is_replaced_while_it_is_in_use() -> None:
    facts = approved_facts(job(), approval(), 0)
    before, after = SealKeys([OLD, NEW]), SealKeys([NEW, OLD])
    for seal in (before.seal(facts), after.seal(facts)):
        assert (before.check(seal, facts), after.check(seal, facts)) == ("good", "good")
    assert SealKeys([NEW]).check(before.seal(facts), facts) == "of an unknown key"
    assert before.seal(facts) != after.seal(facts)


def test_without_a_seal_nothing_is_approved() -> None:
    facts = approved_facts(job(), approval(), 0)
    assert KEYS.check(None, facts) == "missing"
    assert KEYS.check("", facts) == "of an unknown key"
    assert KEYS.check(KEYS.seal(facts).partition(":")[0] + ":é", facts) == "wrong"


def test_the_record_of_a_stored_image_is_sealed() -> None:
    seal = KEYS.seal(stored_facts(stored_image()))
    assert KEYS.check(seal, stored_facts(stored_image(seal=seal))) == "good"
    for name, value in (("sha256", "f" * 64), ("storage_key", "elsewhere"), ("url", "http://elsewhere")):
        assert KEYS.check(seal, stored_facts(stored_image(**{name: value}))) == "wrong"


def test_a_seal_is_of_canonical_json_and_names_its_key() -> None:
    canonical = '{"a":1,"b":["é🪁",2]}'.encode()
    name = hmac.new(NEW, b"name", hashlib.sha256).hexdigest()[:8]
    digest = hmac.new(NEW, canonical, hashlib.sha256).hexdigest()
    assert KEYS.seal({"b": ["é🪁", 2], "a": 1}) == f"{name}:{digest}"
    assert KEYS.check(f"{name}:{digest}", {"b": ["é🪁", 2], "a": 1}) == "good"
    assert KEYS.check(f"{name}:{digest}:", {"b": ["é🪁", 2], "a": 1}) == "wrong"
