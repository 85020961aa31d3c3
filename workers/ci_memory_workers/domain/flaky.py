"""When a pattern is flaky enough to be quarantined (a failure that passes when run again, with the code unchanged)."""

from __future__ import annotations

from dataclasses import dataclass

from ci_memory_producers.events import RunTotals

from .pattern import Pattern


@dataclass(frozen=True, slots=True)
class QuarantinePolicy:
    """``ratio`` must be exceeded, over at least ``min_episodes`` (builds and jobs); one rerun of one failure proves nothing."""

    ratio: float = 0.5
    min_episodes: int = 3


MASS_FAILURE = 0.5
MASS_TESTS = 10


def is_mass_failure(totals: RunTotals | None) -> bool:
    """Whether most tests of a run failed (of at least `MASS_TESTS`): it says nothing about a single one."""
    if totals is None or totals.tests < MASS_TESTS:
        return False
    return (totals.failed + totals.errors) / totals.tests > MASS_FAILURE


def flaky_ratio(pattern: Pattern) -> float:
    """Flaky episodes ÷ episodes, between 0 and 1; 0 where there were none."""
    return min(1.0, pattern.flaky_episodes / pattern.episodes) if pattern.episodes else 0.0


def should_quarantine(pattern: Pattern, policy: QuarantinePolicy) -> bool:
    """Whether ``pattern`` goes into quarantine, or stays there. A resolved or deprecated pattern never does."""
    if pattern.status not in ("unresolved", "flaky", "quarantined"):
        return False
    return pattern.episodes >= policy.min_episodes and flaky_ratio(pattern) > policy.ratio
