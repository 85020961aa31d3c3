"""How sure a suggestion may be."""

from __future__ import annotations

from collections.abc import Iterable
from math import sqrt

from .aging import outdated
from .pattern import Fix

LEARNED_WEIGHT = 0.5
"""What a success counts that nobody reported: the commit may have changed other things too. A failure counts in full."""


def confidence(worked: float, failed: float) -> float:
    """The chance that a fix works again, less one standard deviation: between 0 and 1, and 0 where nothing was tried.

    Outcomes are Bernoulli trials under a uniform prior, so the posterior is Beta(1 + worked, 1 + failed). Its mean is
    a / (a + b), its variance ab / ((a + b)^2 (a + b + 1)) (Gelman et al., Bayesian Data Analysis, appendix A). Taking a standard
    deviation off keeps one success (.43) below seven of eight (.68). Outcomes may be weighted below 1.
    """
    if worked + failed == 0:
        return 0.0
    a, b = 1 + worked, 1 + failed
    deviation = sqrt(a * b / ((a + b) ** 2 * (a + b + 1)))
    return round(max(0.0, a / (a + b) - deviation), 4)


def confidence_in(fix: Fix) -> float:
    """`confidence` from the outcomes of ``fix``: what was inferred weighs less than what was reported."""
    return confidence(fix.worked + LEARNED_WEIGHT * fix.learned_worked, fix.all_failed)


def best(fixes: Iterable[Fix], *, flaky: bool, now_ms: int = 0) -> Fix | None:
    """The fix to suggest: the one to be surest of, the newest among equals. A better fix overtakes a worse one by itself.

    A person outranks that: what is pinned comes first, what is vetoed never. A ``flaky`` failure goes away by itself, so that the
    commit after which it passed fixed nothing: of such a pattern only what a person reported or pinned is suggested. What is
    outdated at ``now_ms`` comes after what is not.
    """
    allowed = (fix for fix in fixes if fix.pinned or _stands(fix, flaky=flaky))

    def rank(fix: Fix) -> tuple[bool, bool, float, int]:
        return fix.pinned, not outdated(fix, now_ms=now_ms), confidence_in(fix), fix.resolved_ms

    return max(allowed, key=rank, default=None)


def _stands(fix: Fix, *, flaky: bool) -> bool:
    if fix.vetoed or (flaky and fix.worked + fix.failed == 0):
        return False
    return fix.all_worked + fix.all_failed + fix.pending > 0
