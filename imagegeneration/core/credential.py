"""Keys as they are pasted: what copying puts around them is removed."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, SecretStr

_AROUND_KEYS = " \t\r\n\v\f\u00a0\u00ad\u200b\u200c\u200d\u200e\u200f\u2028\u2029\u202f\u2060\u3000\ufeff"
"""What copying puts around a key and no eye sees."""


def usable_key(value: object) -> object:
    """Return a key as a header can have it, without what stands around it, or None for nothing. Raises ValueError."""
    if not isinstance(value, str | SecretStr):
        return value
    key = (value if isinstance(value, str) else value.get_secret_value()).strip(_AROUND_KEYS)
    for place, character in enumerate(key, 1):
        if not "!" <= character <= "~":
            raise ValueError(f"no key has the character U+{ord(character):04X}, which is at place {place} of it")
    return key or None


Key = Annotated[SecretStr | None, BeforeValidator(usable_key)]
"""A key of the environment, or None for an empty one."""
