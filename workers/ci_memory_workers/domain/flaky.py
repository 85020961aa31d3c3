"""When a pattern is flaky enough to be quarantined, and when that ends.

A failure is flaky when it passes with the code unchanged. Quarantine is by fingerprint: the same test failing in another way is
another pattern, and blocks as before. Every quarantine has an end.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from pathlib import PurePosixPath

from ci_memory_producers.events import RunTotals

from .pattern import Pattern, Status

DAY_MS = 86_400_000
MASS_FAILURE = 0.5
MASS_TESTS = 10
PROMPT_MS = 2 * 3_600_000
"""Within which time a pass of the same code says that a failure is flaky; later, something outside may have been repaired."""
TIMES_GONE = 3
"""How often a failure must have gone away with commits that have nothing to do with each other, until it counts as flaky."""
FLAKY_THERE = 2
"""How often a failure must have been flaky in a repository, until its quarantine holds there."""


@dataclass(frozen=True, slots=True)
class QuarantinePolicy:
    """Ratios are flaky episodes ÷ episodes; an episode is a build and job.

    Enter above ``ratio``, over at least ``min_episodes`` since the last release: one rerun of one failure proves nothing. Leave
    at ``leave_ratio`` or below (it fails, and fails again: it is broken, not flaky), after ``clean_runs`` passing runs in a row,
    or after ``days``, unless it was flaky again within them. At most ``most`` patterns of a tenant are in quarantine at once.
    """

    ratio: float = 0.5
    min_episodes: int = 3
    leave_ratio: float = 0.2
    clean_runs: int = 20
    days: int = 14
    most: int = 100


@dataclass(frozen=True, slots=True)
class Judgement:
    """The status that a pattern should have, and why. A quarantine that goes on is one with a new end."""

    status: Status
    reason: str


def is_mass_failure(totals: RunTotals | None) -> bool:
    """Whether most tests of a run failed (of at least `MASS_TESTS`): it says nothing about a single one."""
    if totals is None or totals.tests < MASS_TESTS:
        return False
    return (totals.failed + totals.errors) / totals.tests > MASS_FAILURE


def goes_with_any_commit(pattern: Pattern) -> bool:
    """Whether it comes and goes whatever is committed: it never failed twice in a row, and what passed next were commits of
    several authors that share no file. Nobody has said what fixes it.
    Trials without a verdict are left out: the commit may be another.
    """
    fixes = [fix for fix in pattern.fixes if fix.all_worked + fix.all_failed]
    if pattern.repeated or pattern.outbreak or pattern.broken or len(fixes) < TIMES_GONE or not all(fix.learned for fix in fixes):
        return False
    files = [{PurePosixPath(path).name for path in fix.files} for fix in fixes]
    related = any(one & other for one, other in combinations(files, 2))
    return not related and len({fix.fixed_by for fix in fixes}) > 1


def flaky_ratio(pattern: Pattern) -> float:
    """Flaky episodes ÷ episodes since the pattern last entered or left quarantine, between 0 and 1; 0 where there were none."""
    episodes, flaky = _since(pattern)
    return min(1.0, flaky / episodes) if episodes > 0 else 0.0


def _since(pattern: Pattern) -> tuple[int, int]:
    return pattern.episodes - pattern.quarantine.episodes, pattern.flaky_episodes - pattern.quarantine.flaky_episodes


def should_quarantine(pattern: Pattern, policy: QuarantinePolicy) -> bool:
    """Whether ``pattern`` goes into quarantine. What is resolved, deprecated, or broken on a default branch never does."""
    if pattern.status not in ("unresolved", "flaky") or pattern.broken:
        return False
    return _since(pattern)[0] >= policy.min_episodes and flaky_ratio(pattern) > policy.ratio


def judge(pattern: Pattern, policy: QuarantinePolicy, *, now_ms: int, clean_runs: int, quarantined: int) -> Judgement | None:
    """What becomes of ``pattern`` now; None when it stays as it is.

    ``clean_runs`` counts passing runs of its jobs since it failed last; ``quarantined`` how many patterns are in quarantine.
    """
    episodes, flaky = _since(pattern)
    share = f"flaky in {flaky} of {episodes} builds ({flaky_ratio(pattern):.0%})"
    if pattern.status != "quarantined":
        if not should_quarantine(pattern, policy) or quarantined >= policy.most:
            return None
        again = f", for the {pattern.quarantine.entries + 1}. time" if pattern.quarantine.entries else ""
        return Judgement("quarantined", share + again)
    if pattern.broken or (episodes >= policy.min_episodes and flaky_ratio(pattern) <= policy.leave_ratio):
        return Judgement("unresolved", f"released: it is broken, not flaky; {share} since")
    if clean_runs >= policy.clean_runs:
        return Judgement("flaky", f"released: {clean_runs} clean runs")
    if now_ms < pattern.quarantine.until_ms:
        return None
    if flaky:
        return Judgement("quarantined", f"goes on: {share} since")
    return Judgement("flaky", f"released: no failure in {policy.days} days, {clean_runs} clean runs")
