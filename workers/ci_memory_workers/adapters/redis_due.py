"""Work that is owed, and what sweeps read: sorted sets scored by when something is due."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from redis import Redis

from ..names import Lane
from ..services.ports import Lease
from .pattern_codec import prefix, text
from .scripts import Scripts

TENANTS = "ci-memory:tenants"


class RedisDue:
    """The part of `services.ports.Index` that says what is due; raises what redis raises."""

    _client: Redis
    _scripts: Scripts

    def take(self, lane: Lane, tenant: str, work_id: str, *, now_ms: int, lease_ms: int) -> Lease | None:
        """See `Index.take`."""
        token = int(self._scripts.run("take_due", prefix(tenant), lane, work_id, now_ms, lease_ms))
        return Lease(lane, tenant, work_id, token) if token else None

    def finish(self, lease: Lease, *, again_ms: int | None = None, revision: int | None = None, later_ms: int = 0) -> bool:
        """See `Index.finish`."""
        again = "" if again_ms is None else again_ms
        seen = "" if revision is None else revision
        done = self._scripts.run(
            "finish_due", prefix(lease.tenant), lease.lane, lease.work_id, lease.token, again, seen, later_ms
        )
        return bool(done)

    def tenants(self) -> list[str]:
        """See `Index.tenants`."""
        members: Any = self._client.smembers(TENANTS)
        return sorted(text(member) for member in members)

    def overdue(self, lane: Lane, tenant: str, now_ms: int, limit: int) -> list[str]:
        """See `Index.overdue`."""
        rows: Any = self._client.zrangebyscore(f"{prefix(tenant)}due:{lane}", "-inf", now_ms, start=0, num=limit)
        return [text(row) for row in rows]

    def owed(self, lane: Lane, tenant: str) -> int:
        """How much work of a lane is owed, due or not."""
        return int(self._client.zcard(f"{prefix(tenant)}due:{lane}"))

    def overdue_ms(self, lane: Lane, tenant: str, now_ms: int) -> int:
        """For how long the oldest work of a lane has been due; 0 where none is."""
        rows: Any = self._client.zrange(f"{prefix(tenant)}due:{lane}", 0, 0, withscores=True)
        return max(0, now_ms - int(rows[0][1])) if rows else 0

    def unseen_since(self, tenant: str, ms: int, limit: int) -> list[str]:
        """See `Index.unseen_since`."""
        rows: Any = self._client.zrangebyscore(f"{prefix(tenant)}last_seen", 0, ms, start=0, num=limit)
        return [text(row) for row in rows]

    def settled(self, tenant: str, pattern_ids: Sequence[str], ms: int) -> None:
        """See `Index.settled`."""
        if pattern_ids:
            self._scripts.run("settled", prefix(tenant), ms, *pattern_ids)

    def quarantine_due(self, tenant: str, now_ms: int, limit: int) -> list[str]:
        """See `Index.quarantine_due`."""
        rows: Any = self._client.zrangebyscore(f"{prefix(tenant)}due:quarantine", "-inf", now_ms, start=0, num=limit)
        return [text(row) for row in rows]

    def quarantined(self, tenant: str) -> list[str]:
        """See `Index.quarantined`."""
        members: Any = self._client.smembers(f"{prefix(tenant)}quarantined")
        return sorted(text(member) for member in members)

    def set_broken(self, tenant: str, pattern_id: str, line_id: str, broken: bool, now_ms: int) -> bool:
        """See `Index.set_broken`."""
        return bool(self._scripts.run("set_broken", prefix(tenant), pattern_id, line_id, int(broken), now_ms))

    def quarantine_looks_at(self, tenant: str, pattern_ids: Sequence[str], now_ms: int) -> None:
        """See `Index.quarantine_looks_at`."""
        if pattern_ids:
            self._scripts.run("quarantine_looked_at", prefix(tenant), now_ms, "begin", *pattern_ids)

    def quarantine_looked_at(self, tenant: str, pattern_ids: Sequence[str], now_ms: int) -> None:
        """See `Index.quarantine_looked_at`."""
        if pattern_ids:
            self._scripts.run("quarantine_looked_at", prefix(tenant), now_ms, "done", *pattern_ids)
