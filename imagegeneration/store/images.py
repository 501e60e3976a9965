"""The collection `images`: what is in the bucket."""

from __future__ import annotations

from collections.abc import Sequence

from pymongo import ASCENDING, DESCENDING, IndexModel

from imagegeneration.domain.image import StoredImage
from imagegeneration.store.connection import Connection, Session, translated
from imagegeneration.store.schema import validator


@translated
class ImageStore:
    """Adds and reads stored images."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._images = connection.collection("images")

    def prepare(self) -> None:
        """Create the collection, its validator and its indexes."""
        indexes = [
            IndexModel("imageId", unique=True),
            IndexModel("attemptId", unique=True),
            IndexModel([("jobId", ASCENDING), ("index", ASCENDING)]),
            IndexModel([("userId", ASCENDING), ("createdAt", DESCENDING)]),
        ]
        self._connection.prepare("images", validator(StoredImage), indexes)

    def insert(self, image: StoredImage, *, session: Session) -> None:
        """Add an image, inside the transaction that also puts its URL on the job."""
        self._images.insert_one(image.document(), session=session)

    def named(self, image_ids: Sequence[str]) -> list[StoredImage]:
        """The stored images with these ids, in no order; those that there are."""
        found = self._images.find({"imageId": {"$in": list(image_ids)}}, {"_id": False})
        return [StoredImage.model_validate(image) for image in found]

    def of_job(self, job_id: str) -> list[StoredImage]:
        """The stored images of a job, by index."""
        found = self._images.find({"jobId": job_id}, {"_id": False}).sort("index", ASCENDING)
        return [StoredImage.model_validate(image) for image in found]

    def of_attempt(self, attempt_id: str) -> StoredImage | None:
        """The image that came of an attempt, if it is stored."""
        found = self._images.find_one({"attemptId": attempt_id}, {"_id": False})
        return None if found is None else StoredImage.model_validate(found)
