"""The list of what is in quarantine, in Redis: one JSON document a tenant, which `ops/redis.conf` lets CI jobs read."""

from __future__ import annotations

from typing import Any

from redis import Redis

from ci_memory_producers.keys import quarantine_key
from ci_memory_producers.quarantine_list import QuarantineList

from .pattern_codec import prefix, text

PIECE = 500


class RedisQuarantineLists:
    """Satisfies `services.ports.quarantine_list.QuarantineLists`; raises what redis raises."""

    def __init__(self, client: Redis) -> None:
        self._client = client

    def repositories(self, tenant: str, pattern_id: str, limit: int) -> tuple[str, ...]:
        """See `QuarantineLists.repositories`."""
        found: set[str] = set()
        cursor = 0
        while True:
            # A piece at a time: a pattern of all repositories would be read whole, to name a few of them.
            reply: Any = self._client.sscan(f"{prefix(tenant)}repos:{pattern_id}", cursor, count=PIECE)
            cursor, members = reply
            found.update(text(member) for member in members)
            if not cursor or len(found) >= limit:
                return tuple(sorted(found)[:limit])

    def publish(self, tenant: str, published: QuarantineList) -> None:
        """See `QuarantineLists.publish`."""
        self._client.set(quarantine_key(tenant), published.model_dump_json())
