"""The bell: a Celery message that says that work is due. It carries ids alone, and may be lost."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

from kombu.exceptions import OperationalError
from redis import Redis

from ..names import LANE_QUEUES, LANE_TASKS, Lane

log = logging.getLogger(__name__)

BROKER_PREFIX = "ci-memory:celery:"
"""Before every key that Celery keeps in Redis."""

MOST_WAITING = 5_000
"""Messages that may wait in a queue. What is not rung for then is owed all the same: a sweep rings when there is room."""
LOOK_EVERY = 100
"""Rings between two looks at the length of a queue, in one process."""


class CeleryBell:
    """Satisfies `services.ports.Bell`. ``send`` is ``send(task_name, args, queue)``."""

    def __init__(self, client: Redis, send: Callable[[str, Sequence[str], str], object]) -> None:
        self._client = client
        self._send = send
        self._room = dict.fromkeys(LANE_QUEUES, 0)

    def ring(self, lane: Lane, tenant: str, work_id: str) -> None:
        """See `Bell.ring`. Not heard while `MOST_WAITING` messages wait, or Celery can't send: what is owed is none the worse."""
        if self._room[lane] <= 0:
            self._room[lane] = min(LOOK_EVERY, MOST_WAITING - self.backlog(lane))
            if self._room[lane] <= 0:
                return
        self._room[lane] -= 1
        try:
            self._send(LANE_TASKS[lane], (tenant, work_id), LANE_QUEUES[lane])
        except OperationalError as error:
            log.warning("a ring is lost, a sweep will ring lane=%s error=%s", lane, type(error.__cause__ or error).__name__)

    def backlog(self, lane: Lane) -> int:
        """See `Bell.backlog`."""
        return self.waiting(LANE_QUEUES[lane])

    def waiting(self, queue: str) -> int:
        """How many messages no worker has taken from ``queue``."""
        length: Any = self._client.llen(f"{BROKER_PREFIX}{queue}")
        return int(length)
