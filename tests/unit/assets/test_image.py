"""Where images go in the bucket: addresses that were given out must never change."""

from __future__ import annotations

import pytest

from imagegeneration.assets.asset import (
    OutputFormat,
    aside_key,
    partial_key,
    storage_key,
    storage_prefix,
    thumbnail_key,
)
from tests.unit.dashboard.samples import NOW

SHA256 = "0123456789abcdef" * 4
STEM = "generated/ann/2026/11/imgjob_1-2-0123456789abcdef"


@pytest.mark.parametrize(("output_format", "extension"), [("png", "png"), ("jpeg", "jpg"), ("webp", "webp")])
def test_an_original_and_its_thumbnail_are_named_by_job_index_and_hash(
    output_format: OutputFormat, extension: str
) -> None:
    key = storage_key("ann", NOW, "imgjob_1", 2, output_format, SHA256)
    assert key == f"{STEM}.{extension}"
    assert key.startswith(storage_prefix("ann", NOW, "imgjob_1", 2)), "recovery lists by it"
    assert thumbnail_key(key) == f"{STEM}.thumb.webp"


def test_a_thumbnail_is_named_after_all_of_the_original_but_its_extension() -> None:
    assert thumbnail_key("generated/a.b/2026/11/imgjob_1-0-0.png") == "generated/a.b/2026/11/imgjob_1-0-0.thumb.webp"


def test_previews_and_answers_set_aside_are_apart_from_the_images() -> None:
    assert partial_key("ann", NOW, "imgjob_1", 2, "att_1", 3) == "partial/ann/2026/11/imgjob_1-2-att_1-3.webp"
    assert aside_key("ann", NOW, "imgjob_1", 2, "att_1") == "set-aside/ann/2026/11/imgjob_1-2-att_1"
