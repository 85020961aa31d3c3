"""How often one process may call the server."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

from ci_memory_workers.errors import KnowledgeNotAsked

WINDOW = 60.0
"""Seconds that the server's limit looks back."""


class RateWindow:
    """At most ``per_minute`` calls in any 60 seconds, as the server counts them; 0 means no limit. Never blocks.

    ``clock`` is a monotonic clock in seconds. Every process counts for itself: with several, give each its share.
    """

    def __init__(self, per_minute: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_minute = per_minute
        self._clock = clock
        self._guard = threading.Lock()
        self._taken: deque[float] = deque()
        self._closed_until = 0.0

    def take(self) -> None:
        """Count one call. Raises `KnowledgeNotAsked` with the seconds to wait where the minute is used up."""
        with self._guard:
            now = self._clock()
            if now < self._closed_until:
                raise _limited("the server limits the rate", self._closed_until - now)
            while self._taken and self._taken[0] <= now - WINDOW:
                self._taken.popleft()
            if 0 < self._per_minute <= len(self._taken):
                raise _limited(f"{self._per_minute} calls a minute are used up", self._taken[0] + WINDOW - now)
            if self._per_minute > 0:
                self._taken.append(now)

    def close_for(self, seconds: float) -> None:
        """Refuse calls for ``seconds``: the server said so."""
        with self._guard:
            self._closed_until = max(self._closed_until, self._clock() + seconds)


def _limited(why: str, seconds: float) -> KnowledgeNotAsked:
    return KnowledgeNotAsked(f"Aegis is not asked now: {why}, try in {seconds:.0f} s", retry_after=seconds)
