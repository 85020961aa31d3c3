"""Reading the index without changing it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from redis import Redis

from .pattern_codec import prefix, text
from .scripts import Scripts


class RedisRecall:
    """Satisfies `services.ports.asking.Recall`; raises what redis raises."""

    def __init__(self, client: Redis) -> None:
        self._client = client
        self._scripts = Scripts(client)

    def patterns(self, tenant: str, fingerprints: Sequence[str]) -> dict[str, str]:
        """See `Recall.patterns`."""
        if not fingerprints:
            return {}
        found: Any = self._client.hmget(f"{prefix(tenant)}fingerprints", list(fingerprints))
        return {mark: text(pattern_id) for mark, pattern_id in zip(fingerprints, found, strict=True) if pattern_id}

    def repositories(self, tenant: str, pattern_id: str) -> frozenset[str]:
        """See `Recall.repositories`."""
        return frozenset(map(text, self._scripts.run("members", prefix(tenant), pattern_id, "repos")))
