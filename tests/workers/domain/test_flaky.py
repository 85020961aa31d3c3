"""When a pattern is flaky enough for quarantine."""

from __future__ import annotations

import pytest
from fakes import pattern

from ci_memory_workers.domain.flaky import QuarantinePolicy, flaky_ratio, should_quarantine
from ci_memory_workers.domain.pattern import Status

POLICY = QuarantinePolicy(ratio=0.5, min_episodes=3)


@pytest.mark.parametrize(("flaky", "episodes", "expected"), [(0, 0, 0.0), (0, 4, 0.0), (1, 4, 0.25), (3, 3, 1.0), (5, 3, 1.0)])
def test_the_ratio_is_flaky_episodes_of_all_and_never_above_one(flaky: int, episodes: int, expected: float) -> None:
    assert flaky_ratio(pattern(flaky_episodes=flaky, episodes=episodes)) == expected


def test_one_rerun_of_one_failure_proves_nothing() -> None:
    assert not should_quarantine(pattern(flaky_episodes=1, episodes=1), POLICY)
    assert not should_quarantine(pattern(flaky_episodes=2, episodes=2), POLICY)
    assert should_quarantine(pattern(flaky_episodes=3, episodes=3), POLICY)


def test_the_ratio_must_be_exceeded_not_met() -> None:
    assert not should_quarantine(pattern(flaky_episodes=2, episodes=4), POLICY)
    assert should_quarantine(pattern(flaky_episodes=3, episodes=5), POLICY)


@pytest.mark.parametrize(
    ("status", "expected"),
    [("unresolved", True), ("flaky", True), ("quarantined", True), ("resolved", False), ("deprecated", False)],
)
def test_what_is_resolved_or_deprecated_is_left_alone(status: Status, expected: bool) -> None:
    assert should_quarantine(pattern(status=status, flaky_episodes=9, episodes=10), POLICY) is expected
