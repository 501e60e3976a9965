"""The connection to MongoDB: durable writes, transactions, server time and translated errors."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol, TypeVar

import pymongo
from pymongo import MongoClient
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import ConfigurationError as DriverConfigurationError
from pymongo.errors import InvalidURI, OperationFailure, PyMongoError
from pymongo.read_preferences import ReadPreference

from imagegeneration.core.errors import ConfigurationError
from imagegeneration.mongo.errors import is_passing, not_permitted, server_words, studio_error
from imagegeneration.mongo.schema import Document, Schema
from imagegeneration.mongo.transaction import Session, Transactions

Result = TypeVar("Result")

_NOT_LET_IN = (11, 18)


class Prepared(Protocol):
    """A collection that knows its validator and its indexes."""

    def prepare(self) -> None:
        """Create the collection, or bring it up to date."""


class Connection:
    """The connection to one database. A majority has every acknowledged write in its journal."""

    def __init__(self, uri: str, database: str) -> None:
        """Connect lazily. Raises ConfigurationError for an invalid URI."""
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
        except OSError as error:  # a file that the TLS options name
            raise ConfigurationError(f"MONGODB_URI: {error.filename}: {error.strerror}.") from None
        except (InvalidURI, DriverConfigurationError, ValueError) as error:
            reason = str(error).partition('"')[0].rstrip(" .")  # the quoted part may contain some of the password
            raise ConfigurationError(f"MONGODB_URI is wrong: {reason}.") from None
        self._database: Database[Document] = self._client[database]
        self.collections: list[Prepared] = []
        """The collections of this database, in the order in which stores created them."""
        self._transactions = Transactions(self._client)
        self.schema = Schema(self._database)

    def collection(self, name: str) -> Collection[Document]:
        """Return the collection called `name`."""
        return self._database[name]

    def require_replica_set(self) -> None:
        """Raise ConfigurationError if transactions are impossible or the database refuses the user."""
        if self._client.read_preference != ReadPreference.PRIMARY:
            raise ConfigurationError(
                f"MONGODB_URI: leave readPreference={self._client.read_preference.mongos_mode} out. "
                "Transactions read from the primary."
            )
        try:
            hello = self._client.admin.command("hello")
        except OperationFailure as error:
            if error.code not in _NOT_LET_IN:
                raise ConfigurationError(f"MONGODB_URI: the database refuses us ({server_words(error)}).") from None
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
        """Raise ConfigurationError unless this user may write to the collection in a transaction and watch it.

        Raises DatabaseDown if another process that is starting blocks the check for long.
        """
        nothing = {"_id": "start-check"}

        def write(session: Session) -> None:
            found = self._database[collection]
            found.find_one(nothing, session=session)
            found.update_one(nothing, {"$unset": {"startCheck": True}}, session=session)

        try:
            self._transactions.run(write)
            self._database[collection].watch(max_await_time_ms=1).close()
        except PyMongoError as error:
            if not isinstance(error, OperationFailure) or is_passing(error):
                raise studio_error(error) from error
            raise not_permitted(self._database.name, error) from None

    def now(self) -> datetime:
        """Return the server's time, the only clock for leases, holds and budgets."""
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
        """Run `work` in a transaction, again on conflicts. Raises DatabaseDown if it cannot be committed."""
        try:
            return self._transactions.run(work)
        except PyMongoError as error:
            raise studio_error(error) from error

    def prepare(self) -> None:
        """Create the collections with their validators and indexes, or bring them up to date. Safe to repeat."""
        for collection in self.collections:
            collection.prepare()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()
