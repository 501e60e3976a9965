"""Ids and names that all areas use."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from ulid import ULID

ProviderName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,31}$")]
"""A provider of the table in `providers/`, or a server that an operator has named."""


def new_id(prefix: str) -> str:
    """Return a new id: `prefix_` and a ULID."""
    return f"{prefix}_{ULID()}"
