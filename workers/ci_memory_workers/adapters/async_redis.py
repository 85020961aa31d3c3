"""From a URL to a client that waits without a thread: what `ci_memory_producers.connection` does for clients that block."""

from __future__ import annotations

from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff

from ci_memory_producers.connection import SentinelAddress


def connect(url: str, *, connections: int, reply_seconds: float) -> Redis:
    """A client with up to ``connections``; connects when it is first used, anew at once when a connection was lost.

    A reply that takes longer than ``reply_seconds`` is a `redis.TimeoutError`. Who finds all connections in use waits that long.
    """
    options: dict[str, Any] = {
        "socket_timeout": reply_seconds,
        "socket_connect_timeout": min(reply_seconds, 5.0),
        "health_check_interval": 30,
        "retry": Retry(NoBackoff(), 1),
    }
    if not url.startswith("sentinel://"):
        pool = BlockingConnectionPool.from_url(url, max_connections=connections, timeout=reply_seconds, **options)
        return Redis.from_pool(pool)
    address = SentinelAddress.of(url)
    theirs = {**options, **address.sentinel_options}
    sentinel: Any = Sentinel(address.sentinels, sentinel_kwargs=theirs)  # type: ignore[no-untyped-call]  # redis does not say
    tls = {"ssl": True} if address.tls else {}
    client: Redis = sentinel.master_for(address.service, Redis, **{**options, **address.options, **tls})
    return client
