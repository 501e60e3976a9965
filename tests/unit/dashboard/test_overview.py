"""The Operations page's sections, in words."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from imagegeneration.dashboard.kit.rows import Row, Section, Time
from imagegeneration.dashboard.operations.needs import needs
from imagegeneration.dashboard.operations.overview import Look, overview
from imagegeneration.jobs.approvals import RetryQuote
from imagegeneration.money.money import LimitsVersion
from imagegeneration.operations.state import OperationsState, QueueState, WaitingForStorage
from imagegeneration.prompts.suggestion import SuggestionTimes
from imagegeneration.providers.breaker import Cause
from tests.unit.dashboard.samples import CEILINGS, MODEL, NOW, breaker, open_image, operations_state, runner, spend

ORDER = [
    "needs",
    "calls",
    "providers",
    "runners",
    "queue",
    "suggestions",
    "storage",
    "inbox",
    "budget",
    "limits",
    "decisions",
]


def section(name: str, state: OperationsState, look: Look = Look()) -> Section:
    (found,) = (one for one in overview(state, look) if one.name == name)
    return found


def text(row: Row) -> str:
    """All that the row says, without its times."""
    lines = (*row.lines, *(fact.value for fact in row.facts))
    return " | ".join("".join(piece for piece in line if isinstance(piece, str)) for line in lines)


def facts(row: Row) -> dict[str, Any]:
    return {fact.label: fact.value for fact in row.facts}


def titles(state: OperationsState) -> list[str]:
    return [row.title for row in needs(state).rows]


def test_what_needs_a_person_comes_first() -> None:
    assert [one.name for one in overview(operations_state(), Look())] == ORDER


def test_a_studio_at_rest_needs_nobody() -> None:
    assert titles(operations_state()) == []
    assert needs(operations_state()).empty == "Nothing needs you"


def test_everything_that_needs_a_person_is_named() -> None:
    gone = WaitingForStorage(host="web-2", is_alive=False, images=(open_image(), open_image(index=2)))
    alive = WaitingForStorage(host="web-1", is_alive=True, images=(open_image(),))
    state = operations_state(
        breakers=(breaker("everything", "person"), breaker("provider:openai", "credentials"), breaker("model:x")),
        perhaps_charged=(open_image(),),
        set_aside=(open_image(),),
        waiting_for_storage=(alive, gone),
        runners=(runner(problem="The disk is full.", clock_ahead_seconds=3_600.0),),
    )
    assert titles(state) == [
        "Everything is paused",
        "OpenAI is paused",
        "1 image was perhaps charged",
        "1 answer could not be taken in",
        "2 images are on a machine that is gone",
        "The clock of web-1 is wrong",
        "web-1 takes no jobs",
    ]


def test_no_runner_is_the_first_thing_to_know() -> None:
    queue = QueueState(queued=2, running=0, users_waiting=1, waiting_since=NOW)
    (row,) = needs(operations_state(runners=(), queue=queue)).rows
    assert row.title == "No runner is alive"
    assert "2 jobs in the queue." in text(row)


def test_a_pause_says_why_by_whom_and_how_it_ends() -> None:
    paused = breaker("provider:sandbox", "failures")
    assert paused.pause is not None
    pause = paused.pause.model_copy(update={"probe_at": NOW + timedelta(seconds=30), "paused_by": "the studio"})
    probed = paused.model_copy(update={"pause": pause})
    for state, ends in ((paused, "Until somebody resumes it."), (probed, "If it succeeds, the pause is over.")):
        (row,) = needs(operations_state(breakers=(state,))).rows
        assert "For a reason." in text(row)
        assert ends in text(row)
    assert Time(round((NOW + timedelta(seconds=30)).timestamp() * 1000), "until") in row.lines[1]


def test_what_can_be_paused_is_there_before_it_ever_failed() -> None:
    look = Look(scopes=("provider:sandbox", f"model:{MODEL}"))
    failing = breaker("provider:sandbox", failures=3, last_failure="Overloaded.")
    rows = section("calls", operations_state(breakers=(failing, breaker("model:old"))), look).rows
    assert [row.title for row in rows] == ["Everything", "The sandbox", f"The model {MODEL}", "The model old"]
    assert text(rows[1]) == "3 failures in a row. The last: Overloaded."


@pytest.mark.parametrize("cause", ["person", "failures", "credentials", "burn_rate", "bill"])
def test_what_is_paused_can_be_resumed(cause: Cause) -> None:
    row = section("calls", operations_state(breakers=(breaker("everything", cause),))).rows[0]
    assert row.pill == ("Paused", "bad")
    assert [action.label for action in row.actions] == ["Resume"]
    own = section("calls", operations_state(breakers=(breaker("provider:fal", cause),))).rows[-1]
    tests = ["Test now", "Keep paused"] if cause in ("failures", "credentials") else []
    assert [action.label for action in own.actions] == [*tests, "Resume"]


def test_a_runner_says_what_it_does() -> None:
    busy = runner(uploading=2, jobs=("imgjob_1",), spooled=4, spooled_bytes=3_145_728)
    said = facts(section("runners", operations_state(runners=(busy,))).rows[0])
    assert said["Calls in flight"] == ("3 of 8",)
    assert said["Uploads"] == ("2",)
    assert said["Answers waiting"] == ("4, 3.0 MB",)
    assert said["Jobs at work"] == ("1",)
    assert "Clock" not in said


@pytest.mark.parametrize(
    ("ahead", "said", "tone"),
    [(-6.0, "6 s behind", "neutral"), (901.0, "15 min 1 s ahead: uploads are refused", "bad")],
)
def test_a_clock_that_is_off_is_shown(ahead: float, said: str, tone: str) -> None:
    row = section("runners", operations_state(runners=(runner(clock_ahead_seconds=ahead),))).rows[0]
    assert [(fact.value, fact.tone) for fact in row.facts if fact.label == "Clock"] == [((said,), tone)]


def test_only_what_is_on_a_machine_that_is_gone_can_be_declared_lost() -> None:
    images = (open_image(), open_image(index=2, attempt_id="att_2"))
    for is_alive, labels in ((True, []), (False, ["Declare 2 images lost"])):
        waiting = WaitingForStorage(host="web-2", is_alive=is_alive, images=images)
        (row,) = section("storage", operations_state(waiting_for_storage=(waiting,))).rows
        assert [action.label for action in row.actions] == labels
        assert [link.label for link in row.links] == ["homepage card, image 2", "homepage card, image 3"]
    ask = row.actions[0].ask
    assert ask is not None
    assert "$0.0274 stays spent" in ask.text
    assert [one["attempt_id"] for one in row.actions[0].order["images"]] == ["att_1", "att_2"]


def test_the_inbox_shows_some_and_says_how_many_are_left() -> None:
    many = tuple(open_image(attempt_id=f"att_{number}") for number in range(23))
    inbox = section("inbox", operations_state(perhaps_charged=many), Look(listed=20))
    assert len(inbox.rows) == 20
    assert inbox.more is not None
    assert inbox.more.label == "Show more (3 left)"
    assert inbox.about == "Up to $0.3151 in all, counted as spent."
    assert section("inbox", operations_state(perhaps_charged=many), Look(listed=40)).more is None


def test_an_image_in_doubt_says_what_each_way_does_to_the_money() -> None:
    state = operations_state(perhaps_charged=(open_image(),))
    retry, lost, free = section("inbox", state).rows[0].actions
    assert retry.opens
    assert retry.ask is None
    assert lost.ask is not None
    assert "Up to $0.0137 stays counted as spent" in lost.ask.text
    assert free.ask is not None
    assert "$0.0137 is given back to the budget of its day" in free.ask.text

    look = Look(quotes={"imgjob_1": RetryQuote(2, 27_400, 1, 13_700)})
    priced = section("inbox", state, look).rows[0].actions[0]
    assert priced.ask is not None
    assert priced.ask.confirm == "Retry the 2 missing images for up to $0.0274"
    assert priced.ask.warning == "Up to $0.0137 was perhaps charged already, so that you may pay twice."
    assert priced.order["accept_micros"] == 27_400


def test_an_answer_that_was_set_aside_says_why_and_can_be_tried_again_or_given_up() -> None:
    state = operations_state(set_aside=(open_image(message="It took longer than 20 seconds."),))
    (row,) = section("set-aside", state).rows
    assert "It took longer than 20 seconds." in text(row)
    again, lost, retry = row.actions
    assert (again.label, again.order["decision"]) == ("Try again", "try_again")
    assert (lost.label, lost.order["decision"]) == ("Declare lost", "declare_lost")
    assert lost.ask is not None
    assert "$0.0137 stays spent" in lost.ask.text
    assert retry.opens
    (priced,) = section("set-aside", state, Look(quotes={"imgjob_1": RetryQuote(1, 13_700, 0, 0)})).rows
    ask = priced.actions[-1].ask
    assert ask is not None
    assert (ask.warning, ask.agree) == (None, None)


def test_todays_budget() -> None:
    (row,) = section("budget", operations_state(), Look(resets_at="01:00 tomorrow")).rows
    assert facts(row)["Left"] == ("$14.00",)
    assert row.bar == (0.25, 0.05)
    assert text(row).startswith("The budget of everybody together starts again at 01:00 tomorrow.")
    passed = spend(spent_micros=21_000_000, held_micros=0, account="sandbox")
    (row,) = section("budget", operations_state(spend=passed)).rows
    assert facts(row)["Left"] == ("$0.00",)
    assert row.bar == (1.0, 0.0)
    assert text(row).startswith("Sandbox money: nothing of it is real. The limit is passed by $1.00.")


def test_the_limits_say_who_set_them() -> None:
    assert text(section("limits", operations_state()).rows[0]).startswith("Nobody has set limits")
    lower = CEILINGS.model_copy(update={"daily_micros": 12_500_000})
    version = LimitsVersion(
        limits_id="lim_1",
        account="real",
        version=4,
        limits=lower.model_copy(update={"per_image_micros": 2_000_000}),
        reason="A quiet week.",
        changed_by="ann",
        changed_at=NOW,
    )
    (row,) = section("limits", operations_state(limits=lower, limits_version=version)).rows
    assert text(row).startswith("Set by ann, : A quiet week. | A ceiling is lower than what was set")
    (change,) = row.actions
    assert change.order["version"] == 4
    assert change.ask is not None
    assert [one.value for one in change.ask.fields] == ["12.50", "10.00", "1.00"]


def test_the_share_of_suggestions_in_time_is_shown() -> None:
    times = SuggestionTimes(asked=60, in_time=58, since=NOW, limit_seconds=2.0)
    said = facts(section("suggestions", operations_state(suggestions=times)).rows[0])
    assert (said["In time"], said["Time limit"]) == (("58 of 60 (96%)",), ("2 s",))
