"""The driver's errors in our words."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import Any, TypeVar

from pymongo.errors import ExecutionTimeout, OperationFailure, PyMongoError

from imagegeneration.core.errors import ConfigurationError, DatabaseDown, InternalFault, StudioError

Result = TypeVar("Result")
Class = TypeVar("Class", bound=type)

NOT_PERMITTED = (8, 13, 13297)
"""Not authorized; and another database has this name in other letters."""

_REFUSED = (121, 10334, 17419)
"""The document does not have the agreed form, or has become too large."""

log = logging.getLogger(__name__)


def studio_error(error: PyMongoError) -> StudioError:
    """Return the error in our words: a document that its validator refuses is a fault of ours, all else an outage."""
    log.warning("MongoDB: %s: %s", type(error).__name__, str(error)[:500])
    if isinstance(error, OperationFailure):
        each = (error.details or {}).get("writeErrors") or [{"code": error.code}]  # of several documents in one command
        if any(one.get("code") in _REFUSED for one in each):
            return InternalFault("The database refused a document that does not have the agreed form.")
    return DatabaseDown("The database does not answer as it should.")


def is_passing(error: OperationFailure) -> bool:
    """Return whether what the server refused may be let through later."""
    return isinstance(error, ExecutionTimeout) or error.has_error_label("TransientTransactionError")


def server_words(error: OperationFailure) -> str:
    """Return the server's own name of the error."""
    return str((error.details or {}).get("codeName") or f"error {error.code}")


def not_permitted(database: str, error: OperationFailure) -> ConfigurationError:
    """Return what to say of a user who lacks rights on the database."""
    return ConfigurationError(
        f"MONGODB_URI, MONGODB_DATABASE: the database {database} cannot be used ({server_words(error)}). "
        "Give the user the roles readWrite and dbAdmin there."
    )


def translated(cls: Class) -> Class:
    """Class decorator: public methods raise our errors, but inside a transaction the driver's own.

    The driver needs to see its errors to decide whether a transaction runs again.
    """
    for name, method in list(vars(cls).items()):
        if callable(method) and not name.startswith("_"):
            setattr(cls, name, _translated(method))
    return cls


def _translated(method: Callable[..., Result]) -> Callable[..., Result]:
    @functools.wraps(method)
    def call(*args: Any, **kwargs: Any) -> Result:
        try:
            return method(*args, **kwargs)
        except PyMongoError as error:
            if kwargs.get("session") is not None:
                raise
            raise studio_error(error) from error

    return call
