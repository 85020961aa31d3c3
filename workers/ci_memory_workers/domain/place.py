"""What is known of a pattern, as far as it holds where a failure was seen: in its repository, on its branch, in its job."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from .confidence import best
from .flaky import FLAKY_THERE
from .pattern import Fix, Pattern
from .transitions import STICKS_MS, Attempt, broken_patterns, transitions


def depends_on_place(pattern: Pattern, *, repo: str, ms: int) -> bool:
    """Whether an answer to a failure in ``repo`` at ``ms`` takes a look at the runs there. Most don't."""
    return pattern.status == "quarantined" or _tried_lately(pattern.fix, repo, ms)


def as_it_is_there(pattern: Pattern, attempts: Sequence[Attempt], *, repo: str, ms: int, flaky_there: int) -> Pattern:
    """``pattern`` as an answer to a failure in ``repo`` at ``ms`` should show it; ``attempts`` are the runs there, this one too.

    A quarantine holds where the failure was flaky before (``flaky_there`` episodes), and not for what fails commit after commit:
    that is broken. A fix that was tried there, and after which the failure is back by now, is not suggested before better ones.
    """
    if pattern.status == "quarantined" and (flaky_there < FLAKY_THERE or pattern.pattern_id in broken_patterns(attempts)):
        pattern = replace(pattern, status="flaky")
    fix = pattern.fix
    if fix is None or not _tried_lately(fix, repo, ms) or not _did_not_stick(pattern.pattern_id, fix, attempts):
        return pattern
    refuted = replace(fix, learned_worked=max(0, fix.learned_worked - 1), learned_failed=fix.learned_failed + 1, pending=0)
    fixes = tuple(refuted if one.fix_id == fix.fix_id else one for one in pattern.fixes)
    return replace(pattern, fixes=fixes, fix=best(fixes, flaky=False, now_ms=ms))


def _tried_lately(fix: Fix | None, repo: str, ms: int) -> bool:
    return fix is not None and fix.learned and fix.repo == repo and 0 < ms - fix.resolved_ms < STICKS_MS


def _did_not_stick(pattern_id: str, fix: Fix, attempts: Iterable[Attempt]) -> bool:
    return any(
        one.pattern_id == pattern_id and one.passing.commit == fix.commit and one.verdict == "failed"
        for one in transitions(attempts)
    )
