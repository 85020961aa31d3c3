"""Queue ``sweeps``: what beat rings. A queue of its own, so that a ring never waits behind the drains that it is to start."""

from __future__ import annotations

from celery import signals

from .. import names
from ..app import app
from ..bootstrap import now_ms
from .process import container


@app.task(name=names.RING, max_retries=3)
def ring() -> dict[str, int]:
    """Start a drain in every free slot, and ring for overdue work. Returns how many of each."""
    box = container()
    # Drains that wait for a worker will take the free slots: more of them would only pile up.
    waiting = box.bell.waiting(names.QUEUE_INGEST)
    free = box.slots.free(box.settings.slots) if waiting < box.settings.slots else []
    for slot in free:
        app.send_task(names.DRAIN, args=[slot], queue=names.QUEUE_INGEST)
    return {"drains": len(free), "rings": box.sweeper.ring(now_ms())}


@signals.worker_ready.connect
def _ring_at_once(**_: object) -> None:
    # Beat's first ring comes a period after its start: a new worker need not wait for it.
    ring.apply_async()


@app.task(name=names.AGE, max_retries=3)
def age() -> int:
    """Deprecate what was not seen for long. Returns how many patterns."""
    return len(container().sweeper.age(now_ms()))


@app.task(name=names.QUARANTINE, max_retries=3)
def quarantine() -> int:
    """Quarantine what is flaky too often, release what no longer is. Returns how many patterns."""
    return len(container().sweeper.judge_flaky(now_ms()))


@app.task(name=names.TRIM, max_retries=3)
def trim() -> int:
    """Reclaim what slots that no longer exist were given, and drop entries that are done with. Returns how many were dropped."""
    box = container()
    box.log.reclaim(box.settings.slots, int(box.settings.slot_lease_seconds * 2000))
    return box.log.trim()
