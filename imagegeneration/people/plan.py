"""Plans, which bound what a user may do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from imagegeneration.core.roles import PlanName
from imagegeneration.core.value import Value
from imagegeneration.people.rate import Rate


class Plan(Value):
    """A plan: approvals an hour and a day (None: any number), and jobs queued or running at once."""

    name: PlanName
    an_hour: int | None
    a_day: int | None
    jobs_at_once: int

    @property
    def rates(self) -> Sequence[Rate]:
        """Return the rates of approvals."""
        amounts = ((self.an_hour, 3600), (self.a_day, 86_400))
        return [
            Rate(what="approvals", amount=amount, seconds=seconds, plan=self.name)
            for amount, seconds in amounts
            if amount is not None
        ]


PLANS: Mapping[PlanName, Plan] = {
    plan.name: plan
    for plan in (
        Plan(name="free", an_hour=10, a_day=50, jobs_at_once=1),
        Plan(name="basic", an_hour=50, a_day=500, jobs_at_once=2),
        Plan(name="pro", an_hour=200, a_day=2000, jobs_at_once=5),
        Plan(name="enterprise", an_hour=None, a_day=None, jobs_at_once=10),
    )
}
