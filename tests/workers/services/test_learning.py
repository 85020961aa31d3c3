"""What is learned from runs, on the real index: fixes, flaky episodes, what is broken."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
from fakes import HOUR_MS, NOW, RecordingBell, T, archive_of, failed, open_index, passed, the, watch_of
from line_runs import FIX, MINUTE_MS, at, flake, learn, only, report, run_of, sweep
from redis import Redis

from ci_memory_workers.adapters.redis_index import RedisIndex
from ci_memory_workers.services.learning import Learner


@pytest.fixture
def index(redis_client: Redis) -> RedisIndex:
    return open_index(redis_client)


def test_a_fix_is_learned_once_and_its_verdict_follows(index: RedisIndex) -> None:
    bell = RecordingBell()
    came = learn(index, failed(**run_of(1)), passed(**run_of(2, **FIX)), bell=bell)
    assert came == ["nothing_new", "learned 1"]
    assert bell.rings == [("memory", T, only(index).pattern_id)]
    fix = the(only(index).fix)
    assert (fix.commit, fix.fixed_by, fix.learned, fix.pending) == ("c2", "dev@example.com", True, 1)

    assert learn(index, passed(**run_of(3))) == ["nothing_new"]
    assert learn(index, passed(**run_of(4))) == ["learned 1"]

    fix = the(only(index).fix)
    assert (fix.learned_worked, fix.pending, only(index).status) == (1, 0, "resolved")
    assert learn(index, passed(**run_of(5))) == [], "the line is quiet"


RUNS = (
    failed(**run_of(1)),
    failed(**run_of(2)),
    passed(**run_of(3, **FIX)),
    passed(**run_of(4)),
)


@pytest.mark.parametrize("order", [*permutations(range(4))])
def test_the_order_of_arrival_does_not_matter(index: RedisIndex, order: tuple[int, ...]) -> None:
    learner = Learner(index, watch_of(index), RecordingBell())
    for step, place in enumerate(order):
        index.apply(T, [RUNS[place]], at(step))
    for line in index.overdue("transitions", T, at(9), 10):
        learner.learn(T, line, at(9))

    (fix,) = only(index).fixes
    assert (fix.commit, fix.pending, only(index).flaky_episodes) == ("c3", 1, 0)


def test_work_that_is_not_due_is_left_alone(index: RedisIndex) -> None:
    assert Learner(index, watch_of(index), RecordingBell()).learn(T, "nobody", NOW) == "not_due"


def test_another_build_of_the_same_commit_that_passes_is_a_flaky_episode_counted_once(index: RedisIndex) -> None:
    came = learn(index, failed(**run_of(1, commit="same")), passed(**run_of(2, commit="same")))
    assert came == ["nothing_new", "learned 1"]

    assert learn(index, passed(**run_of(3, commit="same")))[0] == "nothing_new"
    assert (only(index).flaky_episodes, only(index).status, only(index).fixes) == (1, "flaky", ())


def test_a_later_attempt_of_the_same_run_was_counted_when_it_was_read(index: RedisIndex) -> None:
    assert learn(index, failed(**run_of(1)), passed(**run_of(1, attempt=2))) == ["nothing_new", "nothing_new"]
    assert only(index).flaky_episodes == 1


def test_what_fails_on_several_commits_of_the_default_branch_is_broken_until_it_passes(index: RedisIndex) -> None:
    learn(index, failed(**run_of(1)))
    assert not only(index).broken

    learn(index, failed(**run_of(2)))
    assert only(index).broken

    learn(index, passed(**run_of(3)))
    assert not only(index).broken


def test_what_fails_on_another_branch_is_not_called_broken(index: RedisIndex) -> None:
    learn(index, failed(**run_of(1, branch="feature")), failed(**run_of(2, branch="feature")))

    assert not only(index).broken


def test_what_a_commit_seemed_to_fix_is_flaky_when_it_passes_in_a_later_attempt(index: RedisIndex) -> None:
    learn(index, failed(**run_of(1)), passed(**run_of(2)))
    assert only(index).status == "resolved"

    flake(index, 3)
    assert only(index).status == "flaky"

    flake(index, 4, 5)
    assert [status for status, _ in sweep(index, at(5))] == ["quarantined"]


def test_what_a_commit_seemed_to_fix_is_flaky_when_another_build_of_a_commit_passes(index: RedisIndex) -> None:
    learn(index, failed(**run_of(1)), passed(**run_of(2)))
    learn(index, failed(**run_of(3, commit="same")), passed(**run_of(4, commit="same")))

    assert only(index).status == "flaky"


def test_what_a_person_resolved_stays_so_until_it_was_flaky_often_and_is_again(index: RedisIndex) -> None:
    learn(index, failed(**run_of(1)), passed(**run_of(2)))
    report(index, only(index).pattern_id, at(2))
    flake(index, 3)
    assert only(index).status == "resolved"

    learn(index, failed(**run_of(4)), passed(**run_of(5)))
    learn(index, failed(**run_of(6, commit="same")), passed(**run_of(7, commit="same")))
    assert only(index).status == "resolved"

    flake(index, 8)
    assert only(index).status == "flaky", "the fix did not end that"
    assert not the(only(index).fix).learned, "what the person said stays"


def test_a_pass_that_comes_hours_later_makes_nothing_flaky_and_confirms_what_is(index: RedisIndex) -> None:
    def late(number: int, *, hours: int, **fields: Any) -> dict[str, Any]:
        return run_of(number, ms=NOW + number * MINUTE_MS + hours * HOUR_MS, **fields)

    learn(index, failed(**run_of(1)), passed(**late(1, hours=5, attempt=2)))
    learn(index, failed(**late(2, hours=6, commit="same")), passed(**late(3, hours=11, commit="same")))
    assert (only(index).flaky_episodes, only(index).status) == (0, "unresolved")

    learn(index, failed(**late(4, hours=12)), passed(**late(4, hours=13, attempt=2)))
    learn(index, failed(**late(5, hours=14)), passed(**late(5, hours=20, attempt=2)))
    assert (only(index).flaky_episodes, only(index).status) == (2, "flaky")


def test_what_comes_and_goes_with_the_same_commit_is_flaky_however_late_it_passes(index: RedisIndex) -> None:
    night = [run_of(number, commit="same", ms=NOW + number * 24 * HOUR_MS) for number in range(1, 5)]
    learn(index, failed(**night[0]), passed(**night[1]))
    assert only(index).flaky_episodes == 0

    learn(index, failed(**night[2]), passed(**night[3]))
    assert (only(index).flaky_episodes, only(index).status) == (1, "flaky")


def commit_of(person: str, path: str) -> dict[str, Any]:
    return {"author": f"{person}@example.com", "commit_message": f"Change {path}", "changed_files": (path,)}


def test_what_goes_away_with_any_commit_is_flaky_though_nobody_ran_it_again(index: RedisIndex) -> None:
    for number, (person, path) in enumerate([("ada", "src/cart.py"), ("bob", "web/app.ts"), ("ada", "src/till.py")]):
        assert only_status(index) != "flaky"
        first = 4 * number + 1
        learn(index, failed(**run_of(first)), passed(**run_of(first + 1, **commit_of(person, path))))
        learn(index, passed(**run_of(first + 2)), passed(**run_of(first + 3)))

    assert (only(index).status, only(index).fix) == ("flaky", None)
    assert only(index).status_reason == "went away 3 times with commits that have nothing in common"


@pytest.mark.parametrize("again", [{"attempt": 2}, {"number": 2, "commit": "c1b"}])
def test_what_failed_again_before_it_went_away_is_not_called_flaky_for_that(index: RedisIndex, again: dict[str, Any]) -> None:
    learn(index, failed(**run_of(1)), failed(**run_of(again.pop("number", 1), **again)))
    for number, (person, path) in enumerate([("ada", "src/cart.py"), ("bob", "web/app.ts"), ("ada", "src/till.py")], start=1):
        learn(index, failed(**run_of(10 * number)), passed(**run_of(10 * number + 1, **commit_of(person, path))))
        learn(index, *(passed(**run_of(10 * number + further)) for further in (2, 3)))

    assert only(index).status == "resolved"


def only_status(index: RedisIndex) -> str:
    return only(index).status if index.pattern_ids(T, 1) else ""


def test_what_a_person_resolved_stays_so_when_it_is_known_from_the_journal_alone(index: RedisIndex, redis_client: Redis) -> None:
    learn(index, failed(**run_of(1)), passed(**run_of(2)))
    pattern_id, archive = only(index).pattern_id, archive_of(index)
    older = the(archive.state(T, pattern_id))
    report(index, pattern_id, at(2))
    fix = next(fix for fix in only(index).fixes if not fix.learned)
    entries = list(archive.journal(T))
    redis_client.flushall()
    assert archive.restore(T, older, now_ms=at(2), owe=False, journalled=True) == "restored"

    applied = [archive.reapply(T, pattern_id, entry, fix) for entry in entries if entry.fields["kind"] == "resolution"]
    flake(index, 3)

    assert applied == [True]
    assert only(index).status == "resolved"


@pytest.mark.parametrize(("reported", "expected"), [(False, "flaky"), (True, "resolved")])
def test_a_resolution_is_what_it_was_after_a_merge(index: RedisIndex, reported: bool, expected: str) -> None:
    learn(index, failed("1:bbbb", **run_of(1)), passed(**run_of(2)))
    gone = only(index).pattern_id
    if reported:
        report(index, gone, at(2))
    learn(index, failed("1:cccc", **run_of(3, branch="feature")))
    (into,) = set(index.pattern_ids(T, 10)) - {gone}
    lease = the(index.take("analysis", T, gone, now_ms=at(3), lease_ms=1_000))
    assert index.merge(lease, into, reason="the same", now_ms=at(3))
    assert the(index.pattern(T, into)).status == "resolved"

    flake(index, 4, text="1:cccc")

    assert the(index.pattern(T, into)).status == expected
