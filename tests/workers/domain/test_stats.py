"""Totals as outcomes."""

from __future__ import annotations

from dataclasses import replace

from ci_memory_workers.domain.stats import Totals, outcomes

NOTHING = Totals(
    patterns=0, failures=0, repeats=0, repeats_with_fix=0, diagnosed=0, diagnose_ms=0, fixes_worked=0, fixes_failed=0,
    newest_ms=0, now_ms=5_000,
)  # fmt: skip


def test_shares_of_what_happened() -> None:
    totals = Totals(
        patterns=3, failures=20, repeats=8, repeats_with_fix=6, diagnosed=4, diagnose_ms=10_000, fixes_worked=3, fixes_failed=1,
        newest_ms=4_000, now_ms=5_500,
    )  # fmt: skip

    assert outcomes(totals) == {
        "patterns": 3,
        "failures": 20,
        "repeats": 8,
        "repeats_answered_with_known_fix": 0.75,
        "mean_seconds_to_diagnose": 2.5,
        "fixes_worked": 0.75,
        "newest_event_age_seconds": 1.5,
    }


def test_where_there_is_nothing_to_share_there_is_no_share() -> None:
    found = outcomes(NOTHING)

    assert [name for name, value in found.items() if value is None] == [
        "repeats_answered_with_known_fix",
        "mean_seconds_to_diagnose",
        "fixes_worked",
        "newest_event_age_seconds",
    ]


def test_fixes_that_only_failed_worked_in_no_case() -> None:
    assert outcomes(replace(NOTHING, fixes_failed=2))["fixes_worked"] == 0.0
