"""The prices of a model's calls, in micro-dollars: the maximum before a call, the cost by token count after it."""

from __future__ import annotations

from imagegeneration.core.errors import ModelUnavailable
from imagegeneration.core.value import Many, Micros, Value
from imagegeneration.money.money import quoted, tokens_cost
from imagegeneration.providers.generation import GenerationParameters, Usage

TEMPLATE_TOKENS = 32
"""Tokens that a provider may add around a prompt. A hold covers them if text is billed by the token."""

MEGAPIXEL = 1024 * 1024
"""Pixels of a megapixel, as Fal counts: an image of 1024x1024 is one."""


class ImagePrice(Value):
    """The price of an image. A size or a quality of None matches all."""

    size: str | None = None
    quality: str | None = None
    micros: Micros


class Prices(Value):
    """The prices of a call: by the image, by the started megapixel, and by the million tokens.

    `text_out` is for words and thoughts that a model makes beside the image. A quote covers `text_out_most` tokens of
    them. `reference_tokens` is the maximum count of an image to edit, and `partial_tokens` the count of a preview.
    """

    image: Many[ImagePrice] = ()
    megapixel: Micros | None = None
    text_in: Micros = 0
    image_in: Micros = 0
    image_out: Micros = 0
    text_out: Micros = 0
    text_out_most: Micros = 0
    reference_tokens: Micros = 0
    partial_tokens: Micros = 0
    is_estimate: bool = False

    def of(self, parameters: GenerationParameters) -> int | None:
        """Return the price of one image, or None if there is none."""
        if self.megapixel is not None:
            width, height = parameters.pixels
            return self.megapixel * -(-width * height // MEGAPIXEL)
        for price in self.image:
            if price.size in (None, parameters.size) and price.quality in (None, parameters.quality):
                return price.micros
        return None

    @property
    def partial_micros(self) -> int:
        """Return the price of one preview, or 0 if there is none."""
        return tokens_cost((self.partial_tokens, self.image_out))

    def quote(self, parameters: GenerationParameters, final_prompt: str) -> int:
        """Return the most that one image can cost.

        It is the sum of the image's price, the prompt's bytes and TEMPLATE_TOKENS at the text price, the words that the
        model may make, the maximum of each reference, and the previews. A token is never shorter than a byte, so the
        bytes bound the tokens. The sum is rounded up by `quoted`. Raises ModelUnavailable (IMG_013) if a price is
        missing.
        """
        price = self.of(parameters)
        if price is None:
            raise ModelUnavailable(
                f"The catalog has no price for {parameters.model} at {parameters.size}, quality {parameters.quality}."
            )
        if parameters.references and not self.image_in * self.reference_tokens:
            raise ModelUnavailable(f"The catalog has no price for images that {parameters.model} is given to edit.")
        if parameters.partial_images and not self.partial_micros:  # guard: preview-has-price
            raise ModelUnavailable(f"The catalog has no price for images that {parameters.model} shows on the way.")
        prompt_bytes = len((final_prompt + (parameters.negative_prompt or "")).encode())
        return quoted(
            price
            + tokens_cost(
                (prompt_bytes + TEMPLATE_TOKENS, self.text_in),
                (len(parameters.references) * self.reference_tokens, self.image_in),
                (self.text_out_most, self.text_out),
                (parameters.partial_images * self.partial_tokens, self.image_out),  # guard: preview-in-quote
            )
        )

    def cost(self, usage: Usage) -> int | None:
        """Return the call's cost by the provider's count of tokens, rounded up, or None if the count gives none.

        It gives none if images have no price by the token, or if the count is implausible. That does not mean that the
        call was free.
        """
        if not self.image_out or usage.implausible:
            return None
        return tokens_cost(
            (usage.input_text_tokens, self.text_in),
            (usage.input_image_tokens, self.image_in),
            (usage.output_tokens, self.image_out),
            (usage.output_text_tokens, self.text_out),
            (usage.undivided_tokens, max(self.text_in, self.image_in)),
        )

    def judged(self, wanted: GenerationParameters, usage: Usage, *, is_edit: bool, max_cost_micros: int) -> Usage:
        """Return the provider's count, marked as implausible if it cannot be right.

        No prompt is empty, and no edit reads no image. No image costs less than a tenth of the price of the request, or
        more than `max_cost_micros`. Without an edit, all that was read is text.
        """
        if not is_edit:
            read = usage.input_text_tokens + usage.undivided_tokens
            usage = usage.model_copy(update={"input_text_tokens": read, "undivided_tokens": 0})
        price = self.of(wanted) if self.image else 0
        if price is None:  # the row has lost this price since the approval
            price = min(each.micros for each in self.image)
        images_read = usage.input_image_tokens + usage.undivided_tokens
        is_wrong = (
            usage.input_text_tokens + images_read == 0
            or usage.output_tokens == 0
            or (is_edit and images_read == 0)
            or 10 * tokens_cost((usage.output_tokens, self.image_out)) < price
        )
        is_absurd = (self.cost(usage) or 0) > max_cost_micros
        return usage.model_copy(update={"implausible": is_wrong or is_absurd})
