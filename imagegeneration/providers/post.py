"""Paid calls over plain HTTP, for providers without an SDK."""

from __future__ import annotations

from collections.abc import Mapping

import httpx2

from imagegeneration.providers.endpoint import Endpoint
from imagegeneration.providers.generation import Json
from imagegeneration.providers.provider import unreachable
from imagegeneration.providers.reply import Reply
from imagegeneration.providers.wire import CONNECT_SECONDS, Wire


class PaidPost:
    """A client for POSTs with a bearer token: no retries, redirects or keep-alive, independent of the environment."""

    def __init__(self, endpoint: Endpoint, headers: Mapping[str, str]) -> None:
        key = endpoint.key.get_secret_value() if endpoint.key else "none"
        self._client = httpx2.Client(
            base_url=endpoint.url,
            headers={**headers, "authorization": f"Bearer {key}"},
            transport=Wire(),
            follow_redirects=False,
            trust_env=False,
        )

    def send_json(self, path: str, document: Json, seconds: float, headers: Mapping[str, str]) -> Reply:
        """Send a JSON object. Raises CallFailed if no answer came. The answer may be a refusal."""
        return self._send(self._client.build_request("POST", path, json=document, headers=headers), seconds)

    def send_form(self, path: str, fields: Mapping[str, str], seconds: float) -> Reply:
        """Send a multipart form of texts. Raises CallFailed if no answer came."""
        parts = {name: (None, value.encode()) for name, value in fields.items()}
        return self._send(self._client.build_request("POST", path, files=parts), seconds)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _send(self, request: httpx2.Request, seconds: float) -> Reply:
        request.extensions["timeout"] = httpx2.Timeout(seconds, connect=CONNECT_SECONDS).as_dict()
        try:
            response = self._client.send(request, stream=True)
            try:
                return Reply.read(response)
            finally:
                response.close()
        except httpx2.HTTPError as error:
            raise unreachable(error) from error
