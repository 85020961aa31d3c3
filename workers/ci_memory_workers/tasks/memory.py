"""Queue ``memory``: one pattern, written to Aegis."""

from __future__ import annotations

from .. import names
from ..app import app
from ..bootstrap import now_ms
from .process import container


@app.task(name=names.SYNC_MEMORY, max_retries=3)
def sync(tenant: str, pattern_id: str) -> str:
    """Bring Aegis up to date with a pattern, if that is due. Returns what came of it."""
    return container().librarian.sync(tenant, pattern_id, now_ms())
