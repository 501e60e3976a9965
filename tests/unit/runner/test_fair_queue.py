"""Whose turn it is."""

from __future__ import annotations

from imagegeneration.runner.fair_queue import FairQueue


def order(turns: FairQueue, rounds: int, images: int = 1) -> list[str]:
    users = []
    for _ in range(rounds):
        user = turns.next()
        assert user is not None
        turns.served(user, images)
        users.append(user)
    return users


def test_users_take_turns() -> None:
    turns = FairQueue()
    turns.arrived(["ann", "bob"])
    assert order(turns, 4) == ["ann", "bob", "ann", "bob"]


def test_one_who_comes_later_starts_level_with_those_who_wait() -> None:
    turns = FairQueue()
    turns.arrived(["ann"])
    order(turns, 100)
    turns.arrived(["bob"])
    assert order(turns, 3) in (["ann", "bob", "ann"], ["bob", "ann", "bob"])


def test_a_large_job_counts_as_several_turns() -> None:
    turns = FairQueue()
    turns.arrived(["ann", "bob"])
    assert turns.next() == "ann"
    turns.served("ann", 3)
    assert order(turns, 3) == ["bob", "bob", "bob"]


def test_one_without_jobs_has_no_turn() -> None:
    turns = FairQueue()
    turns.arrived(["ann"])
    assert turns.next() == "ann"
    turns.left("ann")
    assert turns.next() is None


def test_a_job_that_arrives_while_it_was_looked_for_is_not_forgotten() -> None:
    turns = FairQueue()
    turns.arrived(["ann"])
    assert turns.next() == "ann"
    turns.arrived(["ann"])
    turns.left("ann")
    assert turns.next() == "ann"


def test_users_are_listed_with_those_served_least_first_and_one_who_is_gone_again_is_no_fault() -> None:
    turns = FairQueue()
    turns.arrived(["ann", "bob", "eve"])
    turns.served("ann", 2)
    turns.served("bob", 1)
    turns.served("stranger", 1)
    assert (turns.users(), len(turns)) == (["eve", "bob", "ann"], 3)
    turns.left("stranger")
    assert turns.next() == "eve"
    turns.left("eve")
    assert (turns.users(), len(turns)) == (["bob", "ann"], 2)
    turns.left("ann")
    assert turns.users() == ["bob", "ann"], "a job of hers has arrived since her last turn"


def test_the_first_who_comes_starts_at_nothing() -> None:
    turns = FairQueue()
    turns.arrived(["ann"])
    turns.served("ann", 1)
    turns.arrived(["bob"])
    assert turns.users() == ["ann", "bob"], "level with her, after her"
