"""The runs of a job are read in any order: what is learned in between gives way to what all of them say."""

from __future__ import annotations

from itertools import permutations

import pytest
from fakes import NOW, T, archive_of, failed, open_index, passed, the
from line_runs import learn, only, run_of
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
