"""What a policy would have done: flaky tests are quarantined, and what that would have hidden is told."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ci_memory_workers.domain.aging import DAY_MS
from ci_memory_workers.domain.flaky import QuarantinePolicy
from ci_memory_workers.domain.replay import History, Outcome, Policy, Record, history_of, play
from ci_memory_workers.domain.replay.live_line import LiveLine
from ci_memory_workers.domain.replay.streaks import streaks
from ci_memory_workers.domain.transitions import Attempt, broken_patterns, clean_runs, open_failures, transitions

START = 1_800_000_000_000
HOUR = 3_600_000
LAX = Policy(QuarantinePolicy(ratio=0.3, min_episodes=2))
STRICT = Policy(QuarantinePolicy(ratio=0.9, min_episodes=20))


def ran(run: int, pattern_id: str = "", *, attempt: int = 1, commit: str = "", hour: float = 0, **fields: Any) -> Record:
    """One attempt of the job `unit` on acme/shop's main branch, ``run`` hours after the start, or ``hour``."""
    usual = Record(
        ms=START + int((hour or run + attempt / 100) * HOUR),
        pattern_id=pattern_id,
        place=f"acme/shop#b{run}",
        job="unit",
        attempt=attempt,
        test="",
        run=run,
        commit=commit or f"c{run}",
        repo="acme/shop",
        line="shop-unit-main",
        default=True,
    )
    return replace(usual, **fields)


def flakes(*runs: int, pattern_id: str = "flaky", **fields: Any) -> list[Record]:
    """Builds that fail and pass when run again."""
    return [one for run in runs for one in (ran(run, pattern_id, **fields), ran(run, attempt=2, **fields))]


def played(records: Iterable[Record], policy: Policy = LAX, *, hours: float = 1_000) -> Outcome:
    return play(history_of(records), policy, START + int(hours * HOUR))


REGRESSION = [ran(11, "flaky"), ran(12, "flaky"), ran(13, "flaky"), ran(14)]
"""The same test fails on three commits in a row, and the fourth repairs it."""


def test_what_is_flaky_often_enough_is_quarantined_at_the_next_sweep() -> None:
    outcome = played([*flakes(1, 2, 3), *flakes(4, pattern_id="once")])

    assert outcome.quarantined == ("flaky",)
    (spell,) = outcome.spells
    assert spell.since_ms == ran(2, attempt=2).ms + -ran(2, attempt=2).ms % LAX.sweep_ms
    assert spell.reason == "flaky in 2 of 2 builds (100%)"


def test_failures_in_quarantine_are_hidden_and_flaky_ones_are_no_regression() -> None:
    outcome = played(flakes(1, 2, 3, 4))

    assert [build.place for build in outcome.hidden] == ["acme/shop#b3", "acme/shop#b4"]
    assert outcome.hidden_regressions == ()


def test_a_regression_that_a_lax_policy_would_have_hidden_is_told_with_its_places() -> None:
    (hidden,) = played([*flakes(1, 2, 3), *REGRESSION]).hidden_regressions

    assert hidden.regression.pattern_id == "flaky"
    assert (hidden.regression.why, hidden.regression.fixed_by, hidden.regression.certain) == ("fixed", "c14", True)
    assert (hidden.regression.failures, hidden.regression.commits) == (3, 3)
    # Two commits in a row show that it is broken, which ends the quarantine before the third.
    assert hidden.places == ("acme/shop#b11", "acme/shop#b12")


def test_a_stricter_policy_hides_nothing() -> None:
    outcome = played([*flakes(1, 2, 3), *REGRESSION], STRICT)

    assert (outcome.spells, outcome.hidden, outcome.hidden_regressions) == ((), (), ())


def test_what_is_broken_on_the_default_branch_is_real_before_anybody_has_fixed_it() -> None:
    (hidden,) = played([*flakes(1, 2), ran(11, "flaky"), ran(12, "flaky")]).hidden_regressions

    assert (hidden.regression.why, hidden.regression.commits, hidden.regression.fixed_by) == ("broken", 2, "")


def test_on_another_branch_a_failure_that_nobody_has_fixed_yet_is_not_called_real() -> None:
    branch: dict[str, Any] = {"line": "shop-unit-feature", "default": False}
    records = [*flakes(1, 2), ran(11, "flaky", **branch), ran(12, "flaky", **branch)]

    assert len(played(records).hidden) == 2
    assert played(records).hidden_regressions == ()
    assert len(played([*records, ran(13, **branch)]).hidden_regressions) == 1


def test_a_failure_of_a_commit_that_passes_in_another_build_is_flaky() -> None:
    records = [one for run in (2, 4, 6) for one in (ran(run, "flaky", commit=f"same{run}"), ran(run + 1, commit=f"same{run}"))]
    outcome = played(records)

    assert outcome.quarantined == ("flaky",)
    assert len(outcome.hidden) == 1
    assert outcome.hidden_regressions == ()


def test_a_commit_that_is_built_again_later_and_passes_was_never_at_fault() -> None:
    records = [*flakes(1, 2), ran(5, "flaky", commit="old"), ran(6)]
    assert [one.places for one in played(records).hidden_regressions] == [("acme/shop#b5",)]

    assert played([*records, ran(7, commit="old")]).hidden_regressions == ()


def test_a_build_whose_failing_test_passed_when_it_was_run_again_was_no_regression() -> None:
    records = [*flakes(1, 2), ran(5, "flaky", test="t1"), ran(6)]
    assert len(played(records).hidden_regressions) == 1

    assert played([*records, ran(5, attempt=2, test="t1")]).hidden_regressions == ()


def test_where_branches_cant_be_told_apart_anothers_pass_resolves_nothing() -> None:
    first = [ran(1, "flaky", line="any", mixed=True, default=False), ran(2, line="any", mixed=True, default=False)]

    assert played([*first, *flakes(3, 4, 5)]).quarantined == ("flaky",)


def test_one_failure_that_nobody_ran_again_comes_after_the_certain_ones() -> None:
    doubtful = ran(5, "flaky")
    certain = [ran(21, "flaky"), ran(22, "flaky"), ran(23)]
    found = played([*flakes(1, 2), doubtful, ran(6), *certain]).hidden_regressions

    assert [(one.regression.certain, one.places[0]) for one in found] == [(True, "acme/shop#b21"), (False, "acme/shop#b5")]


def test_quarantine_ends_after_its_days_and_what_fails_then_is_not_hidden() -> None:
    policy = Policy(QuarantinePolicy(ratio=0.3, min_episodes=2, days=1))
    outcome = played([*flakes(1, 2), *flakes(40)], policy)

    (spell,) = outcome.released
    assert spell.until_ms == spell.since_ms + DAY_MS
    assert "no failure in 1 days" in spell.end
    assert outcome.hidden == ()


def test_a_quarantine_in_which_it_was_flaky_goes_on() -> None:
    policy = Policy(QuarantinePolicy(ratio=0.3, min_episodes=2, days=1))
    (spell,) = played([*flakes(1, 2), *flakes(20)], policy, hours=40).spells

    assert spell.until_ms == 0


def test_at_most_so_many_patterns_are_in_quarantine_at_once() -> None:
    policy = Policy(QuarantinePolicy(ratio=0.3, min_episodes=2, most=1))
    outcome = played([*flakes(1, 2), *flakes(3, 4, pattern_id="second")], policy)

    assert outcome.quarantined == ("flaky",)


def test_what_a_commit_seemed_to_fix_before_it_was_ever_flaky_is_quarantined_when_it_is() -> None:
    fixed = [ran(1, "flaky"), ran(2)]
    assert played(fixed).spells == ()

    (spell,) = played([*fixed, *flakes(3, 4)]).spells
    assert spell.reason == "flaky in 1 of 2 builds (50%)"


CLEAN = Policy(QuarantinePolicy(ratio=0.3, min_episodes=2, clean_runs=4))


def test_a_quarantine_ends_at_the_sweep_after_the_last_clean_run_that_it_takes() -> None:
    flaky = flakes(1, 2)
    assert played([*flaky, ran(3), ran(4)], CLEAN, hours=30).released == ()

    (spell,) = played([*flaky, ran(3), ran(4), ran(5)], CLEAN, hours=30).released
    assert spell.end == "released: 4 clean runs"
    assert spell.until_ms == ran(5).ms + -ran(5).ms % CLEAN.sweep_ms


def test_clean_runs_of_all_lines_add_up_but_only_since_it_failed_last_anywhere() -> None:
    quiet: dict[str, Any] = {"line": "shop-unit-feature", "default": False}
    start = [ran(1, "flaky", **quiet), *flakes(2, 3)]
    assert played([*start, ran(4), ran(5, **quiet)], CLEAN, hours=30).released == ()
    assert len(played([*start, ran(4), ran(5, **quiet), ran(6, **quiet)], CLEAN, hours=30).released) == 1

    both = [one for run in range(4, 24, 2) for one in (ran(run, **quiet), *flakes(run + 1))]
    assert played([*start, *both], CLEAN, hours=30).released == ()


def test_what_is_not_seen_for_long_is_deprecated_and_comes_back_as_it_was() -> None:
    policy = Policy(QuarantinePolicy(), aging_days=1)
    outcome = played([ran(1, "old"), ran(50, "old")], policy, hours=60)

    (deprecated,) = outcome.deprecated
    assert deprecated.ms >= ran(1).ms + DAY_MS
    assert len(played([ran(1, "old"), ran(50, "old")], policy, hours=90).deprecated) == 2


def test_a_pattern_that_was_deprecated_in_quarantine_is_there_again_when_it_fails_and_hides_what_comes_next() -> None:
    policy = Policy(QuarantinePolicy(ratio=0.3, min_episodes=2), aging_days=1)
    outcome = played(flakes(1, 2, 60, 61), policy, hours=70)

    assert [spell.end for spell in outcome.spells] == ["deprecated", ""]
    assert [build.place for build in outcome.hidden] == ["acme/shop#b61"]


def test_mass_failures_speak_neither_for_flakiness_nor_against_it() -> None:
    mass = flakes(1, 2, 3, mass=True)

    assert played([*mass, *flakes(4, 5)], hours=5.5).spells == played(flakes(4, 5), hours=5.5).spells
    assert [one.counts for one in history_of(mass).happenings if one.kind == "failed"] == [False] * 3


def test_an_outbreak_is_neither_flaky_nor_a_regression() -> None:
    happened = []
    for n in range(12):
        place: dict[str, Any] = {"repo": f"acme/r{n}", "place": f"acme/r{n}#1", "line": f"r{n}"}
        happened += [ran(1, "down", hour=1 + n / 100, **place), ran(2, hour=6 + n / 100, **place)]
    history = history_of(happened)

    assert len(history.regressions) == 0
    assert [one.kind for one in history.happenings if one.kind in ("flaky", "fixed")] == []


def test_several_tests_that_fail_alike_in_one_job_are_one_episode_and_a_single_tests_pass_makes_it_flaky() -> None:
    records = [ran(1, "p", test="t1"), ran(1, "p", test="t2"), ran(1, attempt=2, test="t2"), ran(1, attempt=3)]
    history = history_of(records)

    assert [one.counts for one in history.happenings if one.kind == "failed"] == [True, False]
    assert [one.kind for one in history.happenings].count("flaky") == 1
    assert (history.failures, history.passes, history.builds, history.patterns, history.matched) == (2, 2, 1, 1, 1)


def test_a_pass_of_another_test_or_of_an_earlier_attempt_says_nothing() -> None:
    history = history_of([ran(1, "p", test="t1", attempt=2), ran(1, test="t2", attempt=3), ran(1, attempt=1)])

    assert [one.kind for one in history.happenings].count("flaky") == 0


def test_nothing_happened() -> None:
    assert history_of([]) == History()
    assert play(History(), LAX, START) == Outcome()


records = st.lists(
    st.builds(
        ran,
        st.integers(1, 8),
        st.sampled_from(["", "", "p", "q"]),
        attempt=st.integers(1, 3),
        commit=st.sampled_from(["", "x", "y", "z"]),
        hour=st.floats(0.5, 500),
        test=st.sampled_from(["", "t1", "t2"]),
        line=st.sampled_from(["", "main", "feature"]),
        default=st.booleans(),
        mixed=st.booleans(),
        mass=st.booleans(),
        job=st.sampled_from(["unit", "lint"]),
        repo=st.sampled_from(["acme/shop", "acme/billing"]),
    ),
    max_size=20,
)
policies = st.builds(
    Policy,
    st.builds(
        QuarantinePolicy,
        ratio=st.floats(0, 1),
        min_episodes=st.integers(1, 3),
        leave_ratio=st.floats(0, 1),
        clean_runs=st.integers(1, 3),
        days=st.integers(1, 3),
        most=st.integers(0, 2),
    ),
    aging_days=st.integers(1, 10),
    sweep_ms=st.sampled_from([1, 300_000, HOUR]),
)


@settings(max_examples=150, deadline=None)
@given(records, policies)
def test_whatever_happened_it_is_played_and_hidden_regressions_are_hidden_builds(happened: list[Record], policy: Policy) -> None:
    history = history_of(happened)
    outcome = play(history, policy, START + 600 * HOUR)

    hidden = {build.place for build in outcome.hidden}
    assert all(set(one.places) <= hidden and one.places for one in outcome.hidden_regressions)
    assert {build.pattern_id for build in outcome.hidden} <= set(outcome.quarantined)
    failing = {record.build for record in happened if not record.passed}
    assert set(history.regressions) <= failing
    assert all(spell.since_ms <= (spell.until_ms or spell.since_ms) for spell in outcome.spells)


@settings(max_examples=150, deadline=None)
@given(records, policies, st.randoms(use_true_random=False))
def test_the_order_in_which_records_are_read_does_not_matter(happened: list[Record], policy: Policy, random: Random) -> None:
    shuffled = list(happened)
    random.shuffle(shuffled)

    assert play(history_of(shuffled), policy, START + 600 * HOUR) == play(history_of(happened), policy, START + 600 * HOUR)


@settings(max_examples=150, deadline=None)
@given(records)
def test_a_policy_that_admits_nobody_hides_nothing(happened: list[Record]) -> None:
    outcome = play(history_of(happened), Policy(QuarantinePolicy(most=0)), START + 600 * HOUR)

    assert (outcome.spells, outcome.hidden) == ((), ())


def one_line(happened: list[Record]) -> list[Record]:
    """All of it in one line of the default branch; of one attempt there is one commit."""
    commit_of: dict[tuple[int, int], str] = {}
    return [
        replace(record, line="main", default=True, commit=commit_of.setdefault(record.order, record.commit))
        for record in happened
    ]


def attempts(runs: Iterable[Record]) -> list[Attempt]:
    return [
        Attempt(
            run=run.run,
            attempt=run.attempt,
            commit=run.commit,
            ms=run.ms,
            passed=run.passed,
            patterns=frozenset({run.pattern_id} - {""}),
        )
        for run in runs
        if run.of_a_run
    ]


@settings(max_examples=150, deadline=None)
@given(records)
def test_streaks_are_the_transitions_that_learning_sees(happened: list[Record]) -> None:
    runs = one_line(happened)
    found = list(streaks(runs))

    ended = {
        (one.pattern_id, one.kind, one.failures[0].order, one.failures[-1].order, one.passing.order)
        for one in found
        if one.passing
    }
    expected = transitions(attempts(runs))
    assert ended == {(one.pattern_id, one.kind, one.first.order, one.last.order, one.passing.order) for one in expected}
    assert {one.pattern_id for one in found if not one.passing} == open_failures(attempts(runs))


@settings(max_examples=150, deadline=None)
@given(records)
def test_a_line_that_is_followed_live_says_what_its_runs_say_at_any_time(happened: list[Record]) -> None:
    line, known = LiveLine(), []
    for record in sorted(one_line(happened), key=lambda one: one.arrival):
        if not record.of_a_run:
            continue
        line.add(record)
        known.append(record)
        seen = attempts(known)
        for last_ms in {0, *(one.ms for one in known)}:
            assert line.clean_runs(last_ms) == clean_runs([seen], last_ms)
        assert line.broken() == broken_patterns(seen)


@pytest.mark.parametrize("ratio", [0.0, 0.3, 0.6, 0.95])
def test_a_higher_threshold_quarantines_no_more_than_a_lower_one(ratio: float) -> None:
    mixed = [*flakes(1, 3, 5, 7, 9), ran(2, "half"), ran(4, attempt=1), *flakes(6, 8, pattern_id="half"), ran(10, "half")]
    lower = played(mixed, Policy(QuarantinePolicy(ratio=ratio, min_episodes=1)))
    higher = played(mixed, Policy(QuarantinePolicy(ratio=ratio + 0.04, min_episodes=1)))

    assert set(higher.quarantined) <= set(lower.quarantined)
