"""The rule for texts that users and clients send: intents, prompts and reasons."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, GetJsonSchemaHandler, Strict, StringConstraints
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

INTENT_MAX = 200
PROMPT_MAX = 4000

_FORBIDDEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_ALLOWED = r"[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]"
_VISIBLE = r"[^\x00-\x20\x7f-\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]"


def check_text(text: str, limit: int) -> str:
    """Return `text` unchanged if it has 1 to `limit` code points after trimming and no forbidden character.

    NUL, lone surrogates and control characters other than tab, CR and newline are forbidden. Raises PydanticCustomError
    of type `text` otherwise; the API turns it into IMG_003.
    """
    length = len(text.strip())
    if length == 0:
        raise PydanticCustomError("text", "must not be empty")
    if length > limit:
        numbers = {"length": length, "limit": limit}
        raise PydanticCustomError("text", "has {length} characters; at most {limit} are allowed", numbers)
    if found := _FORBIDDEN.search(text):
        name = {"name": f"U+{ord(found.group()):04X}"}
        raise PydanticCustomError("text", "contains the control character {name}, which is not allowed", name)
    return text


def tame(text: str, limit: int) -> str:
    """Return `text` cut to `limit` code points, with U+FFFD for each forbidden character."""
    return _FORBIDDEN.sub("\ufffd", text[:limit])


class Described:
    """A description of the rule in the OpenAPI document; `check_text` enforces it."""

    def __init__(self, limit: int, *, may_be_empty: bool = False) -> None:
        self.limit = limit
        self.may_be_empty = may_be_empty

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        described: dict[str, Any] = handler(schema)
        some = f"{_ALLOWED}*{_VISIBLE}{_ALLOWED}*"
        if self.may_be_empty:
            described.update(maxLength=self.limit, pattern=f"^({some})?$")
        else:
            described.update(minLength=1, maxLength=self.limit, pattern=f"^{some}$")
        return described


Intent = Annotated[str, Strict(), AfterValidator(lambda text: check_text(text, INTENT_MAX)), Described(INTENT_MAX)]
"""What the images are for: 1 to 200 characters, stored and sent untrimmed."""

Prompt = Annotated[str, Strict(), AfterValidator(lambda text: check_text(text, PROMPT_MAX)), Described(PROMPT_MAX)]
"""A prompt: 1 to 4,000 characters, stored and sent untrimmed."""

Reason = Annotated[
    str, Strict(), StringConstraints(min_length=1, max_length=500, pattern=f"^{_ALLOWED}*{_VISIBLE}{_ALLOWED}*$")
]
"""The reason for a decision: 1 to 500 characters, for the audit record."""
