"""A memory that works in the test's own process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from ci_memory_workers.adapters.embedded_redis import EmbeddedServer
from memory_at_hand import MemoryAtHand


@pytest.fixture
def memory(redis_server: EmbeddedServer, redis_client: Redis, tmp_path: Path) -> Iterator[MemoryAtHand]:
    at_hand = MemoryAtHand(redis_server.url, tmp_path / "memory")
    with at_hand.working():
        yield at_hand
    at_hand.box.knowledge.close()
    at_hand.box.redis.close()
