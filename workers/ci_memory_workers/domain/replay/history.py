"""What happened, in the order of time, whatever the policy: failures, flaky episodes, fixes, runs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from .counting import Counting
from .records import Build, Record
from .regressions import Regression, regressions
from .streaks import Streak, streaks


@dataclass(frozen=True, slots=True)
class Happening:
    """One step of the past. ``counts`` says of a failure that it begins an episode that counts.

    ``record`` is the failure or the pass; of what was derived, the record that made it known.
    """

    ms: int
    kind: Literal["failed", "flaky", "fixed", "passed"]
    pattern_id: str
    record: Record
    counts: bool = False


@dataclass(frozen=True, slots=True)
class History:
    """All that happened, and which failing builds were real regressions. ``first_ms`` and ``last_ms`` are 0 where nothing did."""

    happenings: tuple[Happening, ...] = ()
    regressions: dict[Build, Regression] = field(default_factory=dict)
    first_ms: int = 0
    last_ms: int = 0
    failures: int = 0
    passes: int = 0
    builds: int = 0
    patterns: int = 0

    @property
    def matched(self) -> int:
        """Failures of a pattern that had failed before in these records."""
        return self.failures - self.patterns


def history_of(records: Iterable[Record]) -> History:
    """The history that ``records`` tell, in whatever order they come. Holds all of them; linear in them, but for sorting."""
    ordered = sorted(records, key=lambda record: record.arrival)
    if not ordered:
        return History()
    counting = Counting()
    happenings: list[Happening] = []
    for record in ordered:
        happenings += _counted(record, counting)
    real: dict[Build, Regression] = {}
    for runs in _lines(ordered):
        found = list(streaks(runs))
        happenings += [one for streak in found for one in _derived(streak, counting)]
        real |= regressions(runs, found, counting)
    # Stable: what was counted comes before what the same moment's runs say.
    happenings.sort(key=lambda one: one.ms)
    failures = [record for record in ordered if not record.passed]
    return History(
        happenings=tuple(happenings),
        regressions=real,
        first_ms=ordered[0].ms,
        last_ms=ordered[-1].ms,
        failures=len(failures),
        passes=len(ordered) - len(failures),
        builds=len({record.place for record in ordered}),
        patterns=len({record.pattern_id for record in failures}),
    )


def _counted(record: Record, counting: Counting) -> Iterator[Happening]:
    if record.passed:
        yield Happening(record.ms, "passed", "", record)
        for pattern_id in counting.passed(record):
            yield Happening(record.ms, "flaky", pattern_id, record)
        return
    counts, flaky = counting.failure(record)
    yield Happening(record.ms, "failed", record.pattern_id, record, counts)
    if flaky:
        yield Happening(record.ms, "flaky", record.pattern_id, record)


def _lines(ordered: Iterable[Record]) -> Iterable[list[Record]]:
    lines: dict[str, list[Record]] = defaultdict(list)
    for record in ordered:
        if record.of_a_run:
            lines[record.line].append(record)
    return lines.values()


def _derived(streak: Streak, counting: Counting) -> Iterator[Happening]:
    """What `services.learning` makes of a streak that ended."""
    last, passing = streak.failures[-1], streak.passing
    if passing is None or counting.in_outbreak(last):
        return
    ms = max(passing.ms, last.ms)
    if streak.kind == "fix" and not last.mixed:
        yield Happening(ms, "fixed", streak.pattern_id, passing)
    # A later attempt of the same run was counted with its build.
    elif streak.kind == "rerun" and passing.run != last.run and not counting.too_late(last.build, passing.ms):
        yield Happening(ms, "flaky", streak.pattern_id, passing)
