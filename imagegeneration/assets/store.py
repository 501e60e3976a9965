"""The collection `images`: what is in the bucket."""

from __future__ import annotations

from collections.abc import Sequence

from pymongo import ASCENDING, DESCENDING, IndexModel

from imagegeneration.assets.asset import StoredImage
from imagegeneration.mongo.collection import Collection
from imagegeneration.mongo.connection import Connection
from imagegeneration.mongo.transaction import Session

_INDEXES = (
    IndexModel("imageId", unique=True),
    IndexModel("attemptId", unique=True),  # guard: one-image-per-attempt
    IndexModel([("jobId", ASCENDING), ("index", ASCENDING)]),
    IndexModel([("userId", ASCENDING), ("createdAt", DESCENDING)]),
)


class ImageStore:
    """The store of stored images."""

    def __init__(self, connection: Connection) -> None:
        self._images = Collection(connection, "images", StoredImage, indexes=_INDEXES)

    def insert(self, image: StoredImage, *, session: Session) -> None:
        """Add an image, inside the transaction that also puts its URL on the job."""
        self._images.append([image], session=session)

    def named(self, image_ids: Sequence[str]) -> list[StoredImage]:
        """Return the stored images that have these ids, in no order."""
        return self._images.find({"imageId": {"$in": list(image_ids)}})

    def of_job(self, job_id: str) -> list[StoredImage]:
        """Return the stored images of a job, by index."""
        return self._images.find({"jobId": job_id}, sort=[("index", ASCENDING)])

    def of_attempt(self, attempt_id: str) -> StoredImage | None:
        """Return the image that an attempt made, or None if it is not stored."""
        return self._images.get({"attemptId": attempt_id})
