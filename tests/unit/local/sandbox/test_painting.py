from __future__ import annotations

import hashlib

import pytest
from PIL import Image

from imagegeneration.local.sandbox.painting import paint

SEEDS = [hashlib.sha256(bytes([number])).digest() for number in range(12)]


@pytest.mark.parametrize("size", [(1024, 1024), (1536, 1024), (1024, 1536), (64, 192)])
def test_a_picture_has_the_size_that_was_asked_for(size: tuple[int, int]) -> None:
    picture = paint(SEEDS[0], size)

    assert (picture.size, picture.mode) == (size, "RGB")


def test_the_same_seed_gives_the_same_pixels_and_another_seed_others() -> None:
    first, again = ([paint(seed, (256, 256)).tobytes() for seed in SEEDS] for _ in range(2))

    assert first == again
    assert len(set(first)) == len(SEEDS)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_picture_carries_the_mark_in_letters_that_stand_out(seed: bytes) -> None:
    corner = paint(seed, (1024, 1024)).crop((36, 900, 420, 990)).convert("L")

    brightness = corner.histogram()
    letters = sum(brightness[250:])
    ground = sum(value * count for value, count in enumerate(brightness[:250])) / sum(brightness[:250])
    assert letters > 0.03 * corner.width * corner.height
    assert ground < 170


def test_a_picture_is_no_plain_surface() -> None:
    for seed in SEEDS:
        small = paint(seed, (256, 256)).resize((32, 32), Image.Resampling.BOX)
        assert len(small.getcolors(1024) or ()) > 100
