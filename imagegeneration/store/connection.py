"""The connection to MongoDB: durable writes, transactions, server time, and errors in our words."""

from __future__ import annotations

import functools
import logging
import random
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

import pymongo
from pymongo import MongoClient
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import ConfigurationError as DriverConfigurationError
from pymongo.errors import ExecutionTimeout, InvalidURI, OperationFailure, PyMongoError
from pymongo.read_preferences import ReadPreference
from pymongo.write_concern import WriteConcern

from imagegeneration.errors import ConfigurationError, DatabaseDown, InternalFault, StudioError

Document = dict[str, Any]
Session = ClientSession
Result = TypeVar("Result")
Class = TypeVar("Class", bound=type)

TRANSACTION_SECONDS = 15
"""How long a transaction may be tried again on conflicts before the caller is told that the database is down."""

_NAMESPACE_EXISTS = 48
_INDEX_DIFFERS = 86
_REFUSED = (121, 10334, 17419)
"""The document does not have the agreed form, or has become too large."""

_NOT_LET_IN = (11, 18)
_NOT_PERMITTED = (8, 13, 13297)
"""Not authorized; and another database has this name in other letters."""

log = logging.getLogger(__name__)


class Prepared(Protocol):
    """A collection that knows its validator and its indexes."""

    def prepare(self) -> None:
        """Create the collection, or bring it up to date."""


class Connection:
    """One database. Every acknowledged write is on the journal of a majority (DESIGN.md, section 4)."""

    def __init__(self, uri: str, database: str) -> None:
        """Connect lazily. Raises ConfigurationError for a URI that cannot be one."""
        try:
            self._client: MongoClient[Document] = MongoClient(
                uri,
                appname="image-studio",
                tz_aware=True,
                tzinfo=UTC,
                w="majority",
                journal=True,
                readConcernLevel="majority",
                retryWrites=True,
                connectTimeoutMS=5_000,
                serverSelectionTimeoutMS=5_000,
                socketTimeoutMS=30_000,
            )
        except OSError as error:  # a file of the tls options
            raise ConfigurationError(f"MONGODB_URI: {error.filename}: {error.strerror}.") from None
        except (InvalidURI, DriverConfigurationError, ValueError) as error:
            reason = str(error).partition('"')[0].rstrip(" .")  # what it quotes may be a part of the password
            raise ConfigurationError(f"MONGODB_URI is wrong: {reason}.") from None
        self._database: Database[Document] = self._client[database]
        self.collections: list[Prepared] = []
        """What stores keep in this database, in the order in which they were made."""
        self._one_by_one = threading.Lock()

    def collection(self, name: str) -> Collection[Document]:
        """The collection called `name`."""
        return self._database[name]

    def require_replica_set(self) -> None:
        """Raise ConfigurationError where transactions are impossible, or for a user who is not let in."""
        if self._client.read_preference != ReadPreference.PRIMARY:
            raise ConfigurationError(
                f"MONGODB_URI: leave readPreference={self._client.read_preference.mongos_mode} out. "
                "Transactions read from the primary."
            )
        try:
            hello = self._client.admin.command("hello")
        except OperationFailure as error:
            if error.code not in _NOT_LET_IN:
                raise ConfigurationError(f"MONGODB_URI: the database refuses us ({_server_words(error)}).") from None
            raise ConfigurationError(
                "MONGODB_URI: the database refuses this user and password. Is authSource right?"
            ) from None
        except PyMongoError as error:
            raise ConfigurationError(
                f"MONGODB_URI: no primary answers ({type(error).__name__}). Check hosts, replicaSet and tls options."
            ) from None
        if "setName" not in hello and hello.get("msg") != "isdbgrid":
            raise ConfigurationError("MONGODB_URI names a standalone server; transactions need a replica set.")
        if not hello.get("isWritablePrimary"):
            raise ConfigurationError(
                "MONGODB_URI reaches a secondary alone: leave directConnection out, and name the replica set."
            )

    def require_transactions(self, collection: str) -> None:
        """Raise ConfigurationError unless this user may write there in a transaction, and watch it.

        Raises DatabaseDown where another process, which starts too, is in the way for long.
        """
        nothing = {"_id": "start-check"}

        def write(session: Session) -> None:
            found = self._database[collection]
            found.find_one(nothing, session=session)
            found.update_one(nothing, {"$unset": {"startCheck": True}}, session=session)

        try:
            self._transaction(write)
            self._database[collection].watch(max_await_time_ms=1).close()
        except PyMongoError as error:
            if not isinstance(error, OperationFailure) or _passes(error):
                raise studio_error(error) from error
            raise ConfigurationError(_not_permitted(self._database.name, error)) from None

    def now(self) -> datetime:
        """The server's clock: the only one that leases, holds and budgets go by."""
        try:
            hello = self._database.command("hello", codec_options=self._database.codec_options)
        except PyMongoError as error:
            raise studio_error(error) from error
        moment: datetime = hello["localTime"]
        return moment

    def ping(self) -> None:
        """Raise DatabaseDown unless the server answers within two seconds."""
        try:
            with pymongo.timeout(2):
                self._client.admin.command("ping")
        except PyMongoError as error:
            raise studio_error(error) from error

    def transaction(self, work: Callable[[Session], Result]) -> Result:
        """Run `work` in a transaction, again on conflicts. Raises DatabaseDown where it cannot be committed.

        Every transaction moves the same few counters of a day, so that two at once only conflict: those of this
        process go one by one. They wait for the majority side by side, after the counters are free again.
        """
        try:
            return self._transaction(work)
        except PyMongoError as error:
            raise studio_error(error) from error

    def _transaction(self, work: Callable[[Session], Result]) -> Result:
        deadline = time.monotonic() + TRANSACTION_SECONDS
        with pymongo.timeout(TRANSACTION_SECONDS), self._client.start_session() as session:
            while True:
                try:
                    with self._one_by_one:
                        result = self._commit_locally(session, work)
                    self._await_majority(session)
                except PyMongoError as error:
                    if not error.has_error_label("TransientTransactionError") or time.monotonic() > deadline:
                        raise
                    time.sleep(random.uniform(0.001, 0.01))  # another process holds the counters
                else:
                    return result

    @staticmethod
    def _commit_locally(session: Session, work: Callable[[Session], Result]) -> Result:
        session.start_transaction(write_concern=WriteConcern(w=1))
        try:
            result = work(session)
        except BaseException:
            session.abort_transaction()
            raise
        try:
            session.commit_transaction()
        except PyMongoError as error:
            if not error.has_error_label("UnknownTransactionCommitResult"):
                raise  # else asking again, for the majority, says whether it is committed
        return result

    @staticmethod
    def _await_majority(session: Session) -> None:
        """A commit that is sent again does nothing but wait, until a majority has it in its journal."""
        while True:
            try:
                session.commit_transaction()
            except PyMongoError as error:
                if not error.has_error_label("UnknownTransactionCommitResult") or isinstance(error, ExecutionTimeout):
                    raise
            else:
                return

    def prepare(self) -> None:
        """Create the collections with their validators and indexes, or bring them up to date. Safe to repeat."""
        for collection in self.collections:
            collection.prepare()

    def apply_schema(self, name: str, validator: Mapping[str, Any], indexes: list[pymongo.IndexModel]) -> None:
        """Create the collection with this validator and these indexes, or bring them up to date."""
        wanted: Document = {"$jsonSchema": validator}
        try:
            if self._validators.get(name) != wanted:
                self._create(name, wanted)
            if indexes:
                self._index(self._database[name], indexes)
        except OperationFailure as error:
            if error.code in _NOT_PERMITTED:
                raise ConfigurationError(_not_permitted(self._database.name, error)) from None
            raise studio_error(error) from error
        except PyMongoError as error:
            raise studio_error(error) from error

    @functools.cached_property
    def _validators(self) -> Mapping[str, Document]:
        """The validators at the start: setting one again would lock its collection for all who use it."""
        with self._database.list_collections() as found:
            return {collection["name"]: collection["options"].get("validator", {}) for collection in found}

    def _create(self, name: str, validator: Document) -> None:
        try:
            self._database.create_collection(name, check_exists=False, validator=validator)
        except OperationFailure as error:
            if error.code != _NAMESPACE_EXISTS:
                raise
            self._database.command("collMod", name, validator=validator)

    @staticmethod
    def _index(collection: Collection[Document], indexes: list[pymongo.IndexModel]) -> None:
        try:
            collection.create_indexes(indexes)
        except OperationFailure as error:
            if error.code != _INDEX_DIFFERS:
                raise
            known = collection.index_information()
            for index in indexes:  # one of another version has the name: it makes room
                name = index.document["name"]
                if name in known and dict(known[name]["key"]) != dict(index.document["key"]):
                    collection.drop_index(name)
            collection.create_indexes(indexes)

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()


def studio_error(error: PyMongoError) -> StudioError:
    """The error in our words. A document that its validator refuses is a fault of ours, all else an outage."""
    log.warning("MongoDB: %s: %s", type(error).__name__, str(error)[:500])
    if isinstance(error, OperationFailure) and error.code in _REFUSED:
        return InternalFault("The database refused a document that does not have the agreed form.")
    return DatabaseDown("The database does not answer as it should.")


def _passes(error: OperationFailure) -> bool:
    """Whether what the server refused may be let through later."""
    return isinstance(error, ExecutionTimeout) or error.has_error_label("TransientTransactionError")


def _server_words(error: OperationFailure) -> str:
    return str((error.details or {}).get("codeName") or f"error {error.code}")


def _not_permitted(database: str, error: OperationFailure) -> str:
    return (
        f"MONGODB_URI, MONGODB_DATABASE: the database {database} cannot be used ({_server_words(error)}). "
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
