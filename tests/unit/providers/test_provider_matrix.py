"""docs/providers.md says of every model that can be had what the catalog says."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from imagegeneration.models.catalog import Catalog
from imagegeneration.models.model import ImageModel
from imagegeneration.models.prices import Prices
from imagegeneration.money.money import format_usd_exact

DOCUMENT = Path(__file__).parents[3] / "docs" / "providers.md"
CATALOG = Catalog.read()

HEAD = (
    "| model | provider | an image | about, at most | quality | seed | negative prompt | LoRAs | edit | on the way "
    "| formats |"
)


def price(prices: Prices) -> str:
    """What an image costs, in words of the matrix."""
    micros = sorted(row.micros for row in prices.image)
    if prices.megapixel is not None:
        words = f"{format_usd_exact(prices.megapixel)} a started megapixel"
    elif not micros:
        return "none: refused until CATALOG_FILE has one"
    else:
        words = " to ".join(format_usd_exact(bound) for bound in sorted({micros[0], micros[-1]}))
    return (
        words
        + (f" and up to {prices.text_out_most:,} tokens of thoughts" if prices.text_out_most else "")
        + (", an estimate" if prices.is_estimate else "")
    )


def waits(model: ImageModel) -> str:
    """How long an answer is waited for at most."""
    return " to ".join(f"{seconds:g}" for seconds in sorted({model.timeout_seconds, model.longest_seconds}))


def row(model: ImageModel) -> str:
    """The line of a model."""
    cells = (
        model.label,
        model.provider,
        price(model.prices),
        f"{model.expected_seconds:g} s, {waits(model)} s",
        str(model.quality_score),
        f"from {model.least_seed}" if model.takes_seed else "",
        "yes" if model.takes_negative_prompt else "",
        str(model.loras or ""),
        "with a mask" if model.takes_mask else "yes" if model.edits else "",
        str(model.partial_images or ""),
        ", ".join(model.formats),
    )
    return "| " + " | ".join(cells) + " |"


def matrix() -> list[str]:
    """The table, made from the catalog."""
    today = CATALOG.image_models[0].read_on
    alive = [model for model in CATALOG.image_models if model.is_alive(today)]
    return [HEAD, "|" + "---|" * (HEAD.count("|") - 1), *map(row, alive)]


def retired() -> list[str]:
    """What cannot be had, with its last day and successor, or the reason."""
    gone = [model for model in CATALOG.image_models if model.shut_down or model.unavailable]
    return [
        f"| {model.label} | {model.unavailable or model.shut_down} | {model.successor or ''} |"
        for model in sorted(gone, key=lambda model: model.shut_down or date.max)
    ]


def test_the_matrix_is_the_catalogs() -> None:
    written = DOCUMENT.read_text().splitlines()
    start = written.index(HEAD)
    assert written[start : start + len(matrix())] == matrix()
    assert not written[start + len(matrix())]


def test_the_table_of_what_is_gone_is_the_catalogs() -> None:
    written = DOCUMENT.read_text().splitlines()
    assert [line for line in written if line in retired()] == retired()


def test_every_provider_of_imagen_is_told_its_last_day_and_successor() -> None:
    imagen = [model for model in CATALOG.image_models if model.name.startswith("imagen-")]
    assert {str(model.shut_down) for model in imagen} == {"2026-08-17"}
    assert {model.successor for model in imagen} == {"gemini-nano-banana-2.1"}


def write() -> None:
    """`python -m tests.unit.providers.test_provider_matrix`: put the matrix of the catalog into the document."""
    written = DOCUMENT.read_text().splitlines()
    start = written.index(HEAD)
    end = written.index("", start)
    DOCUMENT.write_text("\n".join([*written[:start], *matrix(), *written[end:]]) + "\n")


if __name__ == "__main__":
    write()
