"""Failed sign-ins, on record."""

from __future__ import annotations

import logging

from imagegeneration.audit.log import STUDIO, Audit
from imagegeneration.core.actor import Actor
from imagegeneration.core.errors import SignInFailed
from imagegeneration.people.rates import Rates

log = logging.getLogger(__name__)


class FailedSignIns:
    """Writes failed sign-ins down, at a bounded rate, because no sign-in is needed to fail one."""

    def __init__(self, rates: Rates, audit: Audit) -> None:
        self._rates = rates
        self._audit = audit

    def record(self, label: str, error: SignInFailed) -> None:
        """Log a failed sign-in, and write it to the audit record with its reason."""
        log.warning("A sign-in with %s failed: %s", label, error.reason)
        actor = STUDIO if error.about is None else Actor(user_id=error.about, roles=())
        if self._rates.may_record_failed_sign_in():
            self._audit.note(actor, "sign-in.failed", error.about or label, f"{label}: {error.reason}"[:500])
