"""Waiting for answers, many at once on one connection: the wake-ups that workers push are popped here and passed on."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

from redis.asyncio import Redis
from redis.exceptions import RedisError

from ci_memory_producers.keys import result_key, waiting_key, wake_key

LOOK_AGAIN_SECONDS = 2.0
"""An answer that is there is found after this long at the latest, whatever became of its wake-up: another waiter of the same
answer, in another process, may have popped it."""
POP_SECONDS = 20.0
RECONNECT_SECONDS = 0.5


class WakeCalls:
    """``blocking`` is a client whose replies may take `POP_SECONDS`; ``client`` looks answers up."""

    def __init__(self, client: Redis, blocking: Redis) -> None:
        self._client = client
        self._blocking = blocking
        self._waiters: dict[str, set[asyncio.Event]] = {}
        self._doorbell = f"ci-memory:gateway:{uuid4().hex}"
        self._stopping = False

    async def answer(self, tenant: str, event_id: str, seconds: float) -> bytes | None:
        """The answer to an event, or None when it is not there after ``seconds``, or when this process stops."""
        deadline = time.monotonic() + seconds
        # First say that somebody waits, then look: whoever writes the answer in between sees the former.
        await self._client.set(waiting_key(tenant, event_id), "1", ex=max(1, math.ceil(seconds) + 5))
        async with self._called(wake_key(tenant, event_id)) as called:
            while True:
                found: Any = await self._client.get(result_key(tenant, event_id))
                left = deadline - time.monotonic()
                if found is not None or left <= 0 or self._stopping:
                    return None if found is None else bytes(found)
                try:
                    await asyncio.wait_for(called.wait(), min(left, LOOK_AGAIN_SECONDS))
                except TimeoutError:
                    continue
                called.clear()

    @asynccontextmanager
    async def _called(self, key: str) -> AsyncIterator[asyncio.Event]:
        called = asyncio.Event()
        self._waiters.setdefault(key, set()).add(called)
        try:
            # The pop under way does not know this key: let it begin anew.
            await self._client.lpush(self._doorbell, "1")
            await self._client.expire(self._doorbell, 60)
            yield called
        finally:
            self._waiters[key].discard(called)
            if not self._waiters[key]:
                del self._waiters[key]

    async def listen(self) -> None:
        """Pop wake-ups until cancelled, or until `stop`."""
        while not self._stopping:
            try:
                popped: Any = await self._blocking.blpop([self._doorbell, *self._waiters], timeout=POP_SECONDS)
                if popped is None:
                    continue
                key = popped[0].decode()
                if key == self._doorbell:
                    # Who rang has its key among the waiters already: one new beginning is enough for all.
                    await self._blocking.delete(self._doorbell)
                for called in self._waiters.get(key, ()):
                    called.set()
            except RedisError:
                # Requests meet the same trouble and say so; those that wait look again by themselves.
                await asyncio.sleep(RECONNECT_SECONDS)

    def stop(self) -> None:
        """Let all who wait go, without an answer."""
        self._stopping = True
        for waiters in self._waiters.values():
            for called in waiters:
                called.set()
