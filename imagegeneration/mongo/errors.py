"""Translation of the driver's errors into errors of the studio."""

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
"""The codes for missing rights, and for a database whose name differs only in letter case."""

_REFUSED = (121, 10334, 17419)
"""The codes for a document that is too large or does not have the agreed form."""

log = logging.getLogger(__name__)


def studio_error(error: PyMongoError) -> StudioError:
    """Return InternalFault for a document that its validator refuses, else DatabaseDown."""
    log.warning("MongoDB: %s: %s", type(error).__name__, str(error)[:500])
    if isinstance(error, OperationFailure):
        each = (error.details or {}).get("writeErrors") or [{"code": error.code}]  # one command can carry several
        if any(one.get("code") in _REFUSED for one in each):
            return InternalFault("The database refused a document that does not have the agreed form.")
    return DatabaseDown("The database does not answer as it should.")


def is_passing(error: OperationFailure) -> bool:
    """Return whether the server may accept the same command later."""
    return isinstance(error, ExecutionTimeout) or error.has_error_label("TransientTransactionError")


def server_words(error: OperationFailure) -> str:
    """Return the server's own name of the error."""
    return str((error.details or {}).get("codeName") or f"error {error.code}")


def not_permitted(database: str, error: OperationFailure) -> ConfigurationError:
    """Return the error for a user who lacks rights on the database."""
    return ConfigurationError(
        f"MONGODB_URI, MONGODB_DATABASE: the database {database} cannot be used ({server_words(error)}). "
        "Give the user the roles readWrite and dbAdmin there."
    )


def translated(cls: Class) -> Class:
    """Make the public methods of a class raise the studio's errors, except inside a transaction.

    The driver needs to see its own errors there, to decide whether the transaction runs again.
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
