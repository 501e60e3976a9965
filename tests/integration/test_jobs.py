"""A job from approval to the end, on a real database, a real bucket and the sandbox provider."""

from __future__ import annotations

import hashlib

import httpx

from imagegeneration.bootstrap import Studio
from imagegeneration.core.actor import LOCAL
from imagegeneration.local.sandbox import Sandbox
from imagegeneration.runner.worker import Worker
from tests.integration.conftest import approve, run_to_the_end


def test_three_images_are_made_stored_and_hashed(studio: Studio, worker: Worker, sandbox: Sandbox) -> None:
    job = approve(studio, image_count=3)
    done = run_to_the_end(studio, worker, job.job_id)
    assert (done.status, done.error, len(done.cdn_urls)) == ("DONE", None, 3)
    images = studio.queries.images(LOCAL, job.job_id)
    assert [image.url for image in images] == list(done.cdn_urls)
    for image in images:
        content = httpx.get(image.url).raise_for_status().content
        assert hashlib.sha256(content).hexdigest() == image.sha256
        assert httpx.get(image.thumbnail_url).headers["content-type"] == "image/webp"
    assert len({image.sha256 for image in images}) == 3
    assert len(sandbox.calls) == 3
