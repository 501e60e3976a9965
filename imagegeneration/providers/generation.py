"""The requests to a provider, and its answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, Strict

from imagegeneration.assets.asset import OutputFormat
from imagegeneration.assets.reference import InputImage, Reference
from imagegeneration.core.ids import ProviderName
from imagegeneration.core.text import Intent, Prompt, tame
from imagegeneration.core.value import Many, Micros, Value, sparse

MAX_IMAGES = 5
"""Maximum number of images of a job, by the PRD "Image Generation Pipeline", section 2."""

MAX_LORAS = 5

LARGEST_SEED = 2**31 - 1
"""The largest seed that every model with a seed takes."""

LONGEST_WAIT_SECONDS = 3600.0
"""Maximum time that a provider's answer is waited for, in seconds."""

MAX_PARTIAL_IMAGES = 3
"""Maximum number of previews of each image."""

Background = Literal["transparent", "opaque", "auto"]

ImageCount = Annotated[int, Strict(), AfterValidator(lambda count: min(max(count, 1), MAX_IMAGES))]
"""Any integer, clamped to 1..5 by the PRD "Image Generation Pipeline", section 5.2."""


class EnhanceBody(Value):
    """Body of POST /image/enhance-prompt."""

    intent: Intent
    prompt: Prompt


class EnhancedPrompt(Value):
    """Answer of POST /image/enhance-prompt: the suggestion, which the user may edit."""

    final_prompt: str


LoraName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
"""The permanent name of a LoRA in the collection."""

LoraFamily = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{0,31}$")]
"""The models that a LoRA is made for. The catalog says which family each model takes."""

LoraWeight = Annotated[float, Field(ge=0, le=2)]
"""The weight of a LoRA, from 0 to 2 by the PRD "Image Generation v2", section 4.2. The default is 1."""


def _unless_asked_for() -> Any:
    """Return a field that is neither stored nor hashed while it is unset, so that older jobs stay as they are."""
    return Field(default=None, exclude_if=lambda value: value is None)


class Lora(Value):
    """A style add-on as it is sent: its path, and its weight.

    `name` and `family` are the collection's, as they were at approval. A LoRA given by its path has neither.
    """

    path: str = Field(min_length=1, max_length=500)
    weight: LoraWeight = 1.0
    name: LoraName | None = sparse(None)
    family: LoraFamily | None = sparse(None)


class GenerationParameters(Value):
    """The parameters of each call besides the prompt, stored with the job as `request`.

    `size` is WIDTHxHEIGHT in pixels. `seed` is the drawn one if a random one was requested. `seeds` has one for each of
    several images, the first being `seed`. `quality` is `standard` for models without a choice. `partial_images` is the
    number of previews of each image, which cost extra.
    """

    provider: ProviderName
    model: str
    size: str
    quality: str
    output_format: OutputFormat
    background: Background | None = _unless_asked_for()
    seed: int | None = _unless_asked_for()
    seeds: Many[int] = sparse(())
    negative_prompt: str | None = _unless_asked_for()
    steps: int | None = _unless_asked_for()
    guidance: float | None = _unless_asked_for()
    loras: Many[Lora] = Field(default=(), exclude_if=lambda value: not value)
    references: Many[Reference] = sparse(())
    partial_images: int = sparse(0, ge=0, le=MAX_PARTIAL_IMAGES)

    @property
    def pixels(self) -> tuple[int, int]:
        """Return width and height."""
        width, _, height = self.size.partition("x")
        return int(width), int(height)

    @property
    def is_edit(self) -> bool:
        """Return whether images are made from others."""
        return bool(self.references)


class GenerationRequest(GenerationParameters):
    """One image to be made: what a provider gets besides the call.

    `timeout_seconds` is how long the answer is waited for, by the catalog. `inputs` are the bytes of the references, in
    their order. They are read for a call and never stored.
    """

    final_prompt: str
    timeout_seconds: float = LONGEST_WAIT_SECONDS
    inputs: Many[InputImage] = Field(default=(), exclude=True, repr=False)

    def images_to_edit(self) -> Sequence[InputImage]:
        """Return the bytes of every reference. Raises ValueError if one is missing, since none may be left out."""
        if len(self.inputs) != len(self.references):  # guard: reference-complete
            raise ValueError(f"{len(self.references)} images are to be edited, and {len(self.inputs)} were read.")
        return self.inputs


class Usage(Value):
    """The tokens that a provider counted. `output_text_tokens` are words and thoughts beside the image.

    `undivided_tokens` were read as text or as images, which the provider does not say, so that the higher price counts.
    An `implausible` count is stored but not used: the quote counts.
    """

    input_text_tokens: Micros
    input_image_tokens: Micros
    output_tokens: Micros
    output_text_tokens: Micros = sparse(0)
    undivided_tokens: Micros = sparse(0)
    implausible: bool = sparse(False)


MAX_REVISED_PROMPT = 32_000
MAX_PROVIDER_MESSAGE = 1_000
MAX_PROVIDER_ID = 200
"""Maximum characters of a provider's texts that are kept: a document of the database has room for 16 MB."""


@dataclass(frozen=True)
class Answer:
    """A provider's answer to a paid call. `content` should be an image, and is not yet checked.

    Its texts are made safe to store, so that no text of a provider loses an image. `others` are further pictures of the
    answer, which are paid for too. `kept` names their files.
    """

    content: bytes
    usage: Usage | None
    provider_request_id: str | None
    revised_prompt: str | None = None
    others: tuple[bytes, ...] = ()
    kept: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, limit in (("provider_request_id", MAX_PROVIDER_ID), ("revised_prompt", MAX_REVISED_PROMPT)):
            text = getattr(self, name)
            if text is not None:
                object.__setattr__(self, name, tame(text, limit))


@dataclass(frozen=True)
class Enhancement:
    """The enhancer's answer, and its tokens, or None if the provider did not count them."""

    final_prompt: str
    input_tokens: int | None
    output_tokens: int | None


@dataclass(frozen=True)
class Finding:
    """The moderation service's answer: its model, and the categories found, or none if there is no objection."""

    model: str
    categories: tuple[str, ...]


class CallFailed(Exception):
    """The failure of a call that brought no answer. What is known about the charge decides what happens next.

    `certainty` is `charged` if the provider bills the call, at the quoted price, although it returns no image. Only a
    call known not to be charged may be `retryable`. `retry_after` is the wait that the provider asks for, in seconds.
    `credentials`: the provider does not accept this account, so that no other call would succeed either. `moderated`:
    the prompt was refused. `stops`: the prompt may be what was refused, so no other model is asked. Its texts are made
    safe to store.
    """

    def __init__(
        self,
        message: str,
        *,
        certainty: Literal["charged", "not_charged", "unknown"],
        moderated: bool = False,
        stops: bool = False,
        retryable: bool = False,
        retry_after: float | None = None,
        credentials: bool = False,
        provider_request_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = tame(message, MAX_PROVIDER_MESSAGE)
        self.certainty: Literal["charged", "not_charged", "unknown"] = certainty
        self.moderated = moderated
        self.stops = stops or moderated
        self.retryable = retryable
        self.retry_after = retry_after
        self.credentials = credentials
        self.provider_request_id = None if provider_request_id is None else tame(provider_request_id, MAX_PROVIDER_ID)


class CallDetached(Exception):
    """A call left to its provider, which completes it by itself. The next process resumes it by its handle."""

    def __init__(self, handle: str) -> None:
        super().__init__(f"The call {handle} is left at the provider.")
        self.handle = handle


Json = Mapping[str, Any]
