"""What beat rings, and how often. A ring that nobody answers before the next is dropped."""

from __future__ import annotations

from typing import Any

from . import names
from .settings import Settings

TRIM_SECONDS = 60.0


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
