"""What a chaos run still owes: a run is over, and comparable, when that is nothing."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from redis import RedisError

from chaos_fleet import AGING_DAYS
from chaos_plan import TENANTS
from ci_memory_producers.keys import quarantine_key
from ci_memory_producers.quarantine_list import QuarantineList
from ci_memory_workers.bootstrap import Container
from ci_memory_workers.domain.aging import DAY_MS
from ci_memory_workers.names import Lane

MOST_COUNTED = 10_000
LOOKED_AT_MS = 61_000
"""What a sweep looks at is due again a minute later, unless it ends: until then it is owed."""


def owed(box: Container, lanes: Sequence[Lane], *, swept: bool = False) -> dict[str, int]:
    """What is not read, not acknowledged, and owed in ``lanes``; with ``swept`` what sweeps have yet to do.

    While Redis is down, nobody knows, which is something.
    """
    try:
        found = {"unread": box.log.lag(), "unacknowledged": box.log.unacknowledged()}
        found |= {lane: sum(box.index.owed(lane, tenant) for tenant in TENANTS) for lane in lanes}
        return found | (_by_sweeps(box) if swept else {})
    except (RedisError, OSError):
        return {"unknown": 1}


def _by_sweeps(box: Container) -> dict[str, int]:
    """What sweeps have yet to look at, and by how much the published lists are behind."""
    now, found = time.time_ns() // 1_000_000, {"to age": 0, "to quarantine": 0, "not listed": 0}
    for tenant in TENANTS:
        found["to age"] += len(box.index.unseen_since(tenant, now - AGING_DAYS * DAY_MS, MOST_COUNTED))
        found["to quarantine"] += len(box.index.quarantine_due(tenant, now + LOOKED_AT_MS, MOST_COUNTED))
        found["not listed"] += len(_listed(box, tenant).symmetric_difference(box.index.quarantined(tenant)))
    return found


def _listed(box: Container, tenant: str) -> set[str]:
    data: Any = box.redis.get(quarantine_key(tenant))
    return {one.pattern_id for one in QuarantineList.model_validate_json(data).entries} if data else set()
