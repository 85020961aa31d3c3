"""What services need to say how long things took."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from .llm_lane import Outcome


class Meters(Protocol):
    """Durations, counted in buckets that all processes share. Measuring is no effect: what is repeated counts again."""

    def answered(self, tenant: str, waits_ms: Sequence[int]) -> None:
        """Known failures were answered, so many ms after the log took them in."""
        ...

    def swept(self, sweep: str, seconds: float) -> None:
        """A sweep was done."""
        ...

    def asked(self, outcome: Outcome, tokens: int, seconds: float) -> None:
        """A call to the language model is over: what it used, or what was expected of it where nobody said."""
        ...
