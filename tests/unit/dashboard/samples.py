"""Jobs to draw, each a valid document."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from imagegeneration.assets.asset import StoredImage
from imagegeneration.jobs.job import Approval, Attempt, ImageState, Job, JobImage, Status
from imagegeneration.money.money import Limits, Spend
from imagegeneration.operations.state import OpenImage, OperationsState, QueueState
from imagegeneration.processes.runner import RunnerInfo
from imagegeneration.prompts.suggestion import SuggestionTimes
from imagegeneration.providers.breaker import Breaker, Cause, Pause
from imagegeneration.providers.generation import GenerationParameters

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


CEILINGS = Limits(daily_micros=20_000_000, daily_per_user_micros=10_000_000, per_image_micros=1_000_000)


def runner(**facts: Any) -> RunnerInfo:
    """A runner that is alive."""
    known: dict[str, Any] = {
        "runner_id": "run_1",
        "host": "web-1",
        "pid": 7,
        "concurrency": 8,
        "in_flight": 3,
        "started_at": NOW,
        "seen_at": NOW,
    }
    return RunnerInfo(**(known | facts))


def open_image(**facts: Any) -> OpenImage:
    """An image that may need a person."""
    known: dict[str, Any] = {
        "job_id": "imgjob_1",
        "index": 1,
        "attempt_id": "att_1",
        "user_id": "local",
        "intent": "homepage card",
        "model": MODEL,
        "since": NOW,
        "cost_micros": 13_700,
        "message": "The connection broke.",
    }
    return OpenImage(**(known | facts))


def breaker(scope: str, cause: Cause | None = None, **facts: Any) -> Breaker:
    """A breaker; paused with a cause."""
    pause = None if cause is None else Pause(cause=cause, reason="For a reason.", paused_by="local", paused_at=NOW)
    return Breaker(scope=scope, pause=pause, **facts)


def operations_state(**facts: Any) -> OperationsState:
    """A studio at rest, unless `facts` say more."""
    known: dict[str, Any] = {
        "at": NOW,
        "runners": (runner(),),
        "queue": QueueState(queued=0, running=0, users_waiting=0, waiting_since=None),
        "waiting_for_storage": (),
        "perhaps_charged": (),
        "perhaps_charged_micros": sum(image.cost_micros for image in facts.get("perhaps_charged", ())),
        "breakers": (),
        "suggestions": SuggestionTimes(asked=0, in_time=0, since=NOW, limit_seconds=2.0),
        "spend": spend(),
        "limits": CEILINGS,
        "ceilings": CEILINGS,
        "limits_version": None,
        "audit": (),
    }
    return OperationsState(**(known | facts))


def spend(**facts: Any) -> Spend:
    """Today's money."""
    known: dict[str, Any] = {
        "account": "real",
        "day": "2026-11-21",
        "spent_micros": 5_000_000,
        "held_micros": 1_000_000,
        "text_micros": 0,
        "limit_micros": 20_000_000,
        "resets_at": NOW,
    }
    return Spend(**(known | facts))
