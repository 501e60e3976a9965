"""What an OpenID provider says about itself, and what this client makes of it."""

from __future__ import annotations

from typing import Any

from imagegeneration.core.errors import SignInFailed
from imagegeneration.people.oidc.documents import Shared, ask, printable
from imagegeneration.people.sign_in import SignInProvider

METADATA_SECONDS = 3600.0

AUTH_METHODS = ("client_secret_basic", "client_secret_post", "client_secret_jwt", "none")
"""Ways to authenticate with the client secret, the standard's default first."""

ASSERTION_ALG = "HS256"
"""How the client signs its assertions."""


class Metadata:
    """The metadata of one provider, read anew once an hour."""

    def __init__(self, provider: SignInProvider) -> None:
        self._provider = provider
        self._issuer = str(provider.issuer).rstrip("/")
        self._shared = Shared(self._fetch, METADATA_SECONDS)

    def get(self) -> dict[str, Any]:
        """Return the metadata. Raises SignInFailed if it cannot be read."""
        return self._shared.get()

    def method(self) -> str:
        """Return how to authenticate at the token endpoint. Raises SignInFailed if there is no common way."""
        if self._provider.client_secret is None:
            return "none"
        named = self._listed("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        signed = self._listed("token_endpoint_auth_signing_alg_values_supported") or [ASSERTION_ALG]
        known = [one for one in AUTH_METHODS if one != "client_secret_jwt" or ASSERTION_ALG in signed]
        method = next((one for one in known if one in named), None)
        if method is None:
            wants = [f"{one} by {'/'.join(signed)}" if one == "client_secret_jwt" else one for one in named]
            raise self._impossible(f"wants {', '.join(wants)}")
        return method

    def require_query(self) -> None:
        """Raise SignInFailed if the provider cannot answer in the query of the redirect address."""
        modes = self._listed("response_modes_supported")
        if modes and "query" not in modes:
            raise self._impossible(f"answers by {', '.join(modes)} only")

    def scope(self) -> str:
        """Return the scope: as configured, else the default without what the provider does not list."""
        listed = self._listed("scopes_supported")
        if not listed or "scope" in self._provider.model_fields_set:
            return self._provider.scope
        return " ".join(one for one in self._provider.scope.split() if one == "openid" or one in listed)

    def _listed(self, name: str) -> list[str]:
        """Return a list of the metadata, empty if it is missing."""
        found = self.get().get(name)
        return [str(one) for one in found] if isinstance(found, list) else []

    def _impossible(self, why: str) -> SignInFailed:
        message = f"{self._provider.label} knows no way to sign in from here."
        return SignInFailed(message, detail=printable(why))

    def endpoint(self, name: str) -> str:
        """Return the address of an endpoint. Raises SignInFailed if the provider names none."""
        found = self.get().get(name)
        if not isinstance(found, str):
            raise SignInFailed(f"{self._provider.label} does not answer as it should.", detail=f"no {name}")
        return found

    def _fetch(self) -> dict[str, Any]:
        label = self._provider.label
        metadata = ask(label, f"{self._issuer}/.well-known/openid-configuration").document(label)
        if str(metadata.get("issuer", "")).rstrip("/") != self._issuer:
            raise SignInFailed(f"{label} calls itself by another name than is configured.")
        return metadata
