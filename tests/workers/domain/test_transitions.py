"""Fixes and reruns that nobody has to report, from the runs of one job on one branch, in any order of arrival."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ci_memory_workers.domain.learned_fix import describe, fix_type_of, shape
from ci_memory_workers.domain.transitions import (
    STICKS_MS,
    Attempt,
    Transition,
    broken_patterns,
    clean_runs,
    open_failures,
    transition_id,
    transitions,
)

A, B = "pat_aaaaaaaaaaaa", "pat_bbbbbbbbbbbb"


def failed(run: int, *patterns: str, commit: str = "", attempt: int = 1, message: str = "") -> Attempt:
    return Attempt(run, attempt, commit or f"c{run}", run * 1000 + attempt, False, frozenset(patterns), message)


def passed(run: int, *, commit: str = "", attempt: int = 1, message: str = "", files: tuple[str, ...] = ()) -> Attempt:
    return Attempt(run, attempt, commit or f"c{run}", run * 1000 + attempt, True, message=message, files=files)


def only(found: list[Transition]) -> Transition:
    assert len(found) == 1
    return found[0]


def test_a_new_commit_that_passes_is_a_fix() -> None:
    found = only(transitions([failed(1, A), failed(2, A), passed(3)]))

    assert (found.kind, found.first.run, found.last.run, found.passing.commit) == ("fix", 1, 2, "c3")
    assert (found.error_changed, found.verdict) == (False, "pending")


def test_a_later_attempt_of_the_same_run_is_a_rerun() -> None:
    assert only(transitions([failed(1, A), passed(1, attempt=2)])).kind == "rerun"


def test_a_later_run_of_the_same_commit_is_a_rerun() -> None:
    assert only(transitions([failed(1, A, commit="same"), passed(2, commit="same")])).kind == "rerun"


def test_runs_whose_commits_are_unknown_are_told_apart_by_their_run() -> None:
    unknown = [Attempt(1, 1, "", 1, False, frozenset({A})), Attempt(2, 1, "", 2, True)]

    assert only(transitions(unknown)).kind == "fix"


def test_several_failures_of_one_job_are_fixed_together() -> None:
    found = transitions([failed(1, A, B), passed(2)])

    assert [(one.pattern_id, one.kind) for one in found] == [(A, "fix"), (B, "fix")]


def test_failures_of_one_attempt_that_came_as_several_events_are_one_attempt() -> None:
    assert [one.pattern_id for one in transitions([failed(1, B), failed(1, A), passed(2)])] == [A, B]


def test_a_commit_that_only_changes_the_error_fixes_nothing() -> None:
    still_red = transitions([failed(1, A), failed(2, B)])
    then_green = {one.pattern_id: one for one in transitions([failed(1, A), failed(2, B), passed(3)])}

    assert still_red == []
    assert (then_green[A].kind, then_green[A].error_changed) == ("fix", True)
    assert (then_green[B].kind, then_green[B].error_changed) == ("fix", False)


def test_a_fix_has_worked_when_the_job_passes_on_further_commits() -> None:
    runs = [failed(1, A), passed(2), passed(2, attempt=2), passed(3)]

    assert only(transitions(runs)).verdict == "pending"
    assert only(transitions([*runs, passed(4)])).verdict == "worked"


def test_a_fix_has_failed_when_the_failure_comes_back_on_a_later_commit() -> None:
    back = transitions([failed(1, A), passed(2), passed(3), passed(4), failed(5, A)])

    assert only(back).verdict == "failed"


def test_a_failure_that_is_back_long_after_its_fix_had_proved_itself_was_broken_anew() -> None:
    proved = [failed(1, A), passed(2), passed(3), passed(4)]
    late = passed(2).ms + STICKS_MS

    assert transitions([*proved, replace(failed(5, A), ms=late - 1)])[0].verdict == "failed"
    assert transitions([*proved, replace(failed(5, A), ms=late)])[0].verdict == "worked"
    assert transitions([*proved[:3], replace(failed(5, A), ms=late)])[0].verdict == "failed", "it had not proved itself"


def test_a_fix_proves_nothing_where_another_commit_may_have_helped() -> None:
    further = [passed(5), passed(6), passed(7)]

    changed = transitions([failed(1, A), failed(2, B), passed(3), *further])
    assert {one.pattern_id: one.verdict for one in changed} == {A: "pending", B: "worked"}
    for parent, skipped, verdict in (("c2", True, "pending"), ("c1", False, "worked"), ("", False, "worked")):
        found = only(transitions([failed(1, A), replace(passed(3), parent=parent), *further]))
        assert (found.skipped, found.verdict) == (skipped, verdict)
    back = transitions([failed(1, A), replace(passed(3), parent="c2"), failed(4, A)])
    assert back[0].verdict == "failed"


def test_a_commit_on_top_of_one_that_failed_in_another_way_skips_none() -> None:
    assert [one.skipped for one in transitions([failed(1, A), failed(2, B), replace(passed(3), parent="c2")])] == [False, False]


def test_what_fails_commit_after_commit_persists() -> None:
    assert not only(transitions([failed(1, A), failed(1, A, attempt=2), passed(2)])).persisted
    assert [one.persisted for one in transitions([failed(1, A), failed(2, A), passed(3), failed(4, A), passed(5)])] == [
        True,
        False,
    ]


def test_an_old_commit_that_is_built_again_says_nothing_of_the_fix() -> None:
    found = transitions([failed(1, A, commit="old"), passed(2), failed(3, A, commit="old"), passed(4), passed(5)])

    assert found[0].verdict == "worked"


@pytest.mark.parametrize("message", ['Revert "set the token"', "Undo\n\nThis reverts commit c2abcdef."])
def test_a_revert_of_the_fix_is_not_its_failure(message: str) -> None:
    fix = passed(2, commit="c2abcdef", message="set the token")
    found = transitions([failed(1, A), fix, passed(3), passed(4), failed(5, A, message=message)])

    assert found[0].verdict == "worked"


def test_a_revert_that_repairs_is_a_fix_like_any_other() -> None:
    found = only(transitions([failed(1, A), passed(2, message='Revert "new parser"')]))

    assert found.kind == "fix"
    assert describe(found.passing) == 'Revert "new parser"'


def test_a_second_streak_is_a_transition_of_its_own() -> None:
    found = transitions([failed(1, A), passed(2), failed(7, A), passed(8)])

    assert [(one.first.run, one.verdict) for one in found] == [(1, "failed"), (7, "pending")]
    assert transition_id("line", found[0]) != transition_id("line", found[1])


def test_what_is_learned_later_keeps_the_identity_of_the_streak() -> None:
    early = only(transitions([failed(1, A), passed(5)]))
    late = only(transitions([failed(1, A), failed(2, A), passed(3), passed(5)]))

    assert transition_id("line", early) == transition_id("line", late)
    assert late.passing.run == 3


def test_what_failed_since_the_last_pass_is_open() -> None:
    assert open_failures([failed(1, A), passed(2), failed(3, B), failed(4, A)]) == {A, B}
    assert open_failures([failed(1, A), passed(2)]) == frozenset()


attempts = st.lists(
    st.builds(
        lambda run, attempt, commit, patterns, good: Attempt(
            run, attempt, commit, run * 10 + attempt, good, frozenset() if good else frozenset(patterns)
        ),
        st.integers(1, 8),
        st.integers(1, 3),
        st.sampled_from(["", "x", "y", "z"]),
        st.sets(st.sampled_from([A, B]), min_size=1),
        st.booleans(),
    ),
    max_size=20,
    unique_by=lambda one: (one.order, one.passed),
)


@given(attempts, st.integers())
def test_the_order_of_arrival_changes_nothing(found: list[Attempt], seed: int) -> None:
    shuffled = list(found)
    random.Random(seed).shuffle(shuffled)

    assert transitions(shuffled) == transitions(found)


@given(attempts)
def test_a_transition_ends_in_a_pass_after_its_failure(found: list[Attempt]) -> None:
    for one in transitions(found):
        assert one.first.order <= one.last.order < one.passing.order
        assert one.passing.passed
        assert one.pattern_id in one.last.patterns


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (("src/app.py", "settings.toml"), "code_change"),
        (("settings.toml", ".github/workflows/ci.yml"), "config_change"),
        ((".github/workflows/ci.yml",), "environment_fix"),
        (("deploy/Dockerfile", "infra/main.tf"), "environment_fix"),
        (("package.json",), "config_change"),
        (("requirements.txt",), "config_change"),
        (("README.md",), "code_change"),
        ((), "code_change"),
    ],
)
def test_the_files_say_what_kind_of_fix_it_is(files: tuple[str, ...], expected: str) -> None:
    assert fix_type_of(files) == expected


def test_a_learned_fix_is_described_by_its_commit() -> None:
    assert (
        describe(passed(2, message="set the token\n", files=("tests/conftest.py",)))
        == "set the token\n(changed: tests/conftest.py)"
    )
    assert describe(passed(2, commit="0123456789abcdef")) == "commit 0123456789ab"


def test_the_same_files_in_two_repositories_are_the_same_fix() -> None:
    here, there = (
        shape("config_change", ("shop/conftest.py",), "Set token"),
        shape("config_change", ("billing/tests/conftest.py",), "Other"),
    )

    assert here == there
    assert shape("code_change", (), "Set the token!") == shape("code_change", (), "set THE token")


def test_clean_runs_are_those_of_all_lines_that_came_in_after_the_last_failure_anywhere() -> None:
    here = [passed(1), failed(2, A), passed(3), passed(4)]
    there = [failed(901, A), passed(902), failed(903, B)]
    last = failed(2, A).ms
    assert clean_runs([here], last) == 2
    assert clean_runs([here, there], failed(901, A).ms) == 1
    assert clean_runs([here, there], last) == 3
    assert clean_runs([], last) == 0


def test_a_run_that_came_in_with_the_failure_or_failed_in_another_way_is_not_clean() -> None:
    assert clean_runs([[passed(3)]], passed(3).ms) == 0
    assert clean_runs([[passed(3), failed(3, B)]], 0) == 0
    assert clean_runs([[passed(3), passed(3)]], 0) == 1


def test_what_fails_commit_after_commit_is_broken_until_it_passes() -> None:
    assert broken_patterns([failed(1, A), failed(2, A, B)]) == {A}
    assert broken_patterns([failed(1, A, commit="x"), failed(2, A, commit="x")]) == frozenset()
    assert broken_patterns([failed(1, A), passed(2), failed(3, A)]) == frozenset()
    assert broken_patterns([failed(1, A), failed(2, A), passed(3)]) == frozenset()
