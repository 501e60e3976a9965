"""Whose turn it is."""

from __future__ import annotations

from imagegeneration.domain.turns import Turns


def order(turns: Turns, rounds: int, images: int = 1) -> list[str]:
    users = []
    for _ in range(rounds):
        user = turns.next()
        assert user is not None
        turns.served(user, images)
        users.append(user)
    return users


def test_users_take_turns() -> None:
    turns = Turns()
    turns.arrived(["ann", "bob"])
    assert order(turns, 4) == ["ann", "bob", "ann", "bob"]


def test_one_who_comes_later_starts_level_with_those_who_wait() -> None:
    turns = Turns()
    turns.arrived(["ann"])
    order(turns, 100)
    turns.arrived(["bob"])
    assert order(turns, 3) in (["ann", "bob", "ann"], ["bob", "ann", "bob"])


def test_a_large_job_counts_as_several_turns() -> None:
    turns = Turns()
    turns.arrived(["ann", "bob"])
    assert turns.next() == "ann"
    turns.served("ann", 3)
    assert order(turns, 3) == ["bob", "bob", "bob"]


def test_one_without_jobs_has_no_turn() -> None:
    turns = Turns()
    turns.arrived(["ann"])
    assert turns.next() == "ann"
    turns.left("ann")
    assert turns.next() is None


def test_a_job_that_arrives_while_it_was_looked_for_is_not_forgotten() -> None:
    turns = Turns()
    turns.arrived(["ann"])
    assert turns.next() == "ann"
    turns.arrived(["ann"])
    turns.left("ann")
    assert turns.next() == "ann"
