"""Slots: who may read which share of the event log. A lease with a token: two drains never believe in one slot for long."""

from __future__ import annotations

from typing import Any

from redis import Redis

from .scripts import Scripts


def _key(slot: int) -> str:
    return f"ci-memory:slot:{slot}"


class Slots:
    """Leases of slots; raises what redis raises."""

    def __init__(self, client: Redis, lease_ms: int) -> None:
        self._client = client
        self._scripts = Scripts(client)
        self._lease_ms = lease_ms

    def hold(self, slot: int, token: str) -> bool:
        """Take the slot, or stay in it. False when another drain has it."""
        return bool(self._scripts.run("lease", _key(slot), "hold", token, self._lease_ms))

    def release(self, slot: int, token: str) -> None:
        """Give the slot up, if it still is ours."""
        self._scripts.run("lease", _key(slot), "release", token, 0)

    def forget(self, slots: int) -> None:
        """Drop all leases: whoever held them has ended with the server that is ours alone."""
        self._client.delete(*(_key(slot) for slot in range(slots)))

    def free(self, slots: int) -> list[int]:
        """Slots that no drain holds."""
        held: Any = self._client.mget([_key(slot) for slot in range(slots)])
        return [slot for slot, holder in enumerate(held) if holder is None]
