"""The promised outcomes, as numbers: time to diagnose, share of repeats answered with a known fix, effectiveness of fixes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over a tenant's patterns and answers. Times in milliseconds; ``newest_ms`` is 0 where nothing was reported."""

    patterns: int
    failures: int
    repeats: int
    repeats_with_fix: int
    diagnosed: int
    diagnose_ms: int
    fixes_worked: int
    fixes_failed: int
    newest_ms: int
    now_ms: int


def outcomes(totals: Totals) -> dict[str, object]:
    """Figures for people and machines. A share is None where there is nothing to share."""
    tried = totals.fixes_worked + totals.fixes_failed
    return {
        "patterns": totals.patterns,
        "failures": totals.failures,
        "repeats": totals.repeats,
        "repeats_answered_with_known_fix": _share(totals.repeats_with_fix, totals.repeats),
        "mean_seconds_to_diagnose": _share(totals.diagnose_ms / 1000, totals.diagnosed),
        "fixes_worked": _share(totals.fixes_worked, tried),
        "newest_event_age_seconds": (totals.now_ms - totals.newest_ms) / 1000 if totals.newest_ms else None,
    }


def _share(part: float, whole: int) -> float | None:
    return part / whole if whole else None
