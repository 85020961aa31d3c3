"""Episodes and flaky episodes, counted from records as ``apply_batch.lua`` counts them from events.

An episode is a build and job in which a pattern failed. It is flaky when a later attempt of the job passes in the same build (the
whole job, or the test that failed). Mass failures and outbreaks speak for neither, and a pass that comes late makes nothing flaky
that was not so before.
"""

from __future__ import annotations

from collections import defaultdict
from heapq import heappop, heappush

from ..flaky import PROMPT_MS
from .outbreak_watch import OutbreakWatch
from .records import Build, Record


class Counting:
    """What was counted so far. Feed it records in the order of time. ``flaky`` holds the builds of flaky episodes."""

    def __init__(self) -> None:
        self.flaky: set[Build] = set()
        self._flaky_patterns: set[str] = set()
        self._episodes: dict[Build, tuple[int, bool]] = {}
        self._outbreaks: dict[str, OutbreakWatch] = defaultdict(OutbreakWatch)
        # By what a pass may speak for, a whole job (the test is '') or a single test: attempts that failed, lowest first.
        self._failing: dict[tuple[str, str, str], list[tuple[int, str]]] = defaultdict(list)
        self._passed: dict[tuple[str, str, str], int] = {}

    def failure(self, record: Record) -> tuple[bool, bool]:
        """Whether a failure begins an episode that counts, and whether its episode is flaky by now and was not before."""
        counts = record.build not in self._episodes and self._begins(record)
        for test in {"", record.test}:
            heappush(self._failing[record.place, record.job, test], (record.attempt, record.pattern_id))
        return counts, self._passed_later(record) and self._turns_flaky(record.build)

    def passed(self, record: Record) -> list[str]:
        """Patterns whose episodes a pass makes flaky, in their order."""
        where = record.place, record.job, record.test
        self._passed[where] = max(self._passed.get(where, 0), record.attempt)
        failing = self._failing.get(where, [])
        found, late = set(), []
        while failing and failing[0][0] < record.attempt:
            failure = heappop(failing)
            if self.too_late((record.place, record.job, failure[1]), record.ms):
                late.append(failure)
            else:
                found.add(failure[1])
        for failure in late:
            heappush(failing, failure)
        return [pattern_id for pattern_id in sorted(found) if self._turns_flaky((record.place, record.job, pattern_id))]

    def too_late(self, build: Build, passed_ms: int) -> bool:
        """Whether a pass at ``passed_ms`` says nothing of a failing build: of a failure that was never flaky, hours before."""
        return passed_ms - self._episodes[build][0] > PROMPT_MS and build[2] not in self._flaky_patterns

    def in_outbreak(self, record: Record) -> bool:
        """Whether a failure belongs to an outbreak."""
        watch = self._outbreaks.get(record.pattern_id)
        return watch is not None and watch.covers(record.ms)

    def _begins(self, record: Record) -> bool:
        self._episodes[record.build] = record.ms, record.mass
        watch = self._outbreaks[record.pattern_id]
        watch.add(record.ms, record.repo)
        return not record.mass and not watch.covers(record.ms)

    def _passed_later(self, record: Record) -> bool:
        whole = self._passed.get((record.place, record.job, ""), 0)
        single = self._passed.get((record.place, record.job, record.test), 0)
        return max(whole, single) > record.attempt

    def _turns_flaky(self, build: Build) -> bool:
        ms, mass = self._episodes[build]
        if build in self.flaky or mass or self._outbreaks[build[2]].covers(ms):
            return False
        self.flaky.add(build)
        self._flaky_patterns.add(build[2])
        return True
