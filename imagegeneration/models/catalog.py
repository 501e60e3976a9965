"""The catalog: the models as data, with their lives, abilities and prices. Each row names its source.

Everything that is offered, refused or priced comes from here. The rows are in `catalog.toml`. An operator's file of the
same form replaces rows of the same name and adds others. Prices are micro-dollars.
"""

from __future__ import annotations

import hashlib
import tomllib
from datetime import date
from functools import cache
from pathlib import Path

from pydantic import ValidationError

from imagegeneration.core.errors import ConfigurationError, InvalidRequest, ModelUnavailable, TooLarge
from imagegeneration.core.value import Many, Value
from imagegeneration.models.model import ImageModel, TextModel
from imagegeneration.models.prices import Prices
from imagegeneration.money.money import tokens_cost
from imagegeneration.providers.generation import GenerationParameters, Usage

ROWS = Path(__file__).with_name("catalog.toml")


class Catalog(Value):
    """Every model that the studio knows. `price_table` names the version of the prices; approvals store it."""

    price_table: str
    image_models: Many[ImageModel]
    text_models: Many[TextModel]

    @classmethod
    def read(cls, override: Path | None = None) -> Catalog:
        """Read the rows of `catalog.toml`, and those of an operator's file over them. Raises ConfigurationError."""
        if override is None:
            return _standard()
        try:
            text = override.read_text()
            rows = tomllib.loads(text)
            changed = cls.model_validate({"price_table": "override", "image_models": [], "text_models": []} | rows)
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise ConfigurationError(f"CATALOG_FILE: {override} cannot be read: {error}.") from None
        except ValidationError as error:
            wrong = error.errors()[0]
            where = ".".join(map(str, wrong["loc"]))
            raise ConfigurationError(f"CATALOG_FILE: {where}: {wrong['msg']}.") from None
        return _standard().with_rows_of(changed, hashlib.sha256(text.encode()).hexdigest()[:8])

    def with_rows_of(self, other: Catalog, mark: str) -> Catalog:
        """Return this catalog with the rows of `other` over its own.

        `mark` is added to the name of the price table.
        """
        images = {model.name: model for model in (*self.image_models, *other.image_models)}
        texts = {model.name: model for model in (*self.text_models, *other.text_models)}
        return Catalog(
            price_table=f"{self.price_table}+{mark}",
            image_models=tuple(images.values()),
            text_models=tuple(texts.values()),
        )

    def named(self, name: str) -> ImageModel | None:
        """Return the model of this name, alive or not, or None for an unknown one."""
        return next((model for model in self.image_models if model.name == name), None)

    def model(self, name: str, today: date) -> ImageModel:
        """Return the living model called `name`. Raises ModelUnavailable (IMG_013), which names any successor."""
        model = self.named(name)
        if model is None:
            raise ModelUnavailable(f"The model {name} is not in the catalog, so it has no price.")
        if model.unavailable is not None:
            raise ModelUnavailable(f"{model.label} cannot be had: {model.unavailable}.")
        if not model.is_alive(today):
            successor = f" Its successor is {model.successor}." if model.successor else ""
            raise ModelUnavailable(f"The model {name} was shut down on {model.shut_down}.{successor}")
        return model

    def why_not(self, name: str, today: date) -> str | None:
        """Return why a model cannot be called, in words, or None if it can."""
        try:
            self.model(name, today)
        except ModelUnavailable as problem:
            return problem.message
        return None

    def quote(self, parameters: GenerationParameters, final_prompt: str, today: date) -> int:
        """Return the most that one image can cost (`Prices.quote`). Raises ModelUnavailable (IMG_013)."""
        return self.model(parameters.model, today).prices.quote(parameters, final_prompt)

    def cost(self, name: str, usage: Usage) -> int | None:
        """Return what a call cost by the provider's count of tokens, or None if the count gives no cost.

        It gives none if the model is gone from the operator's file, or if `Prices.cost` returns None.
        """
        model = self.named(name)
        return None if model is None else model.prices.cost(usage)

    def judged(self, wanted: GenerationParameters, usage: Usage, *, is_edit: bool, max_cost_micros: int) -> Usage:
        """Return the provider's count, marked if it cannot be right (`Prices.judged`)."""
        model = self.named(wanted.model)
        prices = Prices() if model is None else model.prices
        return prices.judged(wanted, usage, is_edit=is_edit, max_cost_micros=max_cost_micros)

    def text_cost(self, name: str, input_tokens: int, output_tokens: int) -> int:
        """Return what an enhancement cost, in micro-dollars, rounded up. Raises ModelUnavailable without a price."""
        model = next((model for model in self.text_models if model.name == name), None)
        if model is None:
            raise ModelUnavailable(f"The text model {name} is not in the catalog, so it has no price.")
        return tokens_cost((input_tokens, model.text_in), (output_tokens, model.text_out))

    def with_seeds(self, parameters: GenerationParameters, image_count: int) -> GenerationParameters:
        """Return the parameters with a seed for each image. The same seed makes the same image again."""
        model = self.named(parameters.model)
        if model is None or parameters.seed is None or image_count == 1:
            return parameters
        return parameters.model_copy(update={"seeds": tuple(model.seeds(parameters.seed, image_count))})

    def require_possible(self, parameters: GenerationParameters, today: date) -> None:
        """Raise InvalidRequest (IMG_009) naming each field that the model cannot do.

        Raises ModelUnavailable (IMG_013), or TooLarge (IMG_007) for more references than the model takes at once.
        """
        model = self.model(parameters.model, today)
        problems = model.problems(parameters)
        words = " ".join(f"{field}: {why}" for field, why in problems.items())
        if model.takes_fewer_references(parameters):
            raise TooLarge(words, resolution="Choose fewer images, or a model that edits more at once.")
        if problems:
            raise InvalidRequest(words)


@cache
def _standard() -> Catalog:
    return Catalog.model_validate(tomllib.loads(ROWS.read_text()))
