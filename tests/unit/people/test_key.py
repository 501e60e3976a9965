"""What is an API key, and how long it is valid."""

from __future__ import annotations

import hashlib
import re
import zlib
from datetime import timedelta

from imagegeneration.people.key import ApiKey, key_sha256, new_key
from tests.unit.dashboard.samples import NOW


def test_new_keys_differ_and_have_the_form_that_scanners_for_leaked_secrets_know() -> None:
    keys = {new_key() for _ in range(2_000)}
    assert len(keys) == 2_000
    for key in keys:
        assert re.fullmatch("isk_[A-Z2-7]{32}[0-9a-f]{8}", key), "a checksum has its leading zeros, too"
        assert zlib.crc32(key[4:-8].encode()) == int(key[-8:], 16)


def test_the_hash_of_keys_never_changes_as_programs_hold_them() -> None:
    assert key_sha256("isk_ABC") == hashlib.sha256(b"isk_ABC").hexdigest()


def test_a_key_is_valid_until_it_expires_or_is_revoked() -> None:
    key = ApiKey(
        key_id="key_1",
        person_id="usr_1",
        name="Poster",
        hint="isk_ABCD",
        key_sha256="0" * 64,
        scopes=("look",),
        created_at=NOW,
        expires_at=None,
    )
    second = timedelta(seconds=1)
    until = key.model_copy(update={"expires_at": NOW})
    revoked = key.model_copy(update={"revoked_at": NOW})
    assert key.is_valid(NOW)
    assert [until.is_valid(moment) for moment in (NOW - second, NOW, NOW + second)] == [True, False, False]
    assert not revoked.is_valid(NOW - second)
