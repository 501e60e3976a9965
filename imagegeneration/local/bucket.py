"""The embedded bucket: SeaweedFS, an S3 server that is one process (ADR 24).

It consists of four servers that talk to each other over ports of their own. Only S3's port is for the studio. The
others require a certificate that no other program has, so that neither a website nor another user of the machine can
bypass S3.
"""

from __future__ import annotations

import shutil
import signal
import sysconfig
from collections.abc import Sequence
from pathlib import Path

from imagegeneration.assets.bucket import Storage
from imagegeneration.configuration import bucket_of
from imagegeneration.core.errors import ConfigurationError
from imagegeneration.local.certificate import make_certificate
from imagegeneration.local.datadir import DataDir
from imagegeneration.local.part import Part

ACCESS_KEY = "embedded"
FOLDER = "objects"
EARLIER_FOLDER = "bucket"

NO_ORIGIN = "https://none.invalid"
"""An origin that no page has: without any origin, SeaweedFS allows all."""

VOLUME_MB = 64
"""The size in megabytes of the files to which objects are appended."""


def bucket_part(data: DataDir, bucket: str, origins: Sequence[str] = ()) -> Part:
    """Return the server of `bucket`. Raises ConfigurationError if there is none for this platform.

    Any client may read an object whose key it knows; everything else needs the data folder's random secret. Scripts of
    pages from `origins` may read an object too, because the dashboard saves downloads under a name of its own.
    """
    folder = data.path / FOLDER
    folder.mkdir(exist_ok=True)
    port, secret = data.port("bucket"), data.secret("bucket-secret")
    url = f"http://127.0.0.1:{port}"
    return Part(
        name="bucket",
        command=_command(find_weed(), data, port, origins or (NO_ORIGIN,)),
        port=port,
        provides={
            "R2_ENDPOINT_URL": url,
            "R2_ACCESS_KEY_ID": ACCESS_KEY,
            "R2_SECRET_ACCESS_KEY": secret,
            "R2_BUCKET": bucket,
            "CDN_BASE_URL": f"{url}/{bucket}",
        },
        prepare=lambda settings: Storage(bucket_of(settings)).ensure_bucket(),
        warning=_left_behind(data.path / EARLIER_FOLDER),
        env=_environment(folder, secret, data.secret_file("bucket-certificate", make_certificate)),
        cwd=folder,
        # SIGKILL loses nothing: acknowledged data is in the files. A graceful stop would take 15 seconds.
        stop_signal=signal.SIGKILL,
    )


def find_weed() -> Path:
    """Return the path of SeaweedFS: from PyPI, or on the PATH. Raises ConfigurationError if neither."""
    found = shutil.which("weed", path=sysconfig.get_path("scripts")) or shutil.which("weed")
    if found is None:
        raise ConfigurationError(
            "Set R2_ENDPOINT_URL, R2_ACCESS_KEY_ID, R2_SECRET_ACCESS_KEY and CDN_BASE_URL, or install SeaweedFS: "
            "there is no `weed` on the PATH, and none from PyPI for this platform."
        )
    return Path(found)


def _command(weed: Path, data: DataDir, port: int, origins: Sequence[str]) -> list[str]:
    inner = [
        f"-{server}.port{kind}={data.port(f'bucket-{server}{kind}')}"
        for server in ("master", "volume", "filer")
        for kind in ("", ".grpc")
    ]
    return [
        *(str(weed), "-logtostderr=true", "server", "-dir=.", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", *inner),
        *("-master.peers=none", "-master.telemetry=false", f"-master.volumeSizeLimitMB={VOLUME_MB}", "-volume.max=0"),
        *("-filer", "-filer.localSocket=filer.sock"),
        *("-s3", f"-s3.port={port}", f"-s3.port.grpc={data.port('bucket-s3.grpc')}", "-s3.localSocket=s3.sock"),
        *(
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            "-s3.iam=false",
            "-s3.autoCreateBucket=false",
            f"-s3.allowedOrigins={','.join(origins)}",
        ),
    ]


def _environment(folder: Path, secret: str, certificate: Path) -> dict[str, str]:
    certificates = {
        f"WEED_{wire}_{name}_{what}": str(certificate)
        for wire in ("GRPC", "HTTPS")
        for name in ("MASTER", "VOLUME", "FILER", "S3", "CLIENT")
        for what in ("CERT", "KEY", "CA")
    }
    return certificates | {
        "WEED_GRPC_CA": str(certificate),
        "WEED_HTTPS_CLIENT_ENABLED": "true",
        "WEED_MASTER_VOLUME_GROWTH_COPY_1": "1",  # one file to append to is enough for one writer
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": secret,
        "HOME": str(folder),  # keeps out the settings of the user's own SeaweedFS
    }


def _left_behind(folder: Path) -> str | None:
    if not folder.is_dir() or not any(folder.iterdir()):
        return None
    return (
        f"{folder} has images of an earlier version, whose addresses do not work any more. "
        "Copy what you want to keep, then delete the folder."
    )
