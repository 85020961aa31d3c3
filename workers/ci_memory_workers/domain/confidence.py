"""How sure a suggestion may be."""

from __future__ import annotations

from collections.abc import Iterable
from math import sqrt

from .aging import outdated
from .pattern import Fix

PRIOR_WORKED, PRIOR_FAILED = 0.3, 0.15
"""What is known of a fix before its first outcome, in outcomes: of fixes in general."""
CERTAIN = 0.9999
"""Nothing is surer than that."""
PENDING_WEIGHT = 0.3
"""What a trial without a verdict counts as a success: its job passed once, and the failure was not seen again."""


def confidence(worked: float, failed: float, pending: float = 0.0) -> float:
    """The chance that a fix works when it is used next: between 0 and 1, and 0 where it was never tried.

    Outcomes are Bernoulli trials under a Beta prior, so the posterior is Beta(a, b) with a = prior + worked, b = prior + failed,
    and this is its mean a / (a + b) (Gelman et al., Bayesian Data Analysis, appendix A).
    """
    if worked + failed + pending <= 0:
        return 0.0
    a, b = _posterior(worked, failed, pending)
    return min(CERTAIN, round(a / (a + b), 4))


def at_least(worked: float, failed: float, pending: float = 0.0) -> float:
    """`confidence` less one standard deviation of the posterior, ab / ((a + b)^2 (a + b + 1)): what the evidence allows to say.

    Fixes are compared by it: one success stands below seven of eight.
    """
    if worked + failed + pending <= 0:
        return 0.0
    a, b = _posterior(worked, failed, pending)
    deviation = sqrt(a * b / ((a + b) ** 2 * (a + b + 1)))
    return round(max(0.0, a / (a + b) - deviation), 4)


def _posterior(worked: float, failed: float, pending: float) -> tuple[float, float]:
    return PRIOR_WORKED + worked + PENDING_WEIGHT * pending, PRIOR_FAILED + failed


def confidence_in(fix: Fix) -> float:
    """`confidence` from the outcomes of ``fix``, whoever saw them."""
    return confidence(fix.all_worked, fix.all_failed, fix.pending)


def at_least_in(fix: Fix) -> float:
    """`at_least` from the outcomes of ``fix``."""
    return at_least(fix.all_worked, fix.all_failed, fix.pending)


def best(fixes: Iterable[Fix], *, flaky: bool, now_ms: int = 0) -> Fix | None:
    """The fix to suggest: the one to be surest of. A better fix overtakes a worse one by itself. Among equals a person's report
    comes first, the newest; of what was learned that comes first which was not refuted for longest.

    A person outranks that: what is pinned comes first, what is vetoed never. A ``flaky`` failure goes away by itself, so that the
    commit after which it passed fixed nothing: of such a pattern only what a person reported or pinned is suggested. What is
    outdated at ``now_ms`` comes after what is not.
    """
    allowed = (fix for fix in fixes if fix.pinned or _stands(fix, flaky=flaky))

    def rank(fix: Fix) -> tuple[bool, bool, float, bool, int]:
        age = -fix.resolved_ms if fix.learned else fix.resolved_ms
        return fix.pinned, not outdated(fix, now_ms=now_ms), at_least_in(fix), not fix.learned, age

    return max(allowed, key=rank, default=None)


def _stands(fix: Fix, *, flaky: bool) -> bool:
    if fix.vetoed or (flaky and fix.worked + fix.failed == 0):
        return False
    return fix.all_worked + fix.all_failed + fix.pending > 0
