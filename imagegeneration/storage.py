"""The bucket (Cloudflare R2, or any S3): the only module that imports boto3."""

from __future__ import annotations

import json
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from imagegeneration import imaging
from imagegeneration.errors import Occupied, StorageFailed
from imagegeneration.settings import Settings

CACHE_CONTROL = "public, max-age=31536000, immutable"
"""A CDN URL serves the same bytes for ever (DESIGN.md, section 1)."""


class Storage:
    """Puts objects once and never over another; says under which public URL they are."""

    def __init__(self, settings: Settings) -> None:
        settings.require_bucket()
        secret = settings.r2_secret_access_key
        self.bucket = settings.r2_bucket
        self._cdn_base_url = settings.cdn_base_url
        config = Config(
            signature_version="s3v4",
            s3={"addressing_style": "path"},
            connect_timeout=5,
            read_timeout=30,
            retries={"total_max_attempts": 2, "mode": "standard"},
            max_pool_connections=16,
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        quick = Config(connect_timeout=2, read_timeout=2, retries={"total_max_attempts": 1, "mode": "standard"})

        def client(config: Config) -> Any:
            return boto3.client(
                "s3",
                endpoint_url=settings.bucket_endpoint,
                aws_access_key_id=settings.r2_access_key_id,
                aws_secret_access_key=secret.get_secret_value() if secret else None,
                region_name="auto",
                config=config,
            )

        self._client = client(config)
        self._probe = client(config.merge(quick))

    def url(self, key: str) -> str:
        """The public address of the object at `key`."""
        return f"{self._cdn_base_url}/{key}"

    def put(self, key: str, content: bytes, content_type: str, *, compare: bool) -> None:
        """Put an object where none is yet.

        If one is there already it stays; with `compare` its bytes must be the same. Raises StorageFailed.
        """
        try:
            self._client.put_object(
                Bucket=self.bucket,
                Key=key,
                Body=content,
                ContentType=content_type,
                CacheControl=CACHE_CONTROL,
                IfNoneMatch="*",
            )
        except ClientError as error:
            if _status(error) != 412:
                raise _failed("refused the upload", error) from error
            if compare and imaging.sha256(self.get(key)) != imaging.sha256(content):
                raise Occupied("Another object is in the image's place in the bucket.") from error
        except BotoCoreError as error:
            raise _failed("does not answer", error) from error

    def get(self, key: str) -> bytes:
        """The bytes of an object. Raises StorageFailed."""
        try:
            content: bytes = self._client.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        except (ClientError, BotoCoreError) as error:
            raise _failed("did not give an object back", error) from error
        else:
            return content

    def find(self, key: str, most_bytes: int) -> bytes | None:
        """The bytes of an object, at most one more than `most_bytes`; None without it. Raises StorageFailed."""
        try:
            content: bytes = self._client.get_object(Bucket=self.bucket, Key=key)["Body"].read(most_bytes + 1)
        except ClientError as error:
            if _status(error) == 404:
                return None
            raise _failed("did not give an object back", error) from error
        except BotoCoreError as error:
            raise _failed("did not give an object back", error) from error
        else:
            return content

    def keys(self, prefix: str) -> list[str]:
        """Up to 1,000 keys that begin with `prefix`. Raises StorageFailed."""
        try:
            found = self._client.list_objects_v2(Bucket=self.bucket, Prefix=prefix)
        except (ClientError, BotoCoreError) as error:
            raise _failed("could not be listed", error) from error
        return [entry["Key"] for entry in found.get("Contents", [])]

    def check(self) -> None:
        """Raise StorageFailed unless the bucket is there, lets us in, and says so within a few seconds."""
        try:
            self._probe.head_bucket(Bucket=self.bucket)
        except (ClientError, BotoCoreError) as error:
            raise _failed("does not answer", error) from error

    def ensure_bucket(self) -> None:
        """Create the bucket unless it is there, and let everybody read objects of it whose key they know.

        For embedded buckets and tests. Raises StorageFailed.
        """
        anybody = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject"}
        policy = {"Version": "2012-10-17", "Statement": [anybody | {"Resource": f"arn:aws:s3:::{self.bucket}/*"}]}
        try:
            if not self._exists():
                self._client.create_bucket(Bucket=self.bucket)
            self._client.put_bucket_policy(Bucket=self.bucket, Policy=json.dumps(policy))
        except (ClientError, BotoCoreError) as error:
            raise _failed("could not be prepared", error) from error

    def _exists(self) -> bool:
        try:
            self._client.head_bucket(Bucket=self.bucket)
        except ClientError as error:
            if _status(error) == 404:
                return False
            raise
        return True


def _status(error: ClientError) -> int:
    return int(error.response["ResponseMetadata"]["HTTPStatusCode"])


def _failed(what: str, error: ClientError | BotoCoreError) -> StorageFailed:
    reason = f"HTTP {_status(error)}" if isinstance(error, ClientError) else type(error).__name__
    return StorageFailed(f"The image storage {what} ({reason}).")
