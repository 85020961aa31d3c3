"""Queue ``analysis``: one analysis of a new failure."""

from __future__ import annotations

from .. import names
from ..app import app
from ..bootstrap import now_ms
from .process import container


@app.task(name=names.ANALYZE, max_retries=3)
def analyze(tenant: str, pattern_id: str) -> str:
    """Analyse a pattern, if that is due. Returns what came of it."""
    return container().analysis.analyze(tenant, pattern_id, now_ms)
