"""What services need of the way to the language model, which all workers share: its rate, its budget, and its breaker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

Closed = Literal["", "llm_rate_limited", "llm_budget_spent", "llm_paused"]
"""Why nobody is let in now; '' where one is."""
Outcome = Literal["answered", "failed"]


@dataclass(frozen=True, slots=True)
class Admission:
    """Whether one call may be made. ``ticket`` is for `LlmLane.leave`, 0 when it may not: then it may in ``wait_ms``."""

    ticket: int
    closed: Closed = ""
    wait_ms: int = 0
    tokens: int = 0
    day: int = 0


@dataclass(frozen=True, slots=True)
class LaneState:
    """How the lane stands. Tokens and calls are those of this day, UTC; ``tokens_per_day`` is 0 where there is no limit."""

    breaker: Literal["closed", "open", "half_open"]
    tokens: int
    tokens_per_day: int
    calls: int
    rate_per_minute: int
    waiting: int


class LlmLane(Protocol):
    """Lets calls to the language model through: so many a minute, so many tokens a day, the oldest failure first, and none while
    it is down, but for one that tries.
    """

    def enter(self, work_id: str, *, since_ms: int, tokens: int, now_ms: int) -> Admission:
        """Ask to make a call about a failure that was first seen at ``since_ms``; its ``tokens``, about so many, are booked."""
        ...

    def leave(
        self, admission: Admission, outcome: Outcome, *, now_ms: int, tokens: int | None = None, retry_after: float | None = None
    ) -> None:
        """Say how the call went, and what it used where that is known. ``retry_after`` is the model's own wish, in seconds."""
        ...
