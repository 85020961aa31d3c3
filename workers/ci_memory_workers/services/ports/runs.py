"""What services need of the runs of jobs, and of what is learned from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from ...domain.pattern import Fix, Span
from ...domain.transitions import Attempt, Transition


@dataclass(frozen=True, slots=True)
class Line:
    """The runs of one job on one branch; ``default`` where that is the repository's default branch.

    ``revision`` grows with every run that matters.
    """

    line_id: str
    repo: str
    default: bool
    revision: int
    attempts: tuple[Attempt, ...]

    @property
    def patterns(self) -> frozenset[str]:
        """Patterns that failed in these runs, as they were named then: some may be merged by now."""
        return frozenset().union(*(one.patterns for one in self.attempts))


class Runs(Protocol):
    """The runs of jobs by line, which is a job on a branch. Every method is one atomic step."""

    def line(self, tenant: str, line_id: str) -> Line:
        """The runs of one job on one branch, as far back as they are kept; empty where nothing is known."""
        ...

    def line_is_quiet(self, tenant: str, line: Line) -> bool:
        """Nothing is open in these runs: passes need not be looked at, until the job fails again.

        False when the line has changed since it was read, or holds a pattern in quarantine.
        """
        ...

    def outbreaks(self, tenant: str, pattern_ids: Sequence[str]) -> dict[str, tuple[Span, ...]]:
        """When the outbreaks of patterns were, by their ids."""
        ...

    def learned(self, tenant: str, line_id: str) -> dict[str, str]:
        """What was learned from a line's runs, as `keep_learned` was given it; empty where nothing was."""
        ...

    def keep_learned(self, tenant: str, line_id: str, learned: Mapping[str, str]) -> None:
        """Remember what was learned from a line's runs, in the place of what was remembered before."""
        ...

    def record_trial(
        self,
        tenant: str,
        transition: Transition,
        trial_id: str,
        fix: Fix,
        *,
        now_ms: int,
        outbreak: bool = False,
        superseded: Sequence[str] = (),
        no_longer_sure: Sequence[str] = (),
    ) -> bool:
        """Write what a transition says of a fix; a fix that a person reported for the repository takes the verdict instead.

        ``outbreak``: the failure belongs to one. Where the transition says nothing of a fix (the failure is flaky and did not
        persist, or the outbreak ended by itself), what was written of it is taken back. It takes the place of the ``superseded``
        trials; those that are ``no_longer_sure`` do not keep an unsure one out. False when nothing changed.
        """
        ...

    def record_rerun(
        self,
        tenant: str,
        transition: Transition,
        transition_id: str,
        *,
        repo: str,
        now_ms: int,
        outbreak: bool = False,
        superseded: Sequence[str] = (),
    ) -> bool:
        """Count a flaky episode that another build of the same commit shows; of an ``outbreak``, that it ended by itself.

        False when it was counted before, be it by a ``superseded`` id, or passed too late to say anything of a failure that was
        never flaky before.
        """
        ...

    def withdraw_learned(self, tenant: str, pattern_id: str, transition_id: str, *, repo: str, commit: str, now_ms: int) -> bool:
        """Take back what was recorded of a transition that is none, now that more of its job's runs were read.

        ``commit`` is the one that it seemed to pass with. False when nothing was recorded of it.
        """
        ...

    def forget_streaks(self, tenant: str, streaks: Sequence[tuple[str, str]]) -> None:
        """Let go of what kept transitions (pattern id, transition id) from being recorded twice: their runs are gone."""
        ...

    def idle_lines(self, tenant: str, limit: int) -> tuple[list[str], bool]:
        """Lines among the next ``limit`` or so that failed once and have not run for more than a month.

        And whether those were the last: then the next call begins anew.
        """
        ...

    def forget_line(self, tenant: str, line: Line, now_ms: int) -> bool:
        """Forget an idle line's runs: its patterns look for no clean runs there, and are not broken by it. False where it has run
        again.
        """
        ...

    def clean_runs(self, tenant: str, pattern_id: str) -> int:
        """How many runs passed since the pattern failed last anywhere, by the log's clock.

        The sum over the lines that it failed in; of many lines, not all are looked at. 0 where the pattern is unknown.
        """
        ...

    def set_broken(self, tenant: str, pattern_id: str, line_id: str, broken: bool, now_ms: int) -> bool:
        """Say whether a pattern is broken on a default branch. False when that was known."""
        ...
