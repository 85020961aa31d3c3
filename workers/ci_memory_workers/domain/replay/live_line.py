"""The runs of one line as they were known at a time: what is broken now, and how often it passed since a pattern failed."""

from __future__ import annotations

from bisect import bisect_left, bisect_right

from ..transitions import Attempt, broken_patterns
from .records import Record

MOST_RUNS = 400
"""Runs that the memory keeps of a line: what is older is not looked at for what is broken."""

Order = tuple[int, int]


class LiveLine:
    """Feed it the runs of a line as they arrive."""

    def __init__(self) -> None:
        self._passes: list[Order] = []
        self._last_failure: dict[str, Order] = {}
        self._failed: dict[Order, tuple[str, set[str]]] = {}
        self._failed_orders: list[Order] = []

    def add(self, record: Record) -> None:
        """A run arrived, perhaps after later ones. In one attempt, a failure outweighs a pass."""
        order = record.order
        at = bisect_left(self._passes, order)
        known = self._passes[at : at + 1] == [order]
        if record.passed:
            if not known and order not in self._failed:
                self._passes.insert(at, order)
            return
        if known:
            self._passes.pop(at)
        self._last_failure[record.pattern_id] = max(self._last_failure.get(record.pattern_id, order), order)
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

    def clean_runs(self, pattern_id: str) -> int:
        """How many runs passed since ``pattern_id`` failed last; 0 where it never failed here."""
        last = self._last_failure.get(pattern_id)
        return len(self._passes) - bisect_right(self._passes, last) if last is not None else 0
