"""What beat rings, and how often. A ring that nobody answers before the next is dropped. See `beat` for who sends it."""

from __future__ import annotations

from typing import Any

from . import names
from .settings import Settings

TRIM_SECONDS = 10.0
"""How often entries that are done with are dropped: at full rate, a quarter of a million come in meanwhile."""


def beat_schedule(settings: Settings) -> dict[str, dict[str, Any]]:
    """The schedule for Celery's beat. Periods in seconds."""
    periods = {
        names.RING: settings.ring_seconds,
        names.AGE: settings.sweep_seconds,
        names.QUARANTINE: settings.sweep_seconds,
        names.TRIM: TRIM_SECONDS,
    }
    return {
        name: {"task": name, "schedule": seconds, "options": {"queue": names.QUEUE_SWEEPS, "expires": seconds}}
        for name, seconds in periods.items()
    }
