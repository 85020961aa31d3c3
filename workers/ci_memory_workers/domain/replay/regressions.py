"""Which failing builds were real: a commit ended them rather than a rerun, or they were broken on a default branch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from ..transitions import COMMITS_TO_BREAK
from .counting import Counting
from .records import Build, Record
from .streaks import Streak


@dataclass(frozen=True, slots=True)
class Regression:
    """A streak of failures that were real.

    ``why``: a commit ended it (``fixed``, by ``fixed_by``), or it failed on several commits in a row of a default branch
    (``broken``). ``failures`` counts attempts and ``commits`` commits that failed, without builds that passed when run again.
    """

    pattern_id: str
    repo: str
    why: Literal["fixed", "broken"]
    fixed_by: str
    failures: int
    commits: int
    first_ms: int

    @property
    def certain(self) -> bool:
        """Whether it failed more than once. One failure that nobody ran again may have been flaky after all."""
        return self.failures > 1


def regressions(runs: list[Record], found: Iterable[Streak], counting: Counting) -> dict[Build, Regression]:
    """The failing builds of one line that were real, by the streaks that were ``found`` in its ``runs``.

    A build that passed when it was run again, in the same build or in another of its commit, was none; nor one in an outbreak.
    """
    passed = {run.commit for run in runs if run.of_a_run and run.passed and run.commit}
    real: dict[Build, Regression] = {}
    for streak in found:
        failures = [
            failure
            for failure in streak.failures
            if failure.build not in counting.flaky and failure.commit not in passed and not counting.in_outbreak(failure)
        ]
        regression = _regression(streak, failures)
        if regression:
            real |= {failure.build: regression for failure in failures}
    return real


def _regression(streak: Streak, failures: list[Record]) -> Regression | None:
    commits = {failure.commit for failure in failures}
    why: Literal["fixed", "broken"]
    if failures and streak.kind == "fix":
        why = "fixed"
    elif failures and failures[0].default and len(commits) >= COMMITS_TO_BREAK:
        why = "broken"
    else:
        return None
    return Regression(
        pattern_id=streak.pattern_id,
        repo=failures[0].repo,
        why=why,
        fixed_by=streak.passing.commit if streak.passing and why == "fixed" else "",
        failures=len({(failure.build, failure.attempt) for failure in failures}),
        commits=len(commits),
        first_ms=min(failure.ms for failure in failures),
    )
