"""Jobs to draw, each a valid document."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from imagegeneration.domain.generation import GenerationParameters
from imagegeneration.domain.image import StoredImage
from imagegeneration.domain.job import Approval, Attempt, ImageState, Job, JobImage, Status

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
MODEL = "gpt-image-2.5-flare"
URL = "http://127.0.0.1:9000/images/generated/local/2026/11/imgjob_1-0-0123456789abcdef"


def attempt(**facts: Any) -> Attempt:
    """One attempt; held, unless `facts` say more."""
    known: dict[str, Any] = {"provider": "sandbox", "model": MODEL, "held_micros": 13_700, "budget_day": "2026-11-21"}
    return Attempt(**(known | facts))


def image(state: ImageState, index: int = 0, **facts: Any) -> JobImage:
    """One image with one attempt that has `facts`."""
    stored: dict[str, Any] = {}
    if state == "STORED":
        stored = {"image_id": f"img_{index}", "url": f"{URL}.png", "thumbnail_url": f"{URL}.thumb.webp"}
    return JobImage(index=index, state=state, attempts=(attempt(**facts),), **stored)


def stored_image(**facts: Any) -> StoredImage:
    """The record of the image that `image("STORED")` points to."""
    known: dict[str, Any] = {
        "image_id": "img_0",
        "job_id": "imgjob_1",
        "index": 0,
        "attempt_id": "att_1",
        "user_id": "local",
        "url": f"{URL}.png",
        "thumbnail_url": f"{URL}.thumb.webp",
        "storage_key": "generated/local/2026/11/imgjob_1-0-0123456789abcdef.png",
        "bucket": "images",
        "mime_type": "image/png",
        "width": 1024,
        "height": 1024,
        "size_bytes": 2_048,
        "sha256": "0123456789abcdef" * 4,
        "provider": "sandbox",
        "model": MODEL,
        "duration_ms": 2_500,
        "cost_micros": 13_300,
        "created_at": NOW,
    }
    return StoredImage(**(known | facts))


def approval(quoted_micros: int = 13_700) -> Approval:
    """Somebody agreed to pay."""
    return Approval(
        approved_by="local",
        approved_at=NOW,
        request_sha256="a" * 64,
        quoted_micros=quoted_micros,
        price_table="2026-11-20",
        endpoint_sha256="b" * 64,
    )


def job(status: Status = "DONE", images: Sequence[JobImage] | None = None, **facts: Any) -> Job:
    """One job of these images."""
    chosen = [image("STORED")] if images is None else images
    known: dict[str, Any] = {
        "intent": "homepage card",
        "raw_prompt": "a kite",
        "final_prompt": "a red kite over hills",
        "image_count": len(chosen),
        "cdn_urls": [one.url for one in chosen if one.url],
        "created_at": NOW,
        "updated_at": NOW,
        "job_id": "imgjob_1",
        "user_id": "local",
        "source": "dashboard",
        "request": GenerationParameters(
            provider="sandbox", model=MODEL, size="1024x1024", quality="medium", output_format="png"
        ),
        "approval": approval(),
    }
    return Job(status=status, images=tuple(chosen), **(known | facts))
