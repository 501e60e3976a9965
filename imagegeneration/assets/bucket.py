"""The bucket (Cloudflare R2, or any S3): the only module that imports boto3."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import boto3
import httpx2
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from imagegeneration.assets import imaging
from imagegeneration.core.errors import ConfigurationError, Occupied, StorageFailed

CACHE_CONTROL = "public, max-age=31536000, immutable"
"""The caching of stored objects: a CDN URL serves the same bytes for ever."""


QUICK_SECONDS = 2
"""Timeout of the bucket's check, in seconds."""

TRIAL_KEY = "start-check.txt"
"""Key of the trial object.

Its content never changes, because an earlier version may have stored it. Other content needs another key.
"""

_TRIAL = b"Image Studio reads this object when it starts, to find out whether its bucket is set up.\n"

_WRONG_KEY = ("InvalidAccessKeyId", "SignatureDoesNotMatch", "Unauthorized")
_PASSING = ("RequestTimeTooSkewed", "SlowDown", "OperationAborted", "ConditionalRequestConflict")
"""Errors that pass: a wrong clock of this machine, too many requests, another process that does the same."""


@dataclass(frozen=True)
class BucketSettings:
    """Where the bucket is, its credentials, and the address at which browsers find its objects."""

    name: str
    endpoint_url: str
    key_id: str
    key: str = field(repr=False)
    public_url: str


class Storage:
    """The storage of objects, which are never overwritten, and their public URLs."""

    def __init__(self, settings: BucketSettings) -> None:
        self.bucket = settings.name
        self._public_url = settings.public_url
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
        quick = Config(
            connect_timeout=QUICK_SECONDS,
            read_timeout=QUICK_SECONDS,
            retries={"total_max_attempts": 1, "mode": "standard"},
        )

        def client(config: Config) -> Any:
            return boto3.client(
                "s3",
                endpoint_url=settings.endpoint_url,
                aws_access_key_id=settings.key_id,
                aws_secret_access_key=settings.key,
                region_name="auto",
                config=config,
            )

        self._client = client(config)
        self._probe = client(config.merge(quick))

    def url(self, key: str) -> str:
        """Return the public address of the object at `key`."""
        return f"{self._public_url}/{key}"

    def put(self, key: str, content: bytes, content_type: str, *, compare: bool) -> None:
        """Put an object at a free key.

        An existing object stays; with `compare` its bytes must be the same. Raises StorageFailed, and Occupied if they
        differ.
        """
        try:
            self._client.put_object(
                Bucket=self.bucket,
                Key=key,
                Body=content,
                ContentType=content_type,
                CacheControl=CACHE_CONTROL,
                IfNoneMatch="*",  # guard: put-no-overwrite
            )
        except ClientError as error:
            if _status(error) != 412:
                raise _failed("refused the upload", error) from error
            # guard: put-compare
            if compare and imaging.sha256(self.get(key)) != imaging.sha256(content):
                raise Occupied("Another object is in the image's place in the bucket.") from error
        except BotoCoreError as error:
            raise _failed("does not answer", error) from error

    def get(self, key: str) -> bytes:
        """Return the bytes of an object. Raises StorageFailed."""
        try:
            content: bytes = self._client.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        except (ClientError, BotoCoreError) as error:
            raise _failed("did not give an object back", error) from error
        else:
            return content

    def find(self, key: str, most_bytes: int) -> bytes | None:
        """Return an object's bytes, cut off one byte after `most_bytes`, or None if there is none.

        Raises StorageFailed.
        """
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
        """Return up to 1,000 keys that begin with `prefix`. Raises StorageFailed."""
        try:
            found = self._client.list_objects_v2(Bucket=self.bucket, Prefix=prefix)
        except (ClientError, BotoCoreError) as error:
            raise _failed("could not be listed", error) from error
        return [entry["Key"] for entry in found.get("Contents", [])]

    def check(self) -> None:
        """Raise StorageFailed unless the bucket exists and accepts the key, within QUICK_SECONDS for each reply."""
        try:
            self._probe.head_bucket(Bucket=self.bucket)
        except (ClientError, BotoCoreError) as error:
            raise _failed("does not answer", error) from error

    def require_working(self) -> None:
        """Put an object as images are put, and read it as they are read: with the key, and publicly.

        The object is stored once and stays. Raises ConfigurationError, which names the variable, for an error that does
        not pass, and StorageFailed for an outage, within some seconds.
        """
        may = "R2_ACCESS_KEY_ID: its token may not {} the bucket {}. Give it leave to read, list and write objects"
        with self._explained(may.format("write to", self.bucket)):
            if self._put_trial() and self._put_trial():
                raise ConfigurationError(
                    f"R2_ENDPOINT_URL: the bucket {self.bucket} writes over objects in spite of If-None-Match. "
                    "Use one with conditional writes, such as R2."
                )
        with self._explained(may.format("list", self.bucket)):
            self._probe.list_objects_v2(Bucket=self.bucket, Prefix=TRIAL_KEY)
        with self._explained(may.format("read from", self.bucket)):
            stored = self._probe.get_object(Bucket=self.bucket, Key=TRIAL_KEY)["Body"].read(len(_TRIAL) + 1)
        if stored != _TRIAL:
            raise ConfigurationError(f"R2_ENDPOINT_URL: the bucket {self.bucket} does not give back what was stored.")
        self._require_public()

    def _put_trial(self) -> bool:
        """Return whether the trial object was stored now, and not before."""
        try:
            self._probe.put_object(
                Bucket=self.bucket, Key=TRIAL_KEY, Body=_TRIAL, ContentType="text/plain", IfNoneMatch="*"
            )
        except ClientError as error:
            if _status(error) != 412:
                raise
            return False
        return True

    def _require_public(self) -> None:
        url = self.url(TRIAL_KEY)
        try:
            # Without the environment's proxy: its answer about an address that it cannot reach would end the start.
            answer = httpx2.get(url, timeout=QUICK_SECONDS, follow_redirects=True, trust_env=False)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise StorageFailed(f"CDN_BASE_URL does not answer ({type(error).__name__}).") from error
        if answer.status_code == 429 or answer.status_code >= 500:
            raise StorageFailed(f"CDN_BASE_URL does not answer as it should (HTTP {answer.status_code}).")
        if answer.content == _TRIAL:
            return
        # A sign-in or a challenge before the address. It does not show what browsers get that are let through.
        if answer.url.host != httpx2.URL(url).host or "cf-mitigated" in answer.headers:
            raise StorageFailed(
                f"CDN_BASE_URL does not let this machine through ({answer.url.host}, HTTP {answer.status_code}). "
                "Only browsers that it lets through show images."
            )
        raise ConfigurationError(
            f"CDN_BASE_URL: {url} does not serve what is in the bucket {self.bucket} (HTTP {answer.status_code}). "
            "Let everybody read the bucket there, or correct the address."
        )

    @contextmanager
    def _explained(self, not_allowed: str) -> Iterator[None]:
        """Turn the bucket's refusals into one line that names the variable."""
        try:
            yield
        except BotoCoreError as error:
            raise _failed("does not answer", error) from error
        except ClientError as error:
            status, code = _status(error), str(error.response.get("Error", {}).get("Code", ""))
            if status == 429 or (status >= 500 and status != 501) or code in _PASSING:
                raise _failed(f"does not answer as it should: {code}", error) from error
            if status == 501:
                why = f"R2_ENDPOINT_URL: the bucket {self.bucket} knows no conditional writes (If-None-Match)"
            elif status == 404:
                why = f"R2_BUCKET: there is no bucket {self.bucket} at R2_ENDPOINT_URL. Create it, or correct the name"
            elif status == 401 or code in _WRONG_KEY:
                why = "R2_ACCESS_KEY_ID, R2_SECRET_ACCESS_KEY: the bucket does not accept this key"
            elif status == 403:
                why = not_allowed
            else:
                why = f"R2_ENDPOINT_URL: this is not where the bucket {self.bucket} can be reached"
            raise ConfigurationError(f"{why} ({code or f'HTTP {status}'}).") from None

    def ensure_bucket(self) -> None:
        """Create the bucket if it does not exist, and make its objects publicly readable by key.

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
