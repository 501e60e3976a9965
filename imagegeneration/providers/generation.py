"""What is asked of a provider, and what comes back."""

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
"""PRD 000, section 2: no more than 5 images a job."""

MAX_LORAS = 5

LARGEST_SEED = 2**31 - 1
"""What every model that takes a seed takes."""

LONGEST_WAIT_SECONDS = 3600.0
"""No answer of a provider is waited for longer."""

MAX_PARTIAL_IMAGES = 3
"""Of each image, on the way to it."""

Background = Literal["transparent", "opaque", "auto"]

ImageCount = Annotated[int, Strict(), AfterValidator(lambda count: min(max(count, 1), MAX_IMAGES))]
"""Any integer, clamped to 1..5 (PRD 000, section 5.2)."""


class EnhanceBody(Value):
    """Body of POST /image/enhance-prompt."""

    intent: Intent
    prompt: Prompt


class EnhancedPrompt(Value):
    """Answer of POST /image/enhance-prompt: the suggestion that the person may edit."""

    final_prompt: str


LoraName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
"""What a LoRA is called in the collection; it never changes."""

LoraFamily = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{0,31}$")]
"""The models that a LoRA is made for; the catalog says of each model which family it takes."""

LoraWeight = Annotated[float, Field(ge=0, le=2)]
"""The scale of PRD 003, 4.2; 1 is the usual."""


def _unless_asked_for() -> Any:
    """A parameter that is neither stored nor hashed where nobody asked for it, so that older jobs stay as they are."""
    return Field(default=None, exclude_if=lambda value: value is None)


class Lora(Value):
    """A small model that changes the style of a larger one, as it is sent: where it is, and how much it counts.

    `name` and `family` are the collection's, as they were at approval; one that was given by its path has none.
    """

    path: str = Field(min_length=1, max_length=500)
    weight: LoraWeight = 1.0
    name: LoraName | None = sparse(None)
    family: LoraFamily | None = sparse(None)


class GenerationParameters(Value):
    """What each call is made of beside the prompt; stored with the job as `request`.

    `size` is WIDTHxHEIGHT in pixels. `seed` is a drawn one where a random one was asked for; `seeds` has one for each
    image, the first being `seed`, where there are several images. `quality` is `standard` for models that know no
    other. `partial_images` are shown while each image is made, and cost extra.
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
        """Width and height."""
        width, _, height = self.size.partition("x")
        return int(width), int(height)

    @property
    def is_edit(self) -> bool:
        """Whether images are made from others."""
        return bool(self.references)


class GenerationRequest(GenerationParameters):
    """One image to be made: the only argument a provider gets.

    `timeout_seconds` is how long the answer is waited for: the model's time from the catalog. `inputs` are the bytes
    of the references, in their order; they are read for a call and never stored.
    """

    final_prompt: str
    timeout_seconds: float = LONGEST_WAIT_SECONDS
    inputs: Many[InputImage] = Field(default=(), exclude=True, repr=False)

    def images_to_edit(self) -> Sequence[InputImage]:
        """The bytes of every reference. Raises ValueError unless they are all there: none is ever left out."""
        if len(self.inputs) != len(self.references):  # guard: reference-complete
            raise ValueError(f"{len(self.references)} images are to be edited, and {len(self.inputs)} were read.")
        return self.inputs


class Usage(Value):
    """What the provider says it used, in tokens; `output_text_tokens` are words and thoughts beside the image.

    `undivided_tokens` were read, and the provider does not say whether as text or as images: they count at the dearer
    price. A count that is `implausible` is kept, and not used: the quote counts.
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
"""Characters that are kept of what a provider says: a document of the database has room for 16 MB."""


@dataclass(frozen=True)
class Answer:
    """What a provider answered to a paid call. `content` is meant to be an image, and not yet checked.

    Its texts are made fit to be stored: no text of a provider costs an image.
    `others` are further pictures of the same answer, which were paid for too; `kept` names the files that have them.
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
    """What the enhancer answered, and what the text cost in tokens (None: the provider did not say)."""

    final_prompt: str
    input_tokens: int | None
    output_tokens: int | None


@dataclass(frozen=True)
class Finding:
    """What the moderation service answered: the model that looked, and the categories found (none: all is well)."""

    model: str
    categories: tuple[str, ...]


class CallFailed(Exception):
    """A call to a provider brought no answer. What is known of the money decides what happens next.

    `certainty` `charged`: the provider says that it bills the call, at the price that was quoted, although it keeps
    the image to itself. Only a call known not to be charged may be `retryable`.
    `retry_after` is in seconds, as the provider asked for it. `credentials`: the provider does not accept this
    account, so that no other call would succeed either. `stops`: what it refuses may be the prompt, as `moderated`
    says for sure, so no other model is asked. Its texts are made fit to be stored.
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
    """A call that its provider works on by itself is left there: the next process waits for it, by its handle."""

    def __init__(self, handle: str) -> None:
        super().__init__(f"The call {handle} is left at the provider.")
        self.handle = handle


Json = Mapping[str, Any]
