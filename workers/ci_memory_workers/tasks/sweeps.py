"""Queue ``sweeps``: what beat rings. A queue of its own, so that a ring never waits behind the drains that it is to start."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from celery import signals

from .. import names
from ..adapters.sweep_lock import HeldSweep
from ..app import app
from ..bootstrap import now_ms
from .process import container, stopping


@app.task(name=names.RING, max_retries=3)
def ring() -> dict[str, int]:
    """Start a drain in every free slot, ring for overdue work, say how long the log may be. Returns how many of the former."""
    box = container()
    with _timed(names.RING):
        box.log_limit.announce()
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


@contextmanager
def _sweeping(name: str) -> Iterator[HeldSweep | None]:
    """The lock of a sweep, None where another has it; how long the sweep took is measured."""
    with container().sweep_lock.held(name) as held:
        if held:
            with _timed(name):
                yield held
        else:
            yield None


@contextmanager
def _timed(name: str) -> Iterator[None]:
    began = time.monotonic()
    yield
    container().meters.swept(name, time.monotonic() - began)


@app.task(name=names.AGE, max_retries=3)
def age() -> int:
    """Deprecate what was not seen for long, and forget jobs that run no more. Returns how many patterns; 0 if another does."""
    box = container()
    with _sweeping(names.AGE) as held:
        if not held:
            return 0

        def go_on() -> bool:
            return held.renew() and not stopping()

        aged = box.sweeper.age(now_ms(), go_on=go_on)
        box.sweeper.forget_idle_lines(now_ms(), go_on=go_on)
        return len(aged)


@app.task(name=names.QUARANTINE, max_retries=3)
def quarantine() -> int:
    """Quarantine what is flaky too often, release what no longer is. Returns how many patterns; 0 when another sweep does."""
    box = container()
    with _sweeping(names.QUARANTINE) as held:
        return len(box.sweeper.judge_flaky(now_ms(), go_on=lambda: held.renew() and not stopping())) if held else 0


@app.task(name=names.TRIM, max_retries=3)
def trim() -> int:
    """Reclaim what slots that no longer exist were given, and drop entries that are done with. Returns how many were dropped."""
    box = container()
    with _timed(names.TRIM):
        box.log.reclaim(box.settings.slots, int(box.settings.slot_lease_seconds * 2000))
        return box.log.trim()
