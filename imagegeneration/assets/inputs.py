"""References: the stored images that a request is made from, found for an actor and read for a call."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from imagegeneration.assets import imaging
from imagegeneration.assets.asset import StoredImage
from imagegeneration.assets.bucket import Storage
from imagegeneration.assets.reference import MAX_REFERENCE_BYTES, MAX_REFERENCES, InputImage, Reference
from imagegeneration.assets.store import ImageStore
from imagegeneration.core.actor import Actor
from imagegeneration.core.errors import NotFound, TooLarge


class Unusable(Exception):
    """The error of a reference that is not as approved. The message says so in words."""


class References:
    """The references of actors. Images out of reach do not exist, and an image that has changed is never sent."""

    def __init__(
        self, visible_jobs: Callable[[Actor, Collection[str]], Collection[str]], images: ImageStore, storage: Storage
    ) -> None:
        self._visible_jobs = visible_jobs
        self._images = images
        self._storage = storage

    def stored(self, actor: Actor, image_ids: Sequence[str]) -> Sequence[StoredImage]:
        """Return those of the images that exist for the actor, in the order requested."""
        found = {image.image_id: image for image in self._images.named(image_ids)} if image_ids else {}
        visible = self._visible_jobs(actor, {image.job_id for image in found.values()})
        return [found[name] for name in image_ids if name in found and found[name].job_id in visible]

    def named(self, actor: Actor, image_ids: Sequence[str]) -> tuple[Reference, ...]:
        """Return the references that an approval covers, with the hash of each image.

        Raises NotFound (IMG_008) for an image that does not exist for the actor, and TooLarge (IMG_007) if they are too
        many, or too many bytes together.
        """
        if len(image_ids) > MAX_REFERENCES:
            raise TooLarge(
                f"references: at most {MAX_REFERENCES} images can be edited at once, and {len(image_ids)} were chosen.",
                resolution="Choose fewer images.",
            )
        images = self.stored(actor, image_ids)
        if len(images) < len(image_ids):
            known = {image.image_id for image in images}
            missing = next(name for name in image_ids if name not in known)
            raise NotFound(f"references: there is no such image: {missing}.")
        weight = sum(image.size_bytes for image in images)
        if weight > MAX_REFERENCE_BYTES:
            raise TooLarge(
                f"references: the images have {weight} bytes together, and at most {MAX_REFERENCE_BYTES} are sent."
            )
        return tuple(Reference(image_id=image.image_id, sha256=image.sha256) for image in images)

    def shape(self, actor: Actor, image_ids: Sequence[str]) -> tuple[int, int] | None:
        """Return width and height of the first image, or None if it does not exist for the actor."""
        found = self.stored(actor, image_ids[:1])
        return (found[0].width, found[0].height) if found else None

    def read(self, references: Sequence[Reference]) -> tuple[InputImage, ...]:
        """Return the approved bytes, from the bucket.

        Raises Unusable if they are gone or have changed, and StorageFailed if the bucket does not answer.
        """
        if not references:
            return ()
        found = {image.image_id: image for image in self._images.named([one.image_id for one in references])}
        return tuple(self._read(one, found.get(one.image_id)) for one in references)

    def _read(self, reference: Reference, image: StoredImage | None) -> InputImage:
        content = None if image is None else self._storage.find(image.storage_key, image.size_bytes)
        if image is None or content is None:
            raise Unusable(f"The image {reference.image_id}, which was to be edited, is gone. Nothing was sent.")
        if imaging.sha256(content) != reference.sha256:  # guard: reference-approved-bytes
            raise Unusable(f"The image {reference.image_id} is not the one that was approved. Nothing was sent.")
        return InputImage(content=content, mime_type=image.mime_type)
