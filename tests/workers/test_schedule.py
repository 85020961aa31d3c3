"""What beat rings: in the sweeps' own queue, and never twice for one period."""

from __future__ import annotations

from ci_memory_workers import names
from ci_memory_workers.schedule import TRIM_SECONDS, beat_schedule
from ci_memory_workers.settings import Settings


def test_beat_rings_for_all_that_happens_by_the_clock_at_the_periods_of_the_settings() -> None:
    schedule = beat_schedule(Settings(ring_seconds=3, sweep_seconds=70))

    assert {entry["task"]: entry["schedule"] for entry in schedule.values()} == {
        names.RING: 3.0,
        names.AGE: 70.0,
        names.QUARANTINE: 70.0,
        names.TRIM: TRIM_SECONDS,
    }


def test_a_ring_waits_in_a_queue_of_its_own_and_no_longer_than_until_the_next() -> None:
    for entry in beat_schedule(Settings()).values():
        assert entry["options"] == {"queue": names.QUEUE_SWEEPS, "expires": entry["schedule"]}
