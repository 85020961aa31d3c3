"""Queue ``resolutions``: one reported fix, or what the runs of a job say."""

from __future__ import annotations

from .. import names
from ..app import app
from ..bootstrap import now_ms
from .process import container


@app.task(name=names.APPLY_RESOLUTION, max_retries=3)
def apply(tenant: str, event_id: str) -> str:
    """Apply a resolution, if that is due. Returns what came of it."""
    return container().resolutions.apply(tenant, event_id, now_ms())


@app.task(name=names.LEARN, max_retries=3)
def learn(tenant: str, line_id: str) -> str:
    """Learn from the runs of a job on a branch, if that is due. Returns what came of it."""
    return container().learner.learn(tenant, line_id, now_ms())
