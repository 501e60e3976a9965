"""Styles, and how they and a negative prompt become part of a final prompt before it is approved.

They are FR-001 of the PRD "Image Generation System". What is added is one last paragraph of a fixed form, so that it
can be recognized: rendering a prompt once more replaces the paragraph instead of adding another. The text before it is
the user's own and never changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

from imagegeneration.core.errors import PromptRefused
from imagegeneration.core.text import PROMPT_MAX
from imagegeneration.core.value import Value
from imagegeneration.models.model import ImageModel

StyleName = Literal[
    "photorealistic", "artistic", "illustration", "cartoon", "abstract", "minimalist", "vintage", "modern"
]
STYLE_NAMES: tuple[StyleName, ...] = get_args(StyleName)

STYLE_WORDS: Mapping[StyleName, str] = {
    "photorealistic": "photorealistic, as taken with a camera, natural light, true detail and texture",
    "artistic": "artistic, with the expression, brushwork and color of a painting",
    "illustration": "a drawn illustration, clear lines, considered shapes and color",
    "cartoon": "a cartoon, bold outlines, simple shapes, bright flat colors",
    "abstract": "abstract, form, color and rhythm instead of things as they look",
    "minimalist": "minimalist, few elements, much empty space, a restrained palette",
    "vintage": "vintage, muted tones, film grain and the look of past decades",
    "modern": "modern, clean lines, contemporary design, crisp and uncluttered",
}
"""What each style adds to a prompt."""


class Style(Value):
    """A style that can be chosen: its name, and what it adds to the prompt."""

    name: StyleName
    label: str
    adds: str


class RenderedPrompt(Value):
    """A final prompt with all that the model takes only in words. `negative_prompt` is sent as a parameter."""

    final_prompt: str
    negative_prompt: str | None = None


class Parts(Value):
    """The parts of a final prompt: the user's own text, and what was rendered into it."""

    own: str
    style: StyleName | None = None
    negative_prompt: str | None = None


_STYLE, _NEGATIVE = "Style: ", "Do not show: "
_BY_LINE = {f"{_STYLE}{words}.": name for name, words in STYLE_WORDS.items()}
_LINE_OF = {name: line for line, name in _BY_LINE.items()}


def styles() -> tuple[Style, ...]:
    """Return all styles, in the order of the PRD "Image Generation System"."""
    return tuple(Style(name=name, label=label(name), adds=words) for name, words in STYLE_WORDS.items())


def label(name: StyleName) -> str:
    """Return a style's name for users."""
    return name.capitalize()


def parts(final_prompt: str) -> Parts:
    """Return the prompt's own text and what was rendered into it. The own text is never empty."""
    own, _, last = final_prompt.rpartition("\n\n")
    if not own.strip():
        return Parts(own=final_prompt)
    first, *others = last.split("\n")
    style = _BY_LINE.get(first)
    rest = others if style else [first, *others]
    negative_prompt = _negative_prompt(rest[0]) if len(rest) == 1 else None
    if rest and negative_prompt is None:
        return Parts(own=final_prompt)
    return Parts(own=parts(own).own, style=style, negative_prompt=negative_prompt)


def render_prompt(
    final_prompt: str, style: StyleName | None, negative_prompt: str | None, model: ImageModel | None = None
) -> RenderedPrompt:
    """Return the final prompt with the style and, if the model has no parameter for it, the negative prompt.

    They are its last paragraph and replace an earlier one. A negative prompt in words is on one line. Without a model
    everything is in words, which every model takes. Raises PromptRefused (IMG_003) if it is too long.
    """
    beside = negative_prompt if model is not None and model.takes_negative_prompt else None
    in_words = None if beside else negative_prompt
    own = parts(final_prompt).own
    lines = [_LINE_OF[style]] if style else []
    if in_words and (shown := on_one_line(in_words)):
        lines.append(f"{_NEGATIVE}{shown}.")
    text = "\n\n".join((own, "\n".join(lines))) if lines else own
    if (length := len(text.strip())) > PROMPT_MAX:
        raise PromptRefused(
            f"With its style and negative prompt the final prompt has {length:,} characters; "
            f"at most {PROMPT_MAX:,} are allowed.",
            resolution="Shorten the prompt or the negative prompt, then choose again.",
        )
    return RenderedPrompt(final_prompt=text, negative_prompt=beside)


def on_one_line(negative_prompt: str) -> str:
    """Return a negative prompt as it is rendered: one line, no space or full stop around it."""
    return " ".join(negative_prompt.split()).strip(" .")


def _negative_prompt(line: str) -> str | None:
    """Return the negative prompt in a line of this form, or None for any other line."""
    text = line.removeprefix(_NEGATIVE).removesuffix(".")
    return text if text and line == f"{_NEGATIVE}{text}." and on_one_line(text) == text else None
