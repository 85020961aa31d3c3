"""What services need to say how long things took."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Meters(Protocol):
    """Durations, counted in buckets that all processes share. Measuring is no effect: what is repeated counts again."""

    def answered(self, tenant: str, waits_ms: Sequence[int]) -> None:
        """Known failures were answered, so many ms after the log took them in."""
        ...

    def swept(self, sweep: str, seconds: float) -> None:
        """A sweep was done."""
        ...
