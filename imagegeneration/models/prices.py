"""What a model's calls cost, in micro-dollars: before a call the most, after it by the provider's count of tokens."""

from __future__ import annotations

from imagegeneration.core.errors import ModelUnavailable
from imagegeneration.core.value import Many, Micros, Value
from imagegeneration.money.money import quoted, tokens_cost
from imagegeneration.providers.generation import GenerationParameters, Usage

TEMPLATE_TOKENS = 32
"""What a provider may put around a prompt, in tokens: a hold has room for them where text is billed by the token."""

MEGAPIXEL = 1024 * 1024
"""As Fal counts: an image of 1024x1024 is one."""


class ImagePrice(Value):
    """What an image costs; a size or a quality that is not given stands for all of them."""

    size: str | None = None
    quality: str | None = None
    micros: Micros


class Prices(Value):
    """What a call costs: by the image, by the started megapixel, and by the token (a million tokens).

    `text_out` is for words and thoughts that a model makes beside the image; a quote has room for `text_out_most`
    tokens of them. `reference_tokens` is the most that one image counts as that is given to be edited, and
    `partial_tokens` what one counts as that is shown on the way.
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
        """Return the price of one image, or None where there is none."""
        if self.megapixel is not None:
            width, height = parameters.pixels
            return self.megapixel * -(-width * height // MEGAPIXEL)
        for price in self.image:
            if price.size in (None, parameters.size) and price.quality in (None, parameters.quality):
                return price.micros
        return None

    @property
    def partial_micros(self) -> int:
        """Return what one image on the way costs; 0 where there is no price."""
        return tokens_cost((self.partial_tokens, self.image_out))

    def quote(self, parameters: GenerationParameters, final_prompt: str) -> int:
        """Return the most that one image can cost: its price, the prompt's bytes and TEMPLATE_TOKENS at the text price,
        the words that the model may make, the most that each reference counts as, and the images shown on the way.

        A token is never shorter than a byte, so the bytes bound the tokens. The sum is rounded up by `quoted`. Raises
        ModelUnavailable (IMG_013) where there is no price: without a price the request is refused.
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
        """Return what a call cost by the provider's own count of tokens, rounded up.

        None where images have no price by the token, or the count is not plausible: then the count says nothing, least
        of all that it was free.
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
        """Return the provider's count, marked where it cannot be right: no prompt is empty, no edit reads no image, and
        no image costs less than a tenth of the price of what was asked for, or more than `max_cost_micros`. Without an
        edit, all that was read is text.
        """
        if not is_edit:
            read = usage.input_text_tokens + usage.undivided_tokens
            usage = usage.model_copy(update={"input_text_tokens": read, "undivided_tokens": 0})
        price = self.of(wanted) if self.image else 0
        if price is None:  # the row has changed since the approval, and lost this price
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
