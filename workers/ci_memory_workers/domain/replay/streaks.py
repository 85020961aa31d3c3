"""Streaks of failures in the runs of one line, found in one pass: `domain.transitions` looks at 400 runs, replay at all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Literal

from .records import Record


@dataclass(slots=True)
class Streak:
    """Failures of one pattern in the runs of a line, in their order, until ``passing``; None where the line has not passed since.

    ``kind`` is `transitions.Transition.kind`, and ``open`` for a streak that goes on.
    """

    pattern_id: str
    failures: list[Record] = field(default_factory=list)
    passing: Record | None = None

    @property
    def kind(self) -> Literal["rerun", "fix", "open"]:
        """Whether the code changed before it passed."""
        last, passing = self.failures[-1], self.passing
        if passing is None:
            return "open"
        same = passing.run == last.run or (passing.commit == last.commit and passing.commit != "")
        return "rerun" if same else "fix"


def streaks(runs: Iterable[Record]) -> Iterator[Streak]:
    """The streaks in the runs of one line, in any order. In one attempt, a failure outweighs a pass."""
    going: dict[str, Streak] = {}
    ordered = sorted((run for run in runs if run.of_a_run), key=lambda run: (run.order, run.arrival))
    for _, attempt in groupby(ordered, key=lambda run: run.order):
        records = list(attempt)
        failures = [record for record in records if not record.passed]
        for failure in failures:
            going.setdefault(failure.pattern_id, Streak(failure.pattern_id)).failures.append(failure)
        if not failures:
            for streak in going.values():
                streak.passing = records[0]
            yield from going.values()
            going = {}
    yield from going.values()
