"""Outbreaks, as ``apply_batch.lua`` sees them: one failure in many builds of many repositories within minutes."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from itertools import islice

from ..pattern import OUTBREAK_TAIL_MS, OUTBREAK_WINDOW_MS

BUILDS, REPOSITORIES, LOOKED_AT = 8, 4, 64
"""From how many builds of how many repositories on it is one; the repositories are those of the newest 64 builds."""


class OutbreakWatch:
    """The outbreaks of one pattern, past ones included. Feed it each failing build once, in the order of time."""

    def __init__(self) -> None:
        self._burst: deque[tuple[int, str]] = deque()
        self._spans: list[tuple[int, int]] = []

    def add(self, ms: int, repo: str) -> None:
        """A build of ``repo`` failed at ``ms``."""
        self._burst.append((ms, repo))
        while self._burst[0][0] <= ms - OUTBREAK_WINDOW_MS:
            self._burst.popleft()
        if self._spans and ms - self._spans[-1][1] <= OUTBREAK_TAIL_MS:
            self._spans[-1] = (self._spans[-1][0], ms)
        elif len(self._burst) >= BUILDS and self._repositories() >= REPOSITORIES:
            self._spans.append((self._burst[0][0], ms))

    def _repositories(self) -> int:
        return len({repo for _, repo in islice(reversed(self._burst), LOOKED_AT)})

    def covers(self, ms: int) -> bool:
        """Whether a failure at ``ms`` belongs to an outbreak that is known by now."""
        at = bisect_right(self._spans, ms, key=lambda span: span[0]) - 1
        return at >= 0 and ms <= self._spans[at][1] + OUTBREAK_TAIL_MS
