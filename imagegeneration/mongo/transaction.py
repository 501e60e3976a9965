"""Transactions: repeated on conflicts, and acknowledged once a majority has them in its journal."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

import pymongo
from pymongo import MongoClient
from pymongo.client_session import ClientSession
from pymongo.errors import ExecutionTimeout, PyMongoError
from pymongo.write_concern import WriteConcern

Session = ClientSession
Result = TypeVar("Result")

TRANSACTION_SECONDS = 15
"""How long a transaction is repeated on conflicts before the caller gets DatabaseDown."""


class Transactions:
    """The transactions of one process.

    MongoDB aborts one of two transactions that write the same document. Most write the counters of the day, or a job
    that other images change too. So the transactions of this process run one at a time, and only their waits for the
    majority overlap.
    """

    def __init__(self, client: MongoClient[dict[str, Any]]) -> None:
        self._client = client
        self._one_by_one = threading.Lock()

    def run(self, work: Callable[[Session], Result]) -> Result:
        """Run `work` until it is committed. Raises the driver's error if it cannot be."""
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
                    time.sleep(random.uniform(0.001, 0.01))  # another process writes the same documents
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
                raise  # else the commit for the majority tells whether it succeeded
        return result

    @staticmethod
    def _await_majority(session: Session) -> None:
        """Wait until a majority has the commit in its journal, by sending it again, which changes nothing else."""
        while True:
            try:
                session.commit_transaction()
            except PyMongoError as error:
                if not error.has_error_label("UnknownTransactionCommitResult") or isinstance(error, ExecutionTimeout):
                    raise
            else:
                return
