"""Confidence: what outcomes of a fix say about its next use."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ci_memory_workers.domain.aging import DAY_MS
from ci_memory_workers.domain.confidence import at_least, best, confidence
from ci_memory_workers.domain.pattern import Fix, Ruling

COUNT = st.integers(min_value=0, max_value=10_000)


def test_a_fix_that_was_never_tried_has_none() -> None:
    assert confidence(0, 0) == 0.0


@pytest.mark.parametrize(("worked", "failed", "expected"), [(1, 0, 0.8966), (7, 1, 0.8639), (1, 1, 0.5306), (0, 1, 0.2069)])
def test_it_is_the_mean_of_a_beta_posterior(worked: int, failed: int, expected: float) -> None:
    assert confidence(worked, failed) == pytest.approx(expected, abs=1e-4)


def test_its_lower_bound_keeps_one_success_below_seven_of_eight() -> None:
    assert at_least(1, 0) < at_least(7, 1) < at_least(20, 0)
    assert at_least(0, 0) == 0.0


@given(COUNT, COUNT, COUNT)
def test_the_lower_bound_is_never_above(worked: int, failed: int, pending: int) -> None:
    assert 0.0 <= at_least(worked, failed, pending) <= confidence(worked, failed, pending)


def test_a_trial_without_a_verdict_says_less_than_one_that_worked() -> None:
    assert at_least(0, 1) < at_least(0, 0, 1) < at_least(1, 0)
    assert at_least(0, 0, 1) < at_least(3, 1), "what was seen to work outranks what was never judged"
    assert 0.0 < confidence(0, 0, 1) < confidence(0, 0, 2) < 1.0


@given(COUNT, COUNT)
def test_it_is_a_share(worked: int, failed: int) -> None:
    assert 0.0 <= confidence(worked, failed) < 1.0


@given(COUNT, st.integers(min_value=1, max_value=10_000))
def test_failures_never_raise_it(worked: int, failed: int) -> None:
    assert confidence(worked + 1, failed + 1) <= confidence(worked + 1, failed)


@given(COUNT)
def test_further_successes_never_lower_it(worked: int) -> None:
    assert confidence(worked + 1, 0) >= confidence(worked, 0)


def test_many_successes_come_close_to_certainty() -> None:
    assert confidence(1_000, 0) > 0.99


RULING = Ruling("dev@example.com", "because", 1)
PROVEN = Fix("proven", "code_change", "a", "", "", "acme/shop", 1, worked=9)
NEW = Fix("new", "code_change", "b", "", "", "acme/shop", 2, pending=1)


def test_the_best_fix_is_the_surest_unless_a_person_says_else() -> None:
    assert best([NEW, PROVEN], flaky=False) == PROVEN
    assert best([replace(NEW, pin=RULING), PROVEN], flaky=False) == replace(NEW, pin=RULING)
    assert best([NEW, replace(PROVEN, veto=RULING)], flaky=False) == NEW
    assert best([replace(PROVEN, veto=RULING)], flaky=False) is None


def test_among_equals_a_report_comes_first_and_then_what_was_not_refuted_for_longest() -> None:
    learned = [replace(NEW, fix_id=str(ms), learned=True, pending=0, learned_worked=1, resolved_ms=ms) for ms in (1, 2)]
    reported = [replace(NEW, fix_id=str(ms), pending=0, worked=1, resolved_ms=ms) for ms in (3, 4)]

    assert best(learned, flaky=False) == learned[0]
    assert best([*learned, *reported], flaky=False) == reported[1]


def test_of_a_flaky_failure_only_what_a_person_said_is_suggested() -> None:
    learned = replace(PROVEN, worked=0, failed=0, learned=True, learned_worked=9)

    assert best([learned], flaky=False) == learned
    assert best([learned], flaky=True) is None
    assert best([replace(learned, worked=1)], flaky=True) is not None
    assert best([replace(learned, pin=RULING)], flaky=True) is not None
    assert best([replace(learned, learned_worked=0)], flaky=False) is None


def test_a_fix_that_is_outdated_comes_after_one_that_is_not() -> None:
    now_ms = 31 * DAY_MS
    outdated = replace(PROVEN, changed_ms=2)

    assert best([NEW, PROVEN], flaky=False, now_ms=now_ms) == PROVEN
    assert best([NEW, outdated], flaky=False, now_ms=now_ms) == NEW
    assert best([replace(NEW, changed_ms=3), outdated], flaky=False, now_ms=now_ms) == outdated, "both are"
