"""The runs of one line as they were known at a time: what is broken now, and how often it passed since."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort

from ..transitions import Attempt, broken_patterns
from .records import Record

MOST_RUNS = 400
"""Runs that the memory keeps of a line: what is older is not looked at for what is broken."""

Order = tuple[int, int]


class LiveLine:
    """Feed it the runs of a line as they arrive."""

    def __init__(self) -> None:
        self._passes: list[Order] = []
        self._passed_ms: dict[Order, int] = {}
        self._pass_times: list[int] = []
        self._failed: dict[Order, tuple[str, set[str]]] = {}
        self._failed_orders: list[Order] = []

    def add(self, record: Record) -> None:
        """A run arrived, perhaps after later ones, never with an earlier ``ms``. In one attempt, a failure outweighs a pass."""
        order = record.order
        at = bisect_left(self._passes, order)
        known = self._passes[at : at + 1] == [order]
        if record.passed:
            if not known and order not in self._failed:
                self._passes.insert(at, order)
                self._passed_ms[order] = record.ms
                insort(self._pass_times, record.ms)
            return
        if known:
            self._passes.pop(at)
            self._pass_times.pop(bisect_left(self._pass_times, self._passed_ms.pop(order)))
        if order not in self._failed:
            self._failed[order] = record.commit, set()
            self._failed_orders.insert(bisect_left(self._failed_orders, order), order)
        self._failed[order][1].add(record.pattern_id)

    def broken(self) -> frozenset[str]:
        """What fails now, and did on several commits since the line last passed: `transitions.broken_patterns`."""
        since = bisect_right(self._failed_orders, self._passes[-1]) if self._passes else 0
        return broken_patterns(
            Attempt(run=run, attempt=attempt, commit=commit, ms=0, passed=False, patterns=frozenset(patterns))
            for run, attempt in self._failed_orders[max(since, len(self._failed_orders) - MOST_RUNS) :]
            for commit, patterns in [self._failed[run, attempt]]
        )

    def clean_runs(self, last_ms: int) -> int:
        """How many runs passed and came in after ``last_ms``: `transitions.clean_runs` of this line alone."""
        return len(self._pass_times) - bisect_right(self._pass_times, last_ms)
