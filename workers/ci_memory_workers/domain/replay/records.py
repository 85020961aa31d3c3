"""What replay reads: events without their texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

Build: TypeAlias = tuple[str, str, str]
"""A failing build of one pattern: place, job, pattern id. A flaky episode is one of these."""


@dataclass(frozen=True, slots=True)
class Record:
    """A failure of ``pattern_id``, or a pass, where that is ''. ``ms`` is when the log took it, since the epoch.

    ``place`` is 'repo#build'; ``job`` and ``test`` are digests, ``test`` '' for a whole job. ``line`` stands for one job on one
    branch, as far as is known: where it is ``mixed``, several branches have one. '' where nothing says which runs follow another.
    ``mass`` says that most tests of the run failed.
    """

    ms: int
    pattern_id: str
    place: str
    job: str
    attempt: int
    test: str
    run: int
    commit: str
    repo: str
    line: str
    default: bool = False
    mixed: bool = False
    mass: bool = False

    @property
    def passed(self) -> bool:
        """Whether it passed."""
        return not self.pattern_id

    @property
    def order(self) -> tuple[int, int]:
        """Where it stands among the runs of its line."""
        return self.run, self.attempt

    @property
    def build(self) -> Build:
        """Where it happened, and what."""
        return self.place, self.job, self.pattern_id

    @property
    def of_a_run(self) -> bool:
        """Whether it says how a run of its line ended: a pass of a single test does not."""
        return bool(self.line) and not (self.passed and self.test)

    @property
    def arrival(self) -> tuple[int, bool, str, str, int, str, str, int]:
        """What orders records of any order of delivery alike: time first, then failures before passes."""
        return self.ms, self.passed, self.place, self.job, self.attempt, self.test, self.pattern_id, self.run
