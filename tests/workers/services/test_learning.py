"""What is learned from runs, on the real index: fixes, flaky episodes, what is broken, and when a quarantine is judged again."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
from fakes import NOW, RecordingBell, T, failed, fixed, open_index, passed, the
from redis import Redis

from ci_memory_producers.quarantine_list import QuarantineList
from ci_memory_workers.adapters.redis_index import RedisIndex
from ci_memory_workers.domain.flaky import QuarantinePolicy
from ci_memory_workers.domain.pattern import Pattern
from ci_memory_workers.services.learning import Learner
from ci_memory_workers.services.ports import Dated, Reading
from ci_memory_workers.services.resolutions import ResolutionDesk
from ci_memory_workers.services.sweeps import Sweeper

MINUTE_MS = 60_000
FIX: dict[str, Any] = {"commit_message": "Set AUTH_TOKEN in the fixtures", "author": "dev@example.com"}


@pytest.fixture
def index(redis_client: Redis) -> RedisIndex:
    return open_index(redis_client)


class NoLists:
    """Nobody reads the list: `test_quarantine_list` does."""

    def repositories(self, tenant: str, pattern_id: str, limit: int) -> tuple[str, ...]:
        return ()

    def publish(self, tenant: str, published: QuarantineList) -> None:
        pass


def run_of(number: int, *, commit: str = "", attempt: int = 1, branch: str = "main", **fields: Any) -> dict[str, Any]:
    """A run of the job `unit` on a branch of acme/shop, a minute after the one before it."""
    usual: dict[str, Any] = {
        "build": f"{branch}-{number}",
        "run_number": number,
        "commit_sha": commit or f"c{number}",
        "attempt": attempt,
        "branch": branch,
        "default_branch": "main",
        "job": "unit",
        "ms": NOW + number * MINUTE_MS + attempt,
    }
    return usual | fields


def learn(index: RedisIndex, *events: Reading | Dated, bell: RecordingBell | None = None) -> list[str]:
    """Apply ``events`` one by one, and learn what is due after each; what came of it."""
    learner, came = Learner(index, bell or RecordingBell()), []
    for event in events:
        index.apply(T, [event], event.ms)
        came += [learner.learn(T, line, event.ms) for line in index.overdue("transitions", T, event.ms, 100)]
    return came


def flake(index: RedisIndex, *numbers: int, text: str = "1:aaaa", **fields: Any) -> None:
    """Runs that fail and pass in their second attempt."""
    for number in numbers:
        learn(index, failed(text, **run_of(number, **fields)), passed(**run_of(number, attempt=2, **fields)))


def only(index: RedisIndex) -> Pattern:
    (pattern_id,) = index.pattern_ids(T, 10)
    return the(index.pattern(T, pattern_id))


def sweep(index: RedisIndex, ms: int, *, clean: int = 4) -> list[tuple[str, str]]:
    policy = QuarantinePolicy(ratio=0.5, min_episodes=2, clean_runs=clean, days=14)
    sweeper = Sweeper(index=index, bell=RecordingBell(), lists=NoLists(), aging_days=90, quarantine=policy)
    return [(made.status, made.reason) for made in sweeper.judge_flaky(ms)]


def at(number: float) -> int:
    """When the log had taken a run."""
    return NOW + int(number * MINUTE_MS) + 30_000


# -- fixes and flaky episodes ------------------------------------------------------------------------------------------------


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
    learner = Learner(index, RecordingBell())
    for step, place in enumerate(order):
        index.apply(T, [RUNS[place]], at(step))
    for line in index.overdue("transitions", T, at(9), 10):
        learner.learn(T, line, at(9))

    (fix,) = only(index).fixes
    assert (fix.commit, fix.pending, only(index).flaky_episodes) == ("c3", 1, 0)


def test_work_that_is_not_due_is_left_alone(index: RedisIndex) -> None:
    assert Learner(index, RecordingBell()).learn(T, "nobody", NOW) == "not_due"


def test_an_outbreak_teaches_nothing(index: RedisIndex) -> None:
    for n in range(12):
        learn(index, failed(**run_of(1, repo=f"acme/r{n}", build=f"r{n}", ms=NOW + n * 1_000)))
    assert the(only(index).outbreak).repositories >= 4

    for n in range(12):
        came = learn(index, passed(**run_of(2, repo=f"acme/r{n}", build=f"q{n}", ms=NOW + MINUTE_MS + n)))
        assert came == ["nothing_new"]

    assert (only(index).fixes, only(index).status) == ((), "unresolved")


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


# -- a quarantine ends with clean runs ---------------------------------------------------------------------------------------


def test_a_quarantine_ends_at_the_sweep_after_the_last_clean_run_that_it_takes(index: RedisIndex) -> None:
    flake(index, 1, 2)
    assert [status for status, _ in sweep(index, at(2))] == ["quarantined"]

    learn(index, passed(**run_of(3)), passed(**run_of(4)))
    assert sweep(index, at(4)) == []

    learn(index, passed(**run_of(5)))
    assert sweep(index, at(5)) == [("flaky", "released: 4 clean runs")]
    assert index.quarantined(T) == []


def test_a_line_that_was_quiet_before_the_quarantine_began_is_looked_at_again(index: RedisIndex) -> None:
    flake(index, 1, 2)
    learn(index, *(passed(**run_of(number)) for number in (3, 4, 5)))
    assert learn(index, passed(**run_of(6))) == [], "the line is quiet"
    assert [status for status, _ in sweep(index, at(6), clean=7)] == ["quarantined"]

    learn(index, passed(**run_of(7)))
    assert sweep(index, at(7), clean=7) == []
    learn(index, passed(**run_of(8)))
    assert sweep(index, at(8), clean=7) == [("flaky", "released: 7 clean runs")]


def test_a_line_falls_silent_when_the_quarantine_has_ended(index: RedisIndex) -> None:
    flake(index, 1, 2)
    sweep(index, at(2))
    learn(index, *(passed(**run_of(number)) for number in (3, 4, 5)))
    sweep(index, at(5))

    assert learn(index, passed(**run_of(6))) == ["nothing_new"]
    assert learn(index, passed(**run_of(7))) == []


def test_a_pattern_that_was_merged_into_one_in_quarantine_keeps_its_line_awake(index: RedisIndex) -> None:
    flake(index, 1, 2)
    sweep(index, at(2))
    (into,) = index.quarantined(T)
    learn(index, failed("1:bbbb", **run_of(1, branch="feature")), *(passed(**run_of(n, branch="feature")) for n in (2, 3)))
    (gone,) = set(index.pattern_ids(T, 10)) - {into}
    assert index.merge(the(index.take("analysis", T, gone, now_ms=at(3), lease_ms=1_000)), into, reason="the same", now_ms=at(3))

    learn(index, *(passed(**run_of(n, branch="feature")) for n in range(4, 8)))

    assert learn(index, passed(**run_of(9, branch="feature"))) == ["nothing_new"]
    assert index.quarantine_due(T, at(9), 10) == [into]


def test_a_line_that_failed_while_it_was_looked_at_is_not_quiet(index: RedisIndex) -> None:
    learn(index, failed(**run_of(1)), *(passed(**run_of(number)) for number in (2, 3)))
    index.apply(T, [passed(**run_of(4))], at(4))
    (line_id,) = index.overdue("transitions", T, at(4), 10)
    looked_at = index.line(T, line_id)

    index.apply(T, [failed(**run_of(5))], at(5))
    index.line_is_quiet(T, looked_at)

    Learner(index, RecordingBell()).learn(T, line_id, at(5))
    learn(index, passed(**run_of(6, **FIX)))
    assert "c6" in {fix.commit for fix in only(index).fixes}


def test_one_quiet_line_does_not_release_what_still_fails_elsewhere(index: RedisIndex) -> None:
    learn(index, failed(**run_of(1, branch="quiet")))
    flake(index, 2, 3)
    sweep(index, at(3))

    for number in range(4, 20, 2):
        learn(index, passed(**run_of(number, branch="quiet")))
        flake(index, number + 1)
        assert sweep(index, at(number + 1)) == []


def test_clean_runs_of_all_lines_add_up(index: RedisIndex) -> None:
    flake(index, 1, 2)
    flake(index, 3, branch="feature")
    sweep(index, at(3))
    pattern_id = only(index).pattern_id
    assert index.clean_runs(T, pattern_id) == 1, "the second attempt of the failure that came last"

    learn(index, passed(**run_of(4)), passed(**run_of(5, branch="feature")))
    assert index.clean_runs(T, pattern_id) == 3
    assert sweep(index, at(5)) == []
    learn(index, passed(**run_of(6)))
    assert sweep(index, at(6)) == [("flaky", "released: 4 clean runs")]


def test_a_pattern_that_nobody_knows_had_no_clean_runs(index: RedisIndex) -> None:
    assert index.clean_runs(T, "pat_000000000000") == 0


# -- an inferred resolution gives way to flaky evidence ----------------------------------------------------------------------


def report(index: RedisIndex, pattern_id: str, ms: int) -> None:
    event = fixed(pattern_id)
    index.apply(T, [Dated(event, ms)], ms)
    ResolutionDesk(index, RecordingBell()).apply(T, event.event_id, ms)


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


def test_what_a_person_resolved_stays_so_whatever_is_learned(index: RedisIndex) -> None:
    learn(index, failed(**run_of(1)), passed(**run_of(2)))
    report(index, only(index).pattern_id, at(2))
    flake(index, 3)
    assert only(index).status == "resolved"

    learn(index, failed(**run_of(4)), passed(**run_of(5)))
    learn(index, failed(**run_of(6, commit="same")), passed(**run_of(7, commit="same")))
    flake(index, 8)
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
