"""When a pattern is too old to suggest anything."""

from __future__ import annotations

from .pattern import Pattern

DAY_MS = 86_400_000


def too_old(pattern: Pattern, *, now_ms: int, days: int) -> bool:
    """Whether ``pattern`` was not seen for ``days`` days, by the clock of the event log (clocks of runners lie)."""
    return pattern.status != "deprecated" and pattern.last_ms <= now_ms - days * DAY_MS


def aging_reason(pattern: Pattern, *, now_ms: int) -> str:
    """Why it is deprecated, for people."""
    return f"not seen for {(now_ms - pattern.last_ms) // DAY_MS} days"
