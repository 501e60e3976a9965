"""The audit record in the database: whatever is done to it there shows, and writers at once do not fork it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import bson
import pytest
from bson.errors import BSONError
from hypothesis import HealthCheck, assume, given
from hypothesis import settings as example_settings
from hypothesis import strategies as st
from pymongo.collection import Collection
from pymongo.database import Database

from imagegeneration.audit.__main__ import main
from imagegeneration.audit.entry import AuditEntry, AuditHead, Break, entry_sha256
from imagegeneration.bootstrap import Studio
from imagegeneration.core.actor import LOCAL
from imagegeneration.core.errors import InternalFault, WrongState
from imagegeneration.settings import Settings
from tests.integration.conftest import resume
from tests.support import APPROVAL_KEY

Document = dict[str, Any]
ROOT = Path(__file__).parents[2]
LENGTH = 8
REASONS = ("x", "längst überfällig", "a\nb\tc", "=1+1", "\u202egnp.exe", "💥", '{"reason": "forged"}')

WRITER = """
import sys
from imagegeneration.core.actor import LOCAL
from imagegeneration.audit.log import Audit
from imagegeneration.settings import load_settings
from imagegeneration.stores import Stores

settings = load_settings()
stores = Stores(settings.require_database(), settings.mongodb_database)
audit = Audit(stores.connection, stores.audit)
print("ready", flush=True)
sys.stdin.readline()
for number in range(int(sys.argv[1])):
    audit.note(LOCAL, "paused", sys.argv[2], str(number))
"""
"""A process that appends so many entries about a subject, once it is told to."""

DYING = """
import os
from imagegeneration.core.actor import LOCAL
from imagegeneration.audit.log import Audit
from imagegeneration.settings import load_settings
from imagegeneration.stores import Stores

settings = load_settings()
stores = Stores(settings.require_database(), settings.mongodb_database)
audit, now = Audit(stores.connection, stores.audit), stores.connection.now()

def work(session):
    audit.write(LOCAL, "paused", "never", "", now=now, session=session)
    os._exit(9)

stores.connection.transaction(work)
"""
"""A process that dies after it has appended an entry and before it commits."""


@pytest.fixture
def audit(prepared_anew: None, database: Database[Document], studio: Studio) -> Collection[Document]:
    """A record of some entries, with a state before and after in some; somebody has taken the unique index away."""
    for reason in REASONS:
        studio.audit.note(LOCAL, "paused", "everything", reason)
    studio.pauses.pause(LOCAL, "everything", "with a state before and after")
    assert studio.audit.head().number == LENGTH
    database.audit.drop_index("number_1")
    return database.audit


@contextmanager
def tampered(collection: Collection[Document]) -> Iterator[Sequence[Document]]:
    """The documents as they are, which are put back in the end."""
    documents = list(collection.find({}).sort("number"))
    try:
        yield documents
    finally:
        collection.delete_many({})
        collection.insert_many(documents, bypass_document_validation=True)


def put(collection: Collection[Document], document: Document) -> None:
    collection.replace_one({"_id": document["_id"]}, document, bypass_document_validation=True)


def broken_at(studio: Studio, anchor: AuditHead | None = None) -> int | None:
    found = studio.audit.first_break(anchor)
    return None if found is None else found.number


SHARED = example_settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@SHARED
@given(st.data())
def test_any_changed_byte_of_any_entry_is_found_and_named(
    studio: Studio, audit: Collection[Document], data: st.DataObject
) -> None:
    with tampered(audit) as documents:
        position = data.draw(st.integers(0, len(documents) - 1))
        entry = {name: value for name, value in documents[position].items() if name != "_id"}
        changed = one_byte_off(entry, data)
        put(audit, {"_id": documents[position]["_id"]} | changed)
        number = changed.get("number")
        moved_up = isinstance(number, int) and 1 <= number <= position
        assert broken_at(studio) == (number if moved_up else position + 1)
    assert studio.audit.first_break() is None


def one_byte_off(document: Document, data: st.DataObject) -> Document:
    """The document with one byte of what is stored changed, where that is a document at all."""
    stored = bytearray(bson.encode(document))
    place = data.draw(st.integers(4, len(stored) - 2), label="place")
    stored[place] ^= data.draw(st.integers(1, 255), label="change")
    try:
        changed: Document = bson.decode(bytes(stored), bson.CodecOptions(tz_aware=True))
    except (BSONError, ValueError, OverflowError):
        assume(False)
    assume(changed != document and not any(name.startswith("$") or not name for name in changed))
    return changed


@SHARED
@given(st.integers(0, LENGTH - 1))
def test_a_removed_entry_is_named(studio: Studio, audit: Collection[Document], position: int) -> None:
    with tampered(audit) as documents:
        audit.delete_one({"_id": documents[position]["_id"]})
        assert broken_at(studio) == position + 1


@SHARED
@given(st.lists(st.integers(0, LENGTH - 1), min_size=2, max_size=2, unique=True))
def test_the_first_of_entries_that_changed_places_is_named(
    studio: Studio, audit: Collection[Document], positions: list[int]
) -> None:
    first, second = sorted(positions)
    with tampered(audit) as documents:
        put(audit, documents[first] | {"number": second + 1})
        put(audit, documents[second] | {"number": first + 1})
        assert broken_at(studio) == first + 1


@SHARED
@given(st.integers(0, LENGTH - 1), st.integers(-2, LENGTH + 2))
def test_an_entry_that_is_there_twice_is_found(
    studio: Studio, audit: Collection[Document], position: int, number: int
) -> None:
    with tampered(audit) as documents:
        copied = {name: value for name, value in documents[position].items() if name != "_id"}
        audit.insert_one(copied | {"number": number, "entryId": "aud_forged"}, bypass_document_validation=True)
        past_the_head = LENGTH + 1 if number > LENGTH else None  # and below 1 nothing counts
        assert broken_at(studio) == (number if 1 <= number <= LENGTH else past_the_head)


@pytest.mark.parametrize(
    "changed", [{"number": LENGTH - 1}, {"number": LENGTH + 1}, {"sha256": "f" * 64}, {"number": 0, "sha256": "0" * 64}]
)
def test_a_changed_head_is_found(
    studio: Studio, audit: Collection[Document], database: Database[Document], changed: Document
) -> None:
    database.audit_head.update_one({}, {"$set": changed})
    assert studio.audit.first_break() is not None


@pytest.mark.parametrize("changed", [{"number": "8"}, {"number": -1}, {"sha256": None}, {"extra": 1}])
def test_on_a_spoilt_head_nothing_is_built(
    studio: Studio, audit: Collection[Document], database: Database[Document], changed: Document
) -> None:
    database.command("collMod", "audit_head", validator={})
    database.audit_head.update_one({}, {"$set": changed})
    with pytest.raises(InternalFault, match="head of the audit record"):
        studio.audit.first_break()
    with pytest.raises(InternalFault):
        studio.audit.note(LOCAL, "paused", "everything", "")
    assert audit.count_documents({}) == LENGTH


def made_anew(documents: Sequence[Document], head: Collection[Document], audit: Collection[Document]) -> None:
    """What somebody does who can change everything in the database, and knows how hashes are made."""
    last = AuditHead()
    for document in documents:
        facts = {name: value for name, value in document.items() if name not in ("_id", "sha256", "previousSha256")}
        entry = AuditEntry.model_validate(facts | {"previousSha256": last.sha256, "sha256": ""})
        entry = entry.model_copy(update={"sha256": entry_sha256(entry)})
        put(audit, {"_id": document["_id"]} | entry.document())
        last = AuditHead(number=entry.number, sha256=entry.sha256)
    head.update_one({}, {"$set": last.document()})


def test_a_record_that_was_made_anew_shows_against_a_head_kept_elsewhere(
    studio: Studio, audit: Collection[Document], database: Database[Document]
) -> None:
    anchor = studio.audit.head()
    documents = list(audit.find({}).sort("number"))
    made_anew([documents[0] | {"reason": "forged"}, *documents[1:]], database.audit_head, audit)
    assert studio.audit.first_break() is None, "it is consistent in itself"
    assert studio.audit.first_break(anchor) == Break(LENGTH, "it is not the one that the anchor names")
    studio.audit.note(LOCAL, "paused", "everything", "later")
    assert broken_at(studio, anchor) == LENGTH


def test_a_record_that_was_cut_off_shows_against_a_head_kept_elsewhere(
    studio: Studio, audit: Collection[Document], database: Database[Document]
) -> None:
    anchor = studio.audit.head()
    documents = list(audit.find({}).sort("number"))
    audit.delete_many({"number": {"$gt": 5}})
    made_anew(documents[:5], database.audit_head, audit)
    assert studio.audit.first_break() is None
    assert broken_at(studio, anchor) == 6


def test_a_head_kept_elsewhere_stays_good_while_the_record_grows(studio: Studio, audit: Collection[Document]) -> None:
    anchors = [AuditHead()]
    for number in range(3):
        anchors.append(studio.audit.head())
        studio.audit.note(LOCAL, "paused", "everything", str(number))
    assert [studio.audit.first_break(anchor) for anchor in anchors] == [None] * 4


# Writers


def variables(settings: Settings) -> dict[str, str]:
    """The environment of a process that works on the test's database and bucket."""
    return {
        "MONGODB_URI": settings.require_database(),
        "MONGODB_DATABASE": settings.mongodb_database,
        "APPROVAL_KEYS": APPROVAL_KEY,
        "R2_ENDPOINT_URL": str(settings.r2_endpoint_url),
        "R2_ACCESS_KEY_ID": "embedded",
        "R2_SECRET_ACCESS_KEY": "embedded",
        "R2_BUCKET": settings.r2_bucket,
        "CDN_BASE_URL": str(settings.cdn_base_url),
    }


def process(code: str, settings: Settings, *arguments: str) -> subprocess.Popen[str]:
    """A process of its own that works on the test's database."""
    env = os.environ | variables(settings)
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        env=env | {"DATA_DIR": str(settings.data_dir)},
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_writers_at_once_do_not_fork_the_record_nor_alarm_who_verifies(
    studio: Studio, settings: Settings, database: Database[Document]
) -> None:
    each, verdicts = 12, list[Break | None]()
    writing = [process(WRITER, settings, str(each), f"process {number}") for number in range(2)]
    for one in writing:
        assert one.stdout is not None
        assert one.stdout.readline() == "ready\n"

    def write(subject: str) -> None:
        for number in range(each):
            studio.audit.note(LOCAL, "paused", subject, str(number))

    threads = [threading.Thread(target=write, args=(f"thread {number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for one in writing:
        assert one.stdin is not None
        one.stdin.write("\n")
        one.stdin.flush()
    while any(thread.is_alive() for thread in threads) or any(one.poll() is None for one in writing):
        verdicts.append(studio.audit.first_break())
    assert [one.communicate()[0] for one in writing] == [""] * 2
    assert [one.returncode for one in writing] == [0, 0]
    assert set(verdicts) == {None}
    entries = [AuditEntry.model_validate(one) for one in database.audit.find({}, {"_id": False}).sort("number")]
    assert [entry.number for entry in entries] == list(range(1, 6 * each + 1))
    for subject in {entry.subject for entry in entries}:
        reasons = [entry.reason for entry in entries if entry.subject == subject]
        assert reasons == [str(number) for number in range(each)], "each writer's entries are there once, in order"
    assert studio.audit.first_break() is None


def test_what_fails_after_its_entry_was_written_leaves_no_entry(studio: Studio, audit: Collection[Document]) -> None:
    connection = studio._stores.connection
    now = connection.now()

    def work(session: Any) -> None:
        studio.audit.write(LOCAL, "paused", "never", "", now=now, session=session)
        raise WrongState("It was not to be.")

    with pytest.raises(WrongState):
        connection.transaction(work)
    assert audit.count_documents({}) == LENGTH == studio.audit.head().number
    resume(studio, "everything")
    assert studio.audit.first_break() is None


def test_a_process_that_dies_inside_its_transaction_leaves_no_gap(
    studio: Studio, audit: Collection[Document], settings: Settings, database: Database[Document]
) -> None:
    admin = database.client.admin
    patience = admin.command({"getParameter": 1, "transactionLifetimeLimitSeconds": 1})
    admin.command({"setParameter": 1, "transactionLifetimeLimitSeconds": 2})
    try:
        dying = process(DYING, settings)
        dying.communicate()
        assert dying.returncode == 9
        studio.audit.note(LOCAL, "paused", "everything", "after it")
    finally:
        limit = patience["transactionLifetimeLimitSeconds"]
        admin.command({"setParameter": 1, "transactionLifetimeLimitSeconds": limit})
    assert studio.audit.head().number == LENGTH + 1
    assert audit.count_documents({"subject": "never"}) == 0
    assert studio.audit.first_break() is None


# The command line


Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def command(settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """What `imagegeneration.audit` returns and says."""
    for name, value in variables(settings).items():
        monkeypatch.setenv(name, value)

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["imagegeneration.audit", *arguments])
        try:
            status = main()
        except SystemExit as ended:
            status = int(str(ended.code))
        return status, *capsys.readouterr()

    return run


def test_the_command_verifies_prints_the_head_and_names_what_is_wrong(
    studio: Studio, audit: Collection[Document], command: Command
) -> None:
    whole = f"The audit record is whole: {LENGTH} entries.\nChecked against it: nothing yet. All agree.\n"
    assert command("verify") == (0, whole, "")
    head = command("head")[1].strip()
    assert head == f"{LENGTH}:{studio.audit.head().sha256}"
    assert command("verify", "--anchor", head)[0] == 0
    forged = f"{LENGTH}:{'0' * 64}"
    status, said, _ = command("verify", "--anchor", forged)
    off = f"The audit record is broken at entry {LENGTH}: it is not the one that the anchor names.\n"
    assert (status, said.startswith(off)) == (1, True)
    audit.update_one({"number": 3}, {"$set": {"action": "unheard of"}}, bypass_document_validation=True)
    status, said, error = command("verify")
    assert (status, error) == (1, "")
    assert said.startswith("The audit record is broken at entry 3: it was changed, and cannot be read.\n")


@pytest.mark.parametrize("anchor", ["", "8", "8:", "8:xyz", "-1:" + "0" * 64, "x:" + "0" * 64])
def test_an_anchor_that_is_none_is_refused(command: Command, anchor: str) -> None:
    status, said, error = command("verify", f"--anchor={anchor}")
    assert (status, said) == (2, "")
    assert "Traceback" not in error


def test_the_exit_code_says_it_too(studio: Studio, audit: Collection[Document], settings: Settings) -> None:
    audit.update_one({"number": 2}, {"$set": {"reason": "forged"}})
    env = os.environ | variables(settings)
    run = subprocess.run([sys.executable, "-m", "imagegeneration.audit", "verify"], env=env, cwd=ROOT, check=False)
    assert run.returncode == 1


def test_a_record_that_cannot_be_read_is_not_called_whole(
    studio: Studio, database: Database[Document], command: Command
) -> None:
    database.audit_head.update_one({}, {"$set": {"sha256": "spoilt"}})
    status, said, error = command("verify")
    assert (status, said) == (2, "")
    assert error.startswith("The audit record could not be read: ")
    assert "Traceback" not in error
