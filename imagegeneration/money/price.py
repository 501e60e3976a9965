"""The price of an image, in money and in credits."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import Field

from imagegeneration.core.value import Micros, Value


class Price(Value):
    """The most that an image costs, in micro-dollars and in credits."""

    micros: Micros
    credits: int = Field(default=0, ge=0)


def max_price(prices: Iterable[Price]) -> Price:
    """Return the highest money and the highest credits of at least one price."""
    known = list(prices)
    return Price(micros=max(price.micros for price in known), credits=max(price.credits for price in known))
