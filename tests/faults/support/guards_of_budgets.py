"""The guards of budgets: of an account, of each of its users, and of each provider."""

from __future__ import annotations

from tests.faults.support.guards import LIFECYCLE, Guard

BUDGETS = "imagegeneration/store/budgets.py"
SPENDING = "imagegeneration/services/spending.py"
SPENT = "tests/integration/test_spending.py::"

GUARDS = (
    Guard(
        "budget: the limit",
        BUDGETS,
        '{"_id": {"$in": list(limits)}, "$expr": within}',
        '{"_id": {"$in": list(limits)}}',
        ["tests/integration/test_spending.py"],
    ),
    Guard(
        "budget: both of account and user",
        BUDGETS,
        "changed.matched_count == len(limits)",
        "changed.matched_count > 0",
        ["tests/integration/test_spending.py"],
    ),
    Guard(
        "budget of a provider: the limit",
        SPENDING,
        "MAX_MICROS if own is None else own,",
        "MAX_MICROS,",
        [SPENT + "test_a_providers_budget_refuses_and_says_whose_it_is_and_when_it_resets"],
    ),
    Guard(
        "budget of a provider: what is settled counts too",
        BUDGETS,
        'within = {"$lte": [{"$add": ["$heldMicros", "$spentMicros", micros]}, limit]}',
        'within = {"$lte": [{"$add": ["$heldMicros", micros]}, limit]}',
        [SPENT + "test_a_providers_budget_outlives_a_restart_and_is_lowered_at_run_time"],
    ),
    Guard(
        "budget of a provider: its own",
        LIFECYCLE,
        "spent_micros[attempt.budget_day, attempt.provider] += sign * attempt.cost_micros",
        "spent_micros[attempt.budget_day, image.attempt.provider] += sign * attempt.cost_micros",
        ["tests/unit/domain/test_fallback.py::test_a_late_bill_is_paid_by_the_provider_of_its_own_attempt"],
    ),
    Guard(
        "budget of a provider: held by who is called",
        LIFECYCLE,
        "held_micros[last.budget_day, last.provider] += sign * last.held_micros",
        "held_micros[last.budget_day, image.attempts[0].provider] += sign * last.held_micros",
        [SPENT + "test_each_provider_of_a_job_pays_for_its_own_attempts"],
    ),
    Guard(
        "budget of a provider: there before it is moved",
        "imagegeneration/services/changes.py",
        "        self._spending.prepare_providers([*old, *new])\n",
        "",
        ["tests/integration/test_fallback.py::test_a_final_refusal_falls_back_and_each_attempt_says_who_and_why"],
    ),
    Guard(
        "budget of a provider: of the day",
        "imagegeneration/domain/money.py",
        'return f"{account}:{day}/{provider}"',
        'return f"{account}/{provider}"',
        [SPENT + "test_a_providers_budget_is_whole_again_after_midnight"],
    ),
)
