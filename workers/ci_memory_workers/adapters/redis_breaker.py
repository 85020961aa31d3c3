"""A circuit breaker whose state is in Redis: all workers share it."""

from __future__ import annotations

from typing import Any

from redis import Redis

from ..domain.breaker import BreakerPolicy
from ..services.ports.breaker import Stands, Went
from .scripts import Scripts


class RedisBreaker:
    """Satisfies `services.ports.breaker.Breaker` for what is called ``name``; raises what redis raises."""

    def __init__(self, client: Redis, name: str, policy: BreakerPolicy) -> None:
        self._client = client
        self._scripts = Scripts(client)
        self._key = f"ci-memory:{{{name}}}:state"
        self._policy = policy

    def enter(self, *, now_ms: int) -> int:
        """See `Breaker.enter`."""
        return int(self._scripts.run("breaker_enter", self._key, now_ms, int(self._policy.call_s * 1000)))

    def leave(self, ticket: int, went: Went, *, now_ms: int) -> None:
        """See `Breaker.leave`."""
        policy = self._policy
        pauses = (int(policy.pause_s * 1000), int(policy.longest_pause_s * 1000))
        self._scripts.run("breaker_leave", self._key, ticket, went, now_ms, policy.failures, *pauses)

    def stands(self, now_ms: int) -> Stands:
        """How it stands."""
        open_until: Any = self._client.hget(self._key, "open_until")
        return stands(open_until, now_ms)


def stands(open_until: bytes | None, now_ms: int) -> Stands:
    """How a breaker stands by its field ``open_until``."""
    if not open_until:
        return "closed"
    return "open" if now_ms < float(open_until) else "half_open"
