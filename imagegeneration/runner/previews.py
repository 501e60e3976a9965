"""Previews: shown as soon as they arrive, without delaying or failing their call."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor

from imagegeneration.assets import imaging
from imagegeneration.assets.asset import partial_key
from imagegeneration.assets.bucket import Storage
from imagegeneration.core.errors import StudioError
from imagegeneration.jobs.job import Job
from imagegeneration.jobs.lifecycle import previewed
from imagegeneration.jobs.transitions import ImageTransitions
from imagegeneration.providers.generation import MAX_PARTIAL_IMAGES
from imagegeneration.runner.task import ImageTask

WAITING = 4
"""Maximum number of previews in memory. Others are not shown. Each may be as large as an answer."""

log = logging.getLogger(__name__)


class Previews:
    """The thread that puts thumbnails of previews into the bucket, and their URLs on the job."""

    def __init__(self, transitions: ImageTransitions, storage: Storage) -> None:
        self._transitions = transitions
        self._storage = storage
        self._pool = ThreadPoolExecutor(1, "preview")
        self._room = threading.Semaphore(WAITING)

    def show(self, job: Job, task: ImageTask, number: int, content: bytes) -> None:
        """Show the preview soon, if there is room for it. It returns at once and never raises."""
        if (
            number > MAX_PARTIAL_IMAGES  # guard: preview-limit
            or not self._room.acquire(blocking=False)  # guard: preview-room
        ):
            log.info("%s image %d: a preview is not shown", job.job_id, task.index)
            return
        try:
            self._pool.submit(self._show, job, task, number, content)  # guard: preview-in-background
        except RuntimeError:  # the pool is closed
            self._room.release()

    def close(self) -> None:
        """Cancel waiting previews, and return once the current one is finished."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _show(self, job: Job, task: ImageTask, number: int, content: bytes) -> None:
        try:
            _, thumbnail = imaging.inspect(content)
            key = partial_key(job.user_id, job.created_at, job.job_id, task.index, task.attempt_id, number)
            self._storage.put(key, thumbnail, "image/webp", compare=False)
            url = self._storage.url(key)
            self._transitions.apply(job.job_id, task.index, lambda image, _now: previewed(image, task.attempt_id, url))
        except (StudioError, imaging.NotAnImage, imaging.Unreadable) as problem:
            log.warning("%s image %d: a preview cannot be shown: %s", job.job_id, task.index, problem)
        except Exception:  # pool threads have no caller: log here or lose the traceback
            log.exception("%s image %d: a preview could not be shown", job.job_id, task.index)
        finally:
            self._room.release()
