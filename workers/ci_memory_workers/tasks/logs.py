"""Queue ``logs``: the log of one job that a webhook told of."""

from __future__ import annotations

from .. import names
from ..app import app
from ..bootstrap import now_ms
from .process import container


@app.task(name=names.FETCH_LOG, max_retries=3)
def fetch(tenant: str, work_id: str) -> str:
    """Fetch a log and report what it says, if that is due. Returns what came of it."""
    return container().job_logs.collect(tenant, work_id, now_ms())
