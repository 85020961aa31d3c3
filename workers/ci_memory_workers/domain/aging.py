"""When a pattern is too old to suggest anything, and when a fix is too old to be trusted as before."""

from __future__ import annotations

from .pattern import Fix, Pattern

DAY_MS = 86_400_000
FIX_DAYS = 90
"""How long a fix is trusted after it last proved itself …"""
FIX_DAYS_CHANGED = 30
"""… and how long where the dependency, image or file that it changed was changed again since."""


def too_old(pattern: Pattern, *, now_ms: int, days: int) -> bool:
    """Whether ``pattern`` was not seen for ``days`` days, by the clock of the event log (clocks of runners lie)."""
    return pattern.status != "deprecated" and pattern.last_ms <= now_ms - days * DAY_MS


def aging_reason(pattern: Pattern, *, now_ms: int) -> str:
    """Why it is deprecated, for people."""
    return f"not seen for {(now_ms - pattern.last_ms) // DAY_MS} days"


def outdated(fix: Fix, *, now_ms: int) -> bool:
    """Whether ``fix`` did not prove itself for so long that it may not apply any more. What a person pinned never is."""
    days = FIX_DAYS_CHANGED if fix.changed_since else FIX_DAYS
    return not fix.pinned and fix.proved_ms <= now_ms - days * DAY_MS
