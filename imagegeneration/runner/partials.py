"""Images on the way: shown as soon as they come, and never at the cost of the call that they belong to."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor

from imagegeneration.assets import imaging
from imagegeneration.assets.asset import partial_key
from imagegeneration.assets.bucket import Storage
from imagegeneration.core.errors import StudioError
from imagegeneration.jobs.changes import Changes
from imagegeneration.jobs.job import Job
from imagegeneration.jobs.lifecycle import shown
from imagegeneration.providers.generation import MAX_PARTIAL_IMAGES

WAITING = 4
"""Images on the way in memory at once; what comes beyond is not shown. Each is as large as an answer."""

log = logging.getLogger(__name__)


class Partials:
    """Puts thumbnails of images on the way into the bucket, and their URLs onto the job, on a thread of its own."""

    def __init__(self, changes: Changes, storage: Storage) -> None:
        self._changes = changes
        self._storage = storage
        self._pool = ThreadPoolExecutor(1, "partial")
        self._room = threading.Semaphore(WAITING)

    def show(self, job: Job, index: int, attempt_id: str, number: int, content: bytes) -> None:
        """Show the image before long, if there is room for it; returns at once, and never raises."""
        if (
            number > MAX_PARTIAL_IMAGES  # guard: preview-limit
            or not self._room.acquire(blocking=False)  # guard: preview-room
        ):
            log.info("%s image %d: what came on the way is not shown", job.job_id, index)
            return
        try:
            self._pool.submit(self._show, job, index, attempt_id, number, content)  # guard: preview-in-background
        except RuntimeError:  # it is closed: nobody looks any more
            self._room.release()

    def close(self) -> None:
        """Show nothing more; returns once what is under way is through."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _show(self, job: Job, index: int, attempt_id: str, number: int, content: bytes) -> None:
        try:
            _, thumbnail = imaging.inspect(content)
            key = partial_key(job.user_id, job.created_at, job.job_id, index, attempt_id, number)
            self._storage.put(key, thumbnail, "image/webp", compare=False)
            url = self._storage.url(key)
            self._changes.apply(job.job_id, index, lambda image, _now: shown(image, attempt_id, url))
        except (StudioError, imaging.NotAnImage, imaging.Unreadable) as problem:
            log.warning("%s image %d: what came on the way cannot be shown: %s", job.job_id, index, problem)
        except Exception:  # a thread of a pool has nobody above it; the image itself comes by another way
            log.exception("%s image %d: what came on the way could not be shown", job.job_id, index)
        finally:
            self._room.release()
