"""The door to Redis closes, whatever its connections are doing."""

from __future__ import annotations

import asyncio

import pytest

from ci_memory_workers.adapters.embedded_redis import EmbeddedServer
from ci_memory_workers.adapters.redis_door import RedisDoor
from ci_memory_workers.adapters.wake_calls import WakeCalls


def test_it_closes_although_a_cancellation_gets_lost(redis_server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    lost: list[str] = []

    async def stubborn(_: WakeCalls) -> None:
        while len(lost) < 2:
            try:
                await asyncio.sleep(1_000)
            except asyncio.CancelledError:
                lost.append("a cancellation")
        await asyncio.sleep(1_000)

    monkeypatch.setattr(WakeCalls, "listen", stubborn)

    async def open_and_close() -> None:
        async with RedisDoor(redis_server.url).opened() as door:
            assert await door.unread() >= 0

    asyncio.run(asyncio.wait_for(open_and_close(), 60))
    assert len(lost) == 2


def test_it_closes_at_once_after_it_was_opened(redis_server: EmbeddedServer) -> None:
    async def open_and_close() -> None:
        for _ in range(50):
            async with RedisDoor(redis_server.url).opened():
                pass

    asyncio.run(asyncio.wait_for(open_and_close(), 60))
