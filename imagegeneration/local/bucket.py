"""The embedded bucket: an S3 server that keeps objects as files in a folder."""

from __future__ import annotations

import sys
from pathlib import Path

from imagegeneration.local.part import Part
from imagegeneration.storage import Storage


def bucket_part(folder: Path, port: int, bucket: str) -> Part:
    """The server that keeps `bucket` in `folder`. It checks no credentials; the client wants some nevertheless."""
    url = f"http://127.0.0.1:{port}"
    return Part(
        name="bucket",
        command=[sys.executable, "-m", "localbucket", str(folder), "--host", "127.0.0.1", "--port", str(port)],
        port=port,
        provides={
            "R2_ENDPOINT_URL": url,
            "R2_ACCESS_KEY_ID": "embedded",
            "R2_SECRET_ACCESS_KEY": "of-the-embedded-bucket",
            "R2_BUCKET": bucket,
            "CDN_BASE_URL": f"{url}/{bucket}",
        },
        prepare=lambda settings: Storage(settings).ensure_bucket(),
    )
