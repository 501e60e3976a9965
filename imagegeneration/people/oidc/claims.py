"""Claims about a user, as providers send them."""

from __future__ import annotations

from typing import Any

from imagegeneration.core.errors import SignInFailed
from imagegeneration.people.person import Identity

NAMES = ("name", "preferred_username", "email")
"""Claims with the name of a user, the best first."""


def identity_of(claims: dict[str, Any], groups_claim: str) -> Identity:
    """Return the identity in verified claims. An e-mail address counts only if the provider has verified it."""
    subject, email = claims.get("sub"), claims.get("email")
    if not isinstance(subject, str) or not subject:
        raise SignInFailed("The provider did not say who signed in.", detail="sub is missing or no text")
    name = next((claims[key] for key in NAMES if isinstance(claims.get(key), str) and claims[key].strip()), "No name")
    sid = claims.get("sid")
    return Identity(
        issuer=str(claims["iss"]),
        subject=subject,
        email=email if isinstance(email, str) and is_true(claims.get("email_verified")) else None,
        name=name.strip()[:200],
        groups=groups_of(claims.get(groups_claim)),
        sid=sid if isinstance(sid, str) else None,
    )


def is_true(value: object) -> bool:
    """Return whether a claim is true; some providers send booleans as text."""
    return value is True or (isinstance(value, str) and value.lower() == "true")


def groups_of(value: object) -> tuple[str, ...]:
    """Return the groups in a claim. Some providers send a single group as text instead of a list."""
    if isinstance(value, str):
        return (value,) if value else ()
    return tuple(group for group in value if isinstance(group, str)) if isinstance(value, list) else ()


def merged(token: dict[str, Any], userinfo: dict[str, Any]) -> dict[str, Any]:
    """Return the claims of both; those of the identity token win.

    The e-mail address and whether it is verified come from the same source.
    """
    pair = ("email", "email_verified")
    source = token if all(name in token for name in pair) or "email" not in userinfo else userinfo
    return {**userinfo, **token, **{name: source.get(name) for name in pair}}
