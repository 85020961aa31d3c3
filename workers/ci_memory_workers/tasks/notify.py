"""Queue ``notify``: one execution of a job, of which somebody is to be told."""

from __future__ import annotations

from .. import names
from ..app import app
from ..bootstrap import now_ms
from .process import container


@app.task(name=names.NOTIFY, max_retries=3)
def tell(tenant: str, work_id: str) -> str:
    """Tell those who are to be told, if that is due. Returns what came of it."""
    return container().notifier.tell(tenant, work_id, now_ms())
