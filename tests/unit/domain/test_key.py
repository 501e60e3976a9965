"""What is an API key, and how long it is valid."""

from __future__ import annotations

import hashlib
import zlib
from datetime import timedelta

import pytest

from imagegeneration.domain.key import ApiKey, is_key, key_sha256, new_key
from tests.unit.ui.samples import NOW

SECRET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
KEY = f"isk_{SECRET}{zlib.crc32(SECRET.encode()):08x}"


def test_a_new_key_is_a_key_and_never_the_same() -> None:
    keys = {new_key() for _ in range(50)}
    assert len(keys) == 50
    assert all(is_key(key) and key.startswith("isk_") and len(key) == 44 for key in keys)


def test_the_form_of_keys_never_changes_as_programs_hold_them() -> None:
    assert is_key(KEY)
    assert key_sha256(KEY) == hashlib.sha256(KEY.encode()).hexdigest()


def test_a_checksum_has_its_leading_zeros() -> None:
    secret = next(name for name in (f"{n:032d}" for n in range(1000)) if zlib.crc32(name.encode()) < 16**7)
    assert is_key(f"isk_{secret}{zlib.crc32(secret.encode()):08x}")


@pytest.mark.parametrize(
    "text",
    [
        *("", KEY[:-1], f"{KEY}0", f" {KEY[1:]}", f"xsk_{KEY[4:]}", f"{KEY[:-1]}é"),
        *(KEY.lower(), KEY.upper(), KEY.replace("A", "B"), KEY.replace("A", "Ä")),
        f"{KEY[:-1]}{'0' if KEY[-1] != '0' else '1'}",
    ],
)
def test_any_other_text_is_no_key(text: str) -> None:
    assert not is_key(text)


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
