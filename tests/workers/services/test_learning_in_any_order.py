"""The runs of a job are read in any order: what is learned in between gives way to what all of them say."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
from fakes import HOUR_MS, NOW, T, archive_of, failed, open_index, passed, the
from line_runs import FIX, learn, only, run_of
from redis import Redis

from ci_memory_workers.adapters.redis_index import RedisIndex
from ci_memory_workers.services.ports import Dated, Reading


@pytest.mark.parametrize("order", [(1, 2, 3, 4, 5), (1, 3, 4, 5, 2), (3, 1, 4, 2, 5), (5, 4, 3, 2, 1)])
def test_a_streak_is_no_longer_once_the_pass_in_its_middle_is_read(redis_client: Redis, order: tuple[int, ...]) -> None:
    index = open_index(redis_client)
    runs = {
        number: failed(**run_of(number)) if number in (1, 3) else passed(**run_of(number, commit_message=f"Change {number}"))
        for number in (1, 2, 3, 4, 5)
    }

    learn(index, *(runs[number] for number in order))

    assert not only(index).repeated


STREAK: dict[int, Reading | Dated] = {
    1: failed(**run_of(1)),
    2: failed(**run_of(2)),
    3: passed(**run_of(3, commit_message="Set AUTH_TOKEN", changed_files=("conf/auth.toml",))),
    4: passed(**run_of(4)),
    5: passed(**run_of(5)),
}


def votes(index: RedisIndex) -> list[str]:
    found: list[str] = []
    while vote := index.next_vote(T, only(index).pattern_id):
        found += [vote.vote] if vote.target == "strategy" else []
    return found


@pytest.mark.parametrize("order", [*permutations(STREAK)])
def test_a_streak_whose_beginning_is_read_last_is_one_trial_of_its_fix(redis_client: Redis, order: tuple[int, ...]) -> None:
    index = open_index(redis_client)

    learn(index, *(STREAK[number] for number in order))

    (fix,) = only(index).fixes
    assert (fix.commit, fix.learned_worked, fix.pending, fix.learned_failed) == ("c3", 1, 0, 0)
    state = the(archive_of(index).state(T, only(index).pattern_id))
    assert [(trial.verdict, trial.persisted) for trial in state.trials] == [("worked", True)]
    assert index.totals(T, NOW).fixes_worked == 1
    assert votes(index) == ["helpful"]


@pytest.mark.parametrize("order", [*permutations((1, 2, 3))])
def test_a_streak_that_a_rerun_ends_is_one_flaky_episode(redis_client: Redis, order: tuple[int, ...]) -> None:
    index = open_index(redis_client)
    runs: dict[int, Reading | Dated] = {
        1: failed(**run_of(1, commit="c1")),
        2: failed(**run_of(2, commit="c1")),
        3: passed(**run_of(3, commit="c1")),
    }

    learn(index, *(runs[number] for number in order))

    assert only(index).flaky_episodes == 1


def test_a_streak_whose_beginning_is_no_longer_kept_is_not_learned_anew(redis_client: Redis) -> None:
    index = open_index(redis_client)
    learn(index, failed(**run_of(1)), *(STREAK[number] for number in (2, 3, 4, 5)))
    kept = 400
    index.apply(T, [passed(**run_of(number)) for number in range(6, kept + 1)], NOW)

    learn(index, failed("1:bbbb", **run_of(kept + 1)), failed("1:bbbb", **run_of(kept + 2)))

    first = next(one for one in index.pattern_ids(T, 10) if the(index.pattern(T, one)).fingerprint == "1:aaaa")
    (fix,) = the(index.pattern(T, first)).fixes
    assert (fix.commit, fix.learned_worked) == ("c3", 1)
    assert (the(index.pattern(T, first)).repeated, index.totals(T, NOW).fixes_worked) == (True, 1)


def test_a_vote_that_aegis_has_is_not_cast_again_for_the_same_pass(redis_client: Redis) -> None:
    index = open_index(redis_client)
    learn(index, failed(**run_of(1)), failed(**run_of(3)), passed(**run_of(4, **FIX)), passed(**run_of(5)), passed(**run_of(6)))
    assert votes(index) == ["helpful"]

    learn(index, passed(**run_of(2, commit_message="Something else")))

    assert sorted((fix.commit, fix.learned_worked, fix.learned_failed) for fix in only(index).fixes) == [
        ("c2", 0, 1),
        ("c4", 1, 0),
    ]
    assert votes(index) == ["harmful"], "of the commit that did not help"


def test_a_vote_that_waits_goes_with_what_it_was_for(redis_client: Redis) -> None:
    index = open_index(redis_client)
    learn(index, failed(**run_of(1)), passed(**run_of(4)), passed(**run_of(5)), passed(**run_of(6)))

    learn(index, passed(**run_of(2, commit_message="Set AUTH_TOKEN")))

    (fix,) = only(index).fixes
    assert (fix.commit, fix.learned_worked, votes(index)) == ("c2", 1, ["helpful"])


def test_what_a_fix_resolved_that_failed_is_resolved_by_the_one_before_it(redis_client: Redis) -> None:
    index = open_index(redis_client)
    learn(index, failed(**run_of(1)), passed(**run_of(2, commit_message="one")), passed(**run_of(3)), passed(**run_of(4)))
    weeks = {number: NOW + (7 * 24 + number) * HOUR_MS for number in (5, 6, 7)}
    learn(index, failed(**run_of(5, ms=weeks[5])), passed(**run_of(6, ms=weeks[6], commit_message="two")))
    assert resolved_by(index) == ("resolved", weeks[6])

    learn(index, failed(**run_of(7, ms=weeks[7])))

    assert resolved_by(index) == ("resolved", run_of(2)["ms"])


def test_what_was_called_flaky_since_it_goes_with_any_commit_is_not_once_it_stays(redis_client: Redis) -> None:
    index = open_index(redis_client)
    for number, person in enumerate(("ada", "bob", "cy")):
        fix: dict[str, Any] = {"author": f"{person}@example.com", "changed_files": (f"src/{person}.py",)}
        learn(index, failed(**run_of(4 * number + 1)), passed(**run_of(4 * number + 2, **fix)))
        learn(index, passed(**run_of(4 * number + 3)), passed(**run_of(4 * number + 4)))
    assert only(index).status == "flaky"

    learn(index, failed(**run_of(21)), failed(**run_of(22)))
    assert (only(index).status, only(index).broken) == ("unresolved", True)

    fixed_by = run_of(23, author="dev@example.com", changed_files=("src/dev.py",))
    learn(index, passed(**fixed_by))
    assert resolved_by(index) == ("resolved", fixed_by["ms"])


def resolved_by(index: RedisIndex) -> tuple[str, int]:
    fields = the(archive_of(index).state(T, only(index).pattern_id)).fields
    return fields["status"], int(fields["resolved_ms"])
