"""Producers are told how long the log may be, and to back off while there is memory left for those who work it off."""

from __future__ import annotations

from typing import Any

import pytest
from redis import Redis

from ci_memory_producers import FailureEvent, Producer
from ci_memory_producers.client import LogFull
from ci_memory_workers.adapters.embedded_redis import EmbeddedServer
from ci_memory_workers.adapters.log_limit import LogLimit


def push(url: str) -> None:
    with Producer(url) as producer:
        producer.push(FailureEvent(repo="acme/shop", build_id="1", stage="test", error_message="boom"))


def test_producers_keep_to_what_the_settings_say(redis_server: EmbeddedServer, redis_client: Redis) -> None:
    assert LogLimit(redis_client, 1).announce() == 1

    push(redis_server.url)
    with pytest.raises(LogFull):
        push(redis_server.url)


def test_before_the_servers_memory_is_full_producers_back_off_and_workers_can_still_write(
    redis_server: EmbeddedServer, redis_client: Redis
) -> None:
    memory: Any = redis_client.info("memory")
    redis_client.config_set("maxmemory", int(memory["used_memory"] / 0.9))
    try:
        assert LogLimit(redis_client, 1_000).announce() == 0
        with pytest.raises(LogFull):
            push(redis_server.url)
        redis_client.set("a worker's", "write")
    finally:
        redis_client.config_set("maxmemory", 0)

    assert LogLimit(redis_client, 1_000).announce() == 1_000
    push(redis_server.url)
