"""LoRAs: style add-ons for models that take one, kept in a collection that all users choose from."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, Strict, model_validator

from imagegeneration.core.text import Described, Intent, check_text
from imagegeneration.core.value import Many, Moment, Value
from imagegeneration.providers.generation import Lora, LoraFamily, LoraName, LoraWeight

HOSTS = ("huggingface.co", "civitai.com", "fal.media", "v3.fal.media", "v3b.fal.media", "replicate.delivery")
"""Hosts of LoRAs: public stores of models, and where Fal and Replicate put the LoRAs that they train."""

TRIGGER_WORD_MAX = 100
DESCRIPTION_MAX = 1000

_NAME = r"[A-Za-z0-9]+(?:[._-][A-Za-z0-9]+)*"
_REPOSITORY = f"{_NAME}/{_NAME}"
_FOLDERS = r"(?:/[A-Za-z0-9_~@%+-][A-Za-z0-9._~@%+-]*)*"
_FILE = r"/[A-Za-z0-9_~@%+-][A-Za-z0-9._~@%+-]*\.safetensors"
_QUERY = r"(?:type|format|size|fp)=[A-Za-z0-9]+"
_OTHERS = "|".join(host.replace(".", r"\.") for host in HOSTS if host != "huggingface.co")

PATH_PATTERN = (
    f"^(?:{_REPOSITORY}"
    rf"|https://huggingface\.co/{_REPOSITORY}/resolve{_FOLDERS}{_FILE}"
    f"|https://(?:{_OTHERS}){_FOLDERS}{_FILE}"
    rf"|https://civitai\.com/api/download/models/[0-9]{{1,12}}(?:\?{_QUERY}(?:&{_QUERY})*)?)$"
)
"""The form of a LoRA's path: what every provider that takes LoRAs can load."""


def check_path(path: str) -> str:
    """Return `path` unchanged if every provider that takes LoRAs can load it. Raises ValueError.

    The path is sent to a provider and never opened here. An address with a token is refused, because the token would be
    stored, shown and sent.
    """
    if re.fullmatch(PATH_PATTERN, path):  # guard: lora-path-host
        return path
    raise ValueError(
        "must be owner/name of Hugging Face, the https address of a .safetensors file (on Hugging Face its /resolve/ "
        f"address) at one of {', '.join(HOSTS)}, or a https://civitai.com/api/download/models/ address without a token"
    )


LoraPath = Annotated[
    str, Strict(), Field(max_length=500, json_schema_extra={"pattern": PATH_PATTERN}), AfterValidator(check_path)
]
"""The path of a LoRA, for the provider that loads it."""

Description = Annotated[
    str,
    Strict(),
    AfterValidator(lambda text: text and check_text(text, DESCRIPTION_MAX)),
    Described(DESCRIPTION_MAX, may_be_empty=True),
]
"""Up to 1,000 characters."""

TriggerWord = Annotated[
    str, Strict(), AfterValidator(lambda text: check_text(text, TRIGGER_WORD_MAX)), Described(TRIGGER_WORD_MAX)
]
TriggerWords = Annotated[Many[TriggerWord], Field(max_length=10)]
"""The words that a prompt needs for the LoRA to have an effect. Only the user writes them into a prompt."""


class LoraFacts(Value):
    """The facts about a LoRA that may be changed."""

    label: Intent
    description: Description = ""
    path: LoraPath
    family: LoraFamily
    trigger_words: TriggerWords = ()
    default_weight: LoraWeight = 1.0
    enabled: bool = True


class LoraBody(LoraFacts):
    """A LoRA to be added."""

    name: LoraName


class LoraChanges(Value):
    """The changes of a LoRA (null: keep the value). `version` is the one that was read."""

    version: int = Field(ge=0, le=2**31)
    label: Intent | None = None
    description: Description | None = None
    path: LoraPath | None = None
    family: LoraFamily | None = None
    trigger_words: TriggerWords | None = None
    default_weight: LoraWeight | None = None
    enabled: bool | None = None


class CollectedLora(LoraBody):
    """A document of the collection `loras`, with the user who changed it last."""

    schema_version: Literal[1] = 1
    version: int = 0
    created_at: Moment
    changed_at: Moment
    changed_by: str

    def sent(self, weight: float | None) -> Lora:
        """Return the LoRA as a job stores and sends it, with the default weight if none is given."""
        usual = self.default_weight if weight is None else weight
        return Lora(path=self.path, weight=usual, name=self.name, family=self.family)


class LoraWish(Value):
    """A LoRA of a request: named by the collection or, by an admin only, given by its path.

    Without a weight it has the default weight of the collection, or 1.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [{"required": [one], "properties": {one: {"type": "string"}}} for one in ("name", "path")]
        }
    )

    name: LoraName | None = None
    path: LoraPath | None = None
    weight: LoraWeight | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.name is None) == (self.path is None):
            raise ValueError("must have either a name or a path")
        return self
