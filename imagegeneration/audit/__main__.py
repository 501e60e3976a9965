"""The command `python -m imagegeneration.audit verify|head`, which checks the audit record or prints its head."""

from __future__ import annotations

import argparse
import sys
from contextlib import closing

from imagegeneration.assets.bucket import Storage
from imagegeneration.audit.entry import AuditHead
from imagegeneration.audit.log import Audit
from imagegeneration.configuration import bucket_of, seal_keys_of
from imagegeneration.core.errors import ConfigurationError, StudioError
from imagegeneration.core.redaction import redact
from imagegeneration.jobs.seals import Seals
from imagegeneration.operations.verification import Verification
from imagegeneration.settings import load_settings
from imagegeneration.stores import Stores


def main() -> int:
    """Return 0 if the record is intact, 1 after naming what differs, or 2 if it cannot be read."""
    parser = argparse.ArgumentParser(prog="imagegeneration.audit", description="The audit record's chain of hashes.")
    commands = parser.add_subparsers(dest="command", required=True)
    verify = commands.add_parser("verify", help="check the record, and jobs, money and stored images against it")
    verify.add_argument("--anchor", type=_head, metavar="NUMBER:SHA256", help="a head that was kept elsewhere")
    verify.add_argument("--without-objects", action="store_true", help="do not read the stored images themselves")
    commands.add_parser("head", help="print the head as NUMBER:SHA256")
    options = parser.parse_args()
    try:
        settings = load_settings()
        stores = Stores(settings.require_database(), settings.mongodb_database)
        with closing(stores.connection):
            if options.command == "head":
                return _print_head(Audit(stores.connection, stores.audit))
            seals = Seals(stores.audit, seal_keys_of(settings))
            storage = None if options.without_objects else Storage(bucket_of(settings))
            return _verify(Audit(stores.connection, stores.audit), Verification(stores, seals, storage), options.anchor)
    except (ConfigurationError, StudioError) as error:
        sys.stderr.write(f"The audit record could not be read: {redact(str(error))}\n")
        return 2


def _print_head(audit: Audit) -> int:
    head = audit.head()
    sys.stdout.write(f"{head.number}:{head.sha256}\n")
    return 0


def _verify(audit: Audit, verification: Verification, anchor: AuditHead | None) -> int:
    broken = audit.first_break(anchor)
    if broken is None:
        sys.stdout.write(f"The audit record is whole: {audit.head().number} entries.\n")
    else:
        sys.stdout.write(f"The audit record is broken at entry {broken.number}: {broken.problem}.\n")
    problems = 0
    for problem in verification.problems():
        problems += 1
        sys.stdout.write(f"{problem}.\n")
    counted = ", ".join(f"{number} {what}" for what, number in verification.counted.items())
    verdict = f"{problems} things do not agree." if problems else "All agree."
    sys.stdout.write(f"Checked against it: {counted or 'nothing yet'}. {verdict}\n")
    return 1 if broken is not None or problems else 0


def _head(text: str) -> AuditHead:
    number, _, sha256 = text.partition(":")
    return AuditHead(number=int(number), sha256=sha256)


if __name__ == "__main__":
    sys.exit(main())
