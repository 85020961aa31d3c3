"""When a pattern is flaky enough for quarantine."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from fakes import pattern

from ci_memory_producers.events import RunTotals
from ci_memory_workers.domain.flaky import (
    QuarantinePolicy,
    flaky_ratio,
    goes_with_any_commit,
    is_mass_failure,
    judge,
    should_quarantine,
)
from ci_memory_workers.domain.pattern import Fix, Outbreak, Quarantine, Status

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
    [("unresolved", True), ("flaky", True), ("quarantined", False), ("resolved", False), ("deprecated", False)],
)
def test_what_is_resolved_or_deprecated_or_there_already_does_not_enter(status: Status, expected: bool) -> None:
    assert should_quarantine(pattern(status=status, flaky_episodes=9, episodes=10), POLICY) is expected


RUNS = [
    Fix(str(n), "code_change", f"fix {n}", f"c{n}", f"dev{n}@example.com", "acme/shop", n, learned=True, learned_worked=1)
    for n in range(3)
]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, True),
        ({"fixes": tuple(RUNS[:2])}, False),
        ({"fixes": (*RUNS[:2], replace(RUNS[2], learned_worked=0, pending=1))}, False),
        ({"fixes": tuple(replace(fix, files=(f"{fix.fix_id}/setup.py",)) for fix in RUNS)}, False),
        ({"fixes": tuple(replace(fix, files=(f"src/{fix.fix_id}.py",)) for fix in RUNS)}, True),
        ({"fixes": tuple(replace(fix, fixed_by="dev@example.com") for fix in RUNS)}, False),
        ({"fixes": (*RUNS, Fix("r", "code_change", "said", "", "", "acme/shop", 9, worked=1))}, False),
        ({"repeated": True}, False),
        ({"broken": True}, False),
        ({"outbreak": Outbreak(1, 2, 9, 4)}, False),
    ],
)
def test_what_goes_away_with_unrelated_commits_of_several_authors_goes_with_any(fields: dict[str, Any], expected: bool) -> None:
    assert goes_with_any_commit(pattern(**{"fixes": tuple(RUNS)} | fields)) is expected


def test_broken_outranks_flaky() -> None:
    broken = pattern(flaky_episodes=9, episodes=10, broken=True)
    held = pattern(status="quarantined", flaky_episodes=9, episodes=10, broken=True, quarantine=Quarantine(until_ms=100))

    assert not should_quarantine(broken, POLICY)
    released = judge(held, POLICY, now_ms=1, clean_runs=0, quarantined=1)
    assert released is not None
    assert released.status == "unresolved"


@pytest.mark.parametrize(
    ("episodes", "flaky", "clean", "now", "expected"),
    [
        (10, 9, 0, 99, None),
        (10, 9, 20, 99, "flaky"),
        (13, 9, 0, 99, "unresolved"),
        (12, 9, 0, 99, None),
        (13, 12, 0, 99, None),
        (13, 12, 0, 100, "quarantined"),
        (10, 9, 3, 100, "flaky"),
    ],
)
def test_a_quarantine_has_an_end(episodes: int, flaky: int, clean: int, now: int, expected: str | None) -> None:
    held = pattern(
        status="quarantined",
        episodes=episodes,
        flaky_episodes=flaky,
        quarantine=Quarantine(since_ms=1, until_ms=100, episodes=10, flaky_episodes=9, entries=1),
    )

    judgement = judge(held, POLICY, now_ms=now, clean_runs=clean, quarantined=1)

    assert (judgement.status if judgement else None) == expected


@pytest.mark.parametrize(
    ("totals", "expected"),
    [
        (None, False),
        (RunTotals(tests=9, failed=9), False),
        (RunTotals(tests=10, failed=5), False),
        (RunTotals(tests=10, failed=3, errors=3), True),
    ],
)
def test_a_run_of_which_most_tests_failed_is_a_mass_failure(totals: RunTotals | None, expected: bool) -> None:
    assert is_mass_failure(totals) is expected
