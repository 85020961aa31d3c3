"""The bell: a Celery message that says that work is due. It carries ids alone, and may be lost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from redis import Redis

from ..names import LANE_QUEUES, LANE_TASKS, Lane

BROKER_PREFIX = "ci-memory:celery:"
"""Before every key that Celery keeps in Redis."""


class CeleryBell:
    """Satisfies `services.ports.Bell`. ``send`` is ``send(task_name, args, queue)``."""

    def __init__(self, client: Redis, send: Callable[[str, Sequence[str], str], object]) -> None:
        self._client = client
        self._send = send

    def ring(self, lane: Lane, tenant: str, work_id: str) -> None:
        """See `Bell.ring`."""
        self._send(LANE_TASKS[lane], (tenant, work_id), LANE_QUEUES[lane])

    def backlog(self, lane: Lane) -> int:
        """See `Bell.backlog`."""
        return self.waiting(LANE_QUEUES[lane])

    def waiting(self, queue: str) -> int:
        """How many messages no worker has taken from ``queue``."""
        length: Any = self._client.llen(f"{BROKER_PREFIX}{queue}")
        return int(length)
