"""Queue ``ingest``: drains, each of which reads the event log for a while in a slot of its own."""

from __future__ import annotations

import os
import secrets
from dataclasses import asdict

from .. import names
from ..app import app
from .drain import Drain, keep_what_is_loaded
from .process import container, stopping


@app.task(name=names.DRAIN)
def drain(slot: int) -> dict[str, int | str]:
    """Read the log in ``slot`` for a box of time, then hand over to the next drain. Returns what was read, and the lag."""
    box = container()
    token = secrets.token_hex(8)
    if not box.slots.hold(slot, token):
        return {"slot": slot, "skipped": "another drain holds the slot"}
    try:
        one = Drain(box, slot, token, stopping)
        keep_what_is_loaded(os.getpid())
        counts = one.run()
        lag = box.log.lag()
    finally:
        box.slots.release(slot, token)
    if not stopping():
        drain.apply_async(args=(slot,))
    return {"slot": slot, **asdict(counts), "lag": lag}
