"""When something that fails is left alone, and for how long."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BreakerPolicy:
    """After ``failures`` failed calls in a row nobody asks for ``pause_s`` seconds, then one tries; twice as long after each try
    that fails again, up to ``longest_pause_s``. A try that says nothing for ``call_s`` has died.
    """

    failures: int
    pause_s: float
    longest_pause_s: float
    call_s: float
