"""API keys as they are pasted, without the invisible characters that copying adds."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, SecretStr

_AROUND_KEYS = " \t\r\n\v\f\u00a0\u00ad\u200b\u200c\u200d\u200e\u200f\u2028\u2029\u202f\u2060\u3000\ufeff"
"""Invisible characters that copying puts around a key."""


def usable_key(value: object) -> object:
    """Return the key in a form that fits a header, or None if it is empty. Raises ValueError for other characters."""
    if not isinstance(value, str | SecretStr):
        return value
    key = (value if isinstance(value, str) else value.get_secret_value()).strip(_AROUND_KEYS)
    for place, character in enumerate(key, 1):
        if not "!" <= character <= "~":
            raise ValueError(f"no key has the character U+{ord(character):04X}, which is at place {place} of it")
    return key or None


Key = Annotated[SecretStr | None, BeforeValidator(usable_key)]
"""A key from the environment, or None if it is empty."""
