"""The setup of a new MongoDB server: a replica set with one member and one user."""

from __future__ import annotations

import time

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError
from pymongo.uri_parser import parse_uri

from imagegeneration.core.errors import ConfigurationError
from imagegeneration.mongo.schema import Document

_UNAUTHORIZED = 13
_AUTHENTICATION_FAILED = 18
_ALREADY_INITIALIZED = 23


def initiate_replica_set(uri: str) -> None:
    """Make the server at `uri` a replica set of one with the user of `uri`. Return once it is primary.

    Steps that are already done are skipped. The server lets a client on its own machine do this until it has a user.
    Raises ConfigurationError if there is no primary after 30 seconds, or if the user has another password.
    """
    parsed = parse_uri(uri)
    host, port = parsed["nodelist"][0]
    members = [{"_id": 0, "host": f"{host}:{port}"}]
    config = {"_id": parsed["options"].get("replicaSet", "studio"), "members": members}
    deadline = time.monotonic() + 30
    try:
        with MongoClient[Document](host, port, directConnection=True, serverSelectionTimeoutMS=30_000) as direct:
            while not (hello := direct.admin.command("hello")).get("isWritablePrimary"):
                if time.monotonic() > deadline:
                    raise ConfigurationError("The embedded database did not become primary within 30 seconds.")
                if "setName" not in hello:
                    _initiate(direct, config)
                time.sleep(0.02)
            if parsed["username"]:
                _ensure_user(direct, parsed["username"], parsed["password"])
    except PyMongoError as error:
        raise ConfigurationError(f"The embedded database does not answer ({type(error).__name__}).") from None


def _initiate(direct: MongoClient[Document], config: Document) -> None:
    try:
        direct.admin.command("replSetInitiate", config)
    except OperationFailure as error:
        if error.code not in (_UNAUTHORIZED, _ALREADY_INITIALIZED):  # the server is about to read its configuration
            raise


def _ensure_user(direct: MongoClient[Document], name: str, password: str) -> None:
    host, port = direct.address or ("", 0)
    try:
        with MongoClient[Document](host, port, directConnection=True, username=name, password=password) as known:
            known.admin.command("ping")
    except OperationFailure as error:
        if error.code != _AUTHENTICATION_FAILED:
            raise
        try:
            direct.admin.command("createUser", name, pwd=password, roles=["root"])
        except OperationFailure as refused:
            if refused.code != _UNAUTHORIZED:
                raise
            raise ConfigurationError(
                "The embedded database has another password than DATA_DIR/mongod-password; restore that file."
            ) from None
