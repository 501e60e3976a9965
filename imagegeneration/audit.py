"""`python -m imagegeneration.audit verify|head`: check the audit record, or print its head to keep elsewhere."""

from __future__ import annotations

import argparse
import sys
from contextlib import closing

from imagegeneration.domain.audit import AuditHead
from imagegeneration.errors import ConfigurationError, StudioError
from imagegeneration.redaction import redact
from imagegeneration.services.audit import Audit
from imagegeneration.settings import load_settings
from imagegeneration.store import Stores


def main() -> int:
    """0 if the chain is whole, 1 after naming the first entry that is not, 2 if it could not be read."""
    parser = argparse.ArgumentParser(prog="imagegeneration.audit", description="The audit record's chain of hashes.")
    commands = parser.add_subparsers(dest="command", required=True)
    verify = commands.add_parser("verify", help="name the first entry that was changed, removed or moved")
    verify.add_argument("--anchor", type=_head, metavar="NUMBER:SHA256", help="a head that was kept elsewhere")
    commands.add_parser("head", help="print the head as NUMBER:SHA256")
    options = parser.parse_args()
    try:
        settings = load_settings()
        stores = Stores(settings.require_database(), settings.mongodb_database)
        with closing(stores.connection):
            audit = Audit(stores)
            return _print_head(audit) if options.command == "head" else _verify(audit, options.anchor)
    except (ConfigurationError, StudioError) as error:
        sys.stderr.write(f"The audit record could not be read: {redact(str(error))}\n")
        return 2


def _print_head(audit: Audit) -> int:
    head = audit.head()
    sys.stdout.write(f"{head.number}:{head.sha256}\n")
    return 0


def _verify(audit: Audit, anchor: AuditHead | None) -> int:
    broken = audit.first_break(anchor)
    if broken is None:
        sys.stdout.write(f"The audit record is whole: {audit.head().number} entries.\n")
        return 0
    sys.stdout.write(f"The audit record is broken at entry {broken.number}: {broken.problem}.\n")
    return 1


def _head(text: str) -> AuditHead:
    number, _, sha256 = text.partition(":")
    return AuditHead(number=int(number), sha256=sha256)


if __name__ == "__main__":
    sys.exit(main())
