"""The runs of one line as they were known at a time: what is broken now, and how often it passed since a pattern failed."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort

from ..transitions import Attempt, broken_patterns
from .records import Record

MOST_RUNS = 400
"""Runs that the memory keeps of a line: what is older is not looked at for what is broken."""


class LiveLine:
    """Feed it the runs of a line as they arrive."""

    def __init__(self) -> None:
        self.broken: frozenset[str] = frozenset()
        self._passes: list[tuple[int, int]] = []
        self._failed: set[tuple[int, int]] = set()
        self._last_failure: dict[str, tuple[int, int]] = {}
        self._newest: list[Attempt] = []

    def add(self, record: Record) -> None:
        """A run arrived, perhaps after later ones."""
        if record.passed:
            self._add_pass(record.order)
        else:
            self._add_failure(record)
        if record.default:
            self._find_broken(record)

    def _add_pass(self, order: tuple[int, int]) -> None:
        """Once an attempt, however many of its steps say that they passed."""
        at = bisect_left(self._passes, order)
        if order not in self._failed and self._passes[at : at + 1] != [order]:
            self._passes.insert(at, order)

    def _add_failure(self, record: Record) -> None:
        self._failed.add(record.order)
        self._last_failure[record.pattern_id] = max(self._last_failure.get(record.pattern_id, record.order), record.order)
        # In one attempt, a failure outweighs a pass.
        at = bisect_left(self._passes, record.order)
        if self._passes[at : at + 1] == [record.order]:
            self._passes.pop(at)

    def _find_broken(self, record: Record) -> None:
        """What is broken now. Only what follows the last pass can be; the pass before it is where looking may begin, for a
        failure in the attempt of the last one undoes it.
        """
        begin = self._passes[-2] if len(self._passes) > 1 else (-1, -1)
        if record.order < begin:
            return
        attempt = Attempt(
            run=record.run,
            attempt=record.attempt,
            commit=record.commit,
            ms=record.ms,
            passed=record.passed,
            patterns=frozenset({record.pattern_id} - {""}),
        )
        insort(self._newest, attempt, key=lambda one: one.order)
        since = bisect_left(self._newest, begin, key=lambda one: one.order)
        self._newest = self._newest[max(since, len(self._newest) - MOST_RUNS) :]
        self.broken = broken_patterns(self._newest)

    def clean_runs(self, pattern_id: str) -> int:
        """How many runs passed since ``pattern_id`` failed last; 0 where it never failed here."""
        last = self._last_failure.get(pattern_id)
        return len(self._passes) - bisect_right(self._passes, last) if last is not None else 0
