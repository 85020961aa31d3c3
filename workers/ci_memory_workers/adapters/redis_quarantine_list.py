"""The list of what is in quarantine, in Redis: one JSON document a tenant, which `ops/redis.conf` lets CI jobs read."""

from __future__ import annotations

from redis import Redis

from ci_memory_producers.keys import quarantine_key
from ci_memory_producers.quarantine_list import QuarantineList

from ..domain.flaky import FLAKY_THERE
from .pattern_codec import prefix, text

PIECE = 500


class RedisQuarantineLists:
    """Satisfies `services.ports.quarantine_list.QuarantineLists`; raises what redis raises."""

    def __init__(self, client: Redis) -> None:
        self._client = client

    def flaky_in(self, tenant: str, pattern_id: str, limit: int) -> tuple[tuple[str, ...], int]:
        """See `QuarantineLists.flaky_in`."""
        named: set[str] = set()
        count = 0
        # A piece at a time: a pattern may be flaky in all repositories, and a few of them are named.
        for repo, episodes in self._client.hscan_iter(f"{prefix(tenant)}flaky_in:{pattern_id}", count=PIECE):
            if int(episodes) < FLAKY_THERE:
                continue
            count += 1
            if len(named) < limit:
                named.add(text(repo))
        return tuple(sorted(named)), count

    def publish(self, tenant: str, published: QuarantineList) -> None:
        """See `QuarantineLists.publish`."""
        self._client.set(quarantine_key(tenant), published.model_dump_json())
