"""The user that CI jobs get in `ops/redis.conf` can do all that a producer does, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import NoPermissionError

from ci_memory_producers import FailureEvent, Producer
from ci_memory_producers.client import LogFull
from ci_memory_producers.events import Analysis
from ci_memory_producers.keys import LOG_LIMIT_KEY, STREAM
from ci_memory_producers.quarantine_list import QuarantineList
from ci_memory_workers.adapters.embedded_redis import EmbeddedServer
from ci_memory_workers.adapters.redis_index import RedisIndex

CONF = Path(__file__).parents[2] / "ops" / "redis.conf"
EVENT = FailureEvent(repo="acme/shop", build_id="1", stage="test", error_message="boom")


@pytest.fixture
def url(redis_server: EmbeddedServer, redis_client: Redis) -> Iterator[str]:
    (line,) = (line for line in CONF.read_text().splitlines() if line.startswith("user producers "))
    admin: Any = redis_client
    admin.execute_command("ACL", "SETUSER", *line.split()[1:])
    yield redis_server.url.replace("unix://", "unix://producers:change-me-producers@")
    redis_client.acl_deluser("producers")


def test_a_producer_may_push_wait_and_read(url: str, redis_client: Redis) -> None:
    with Producer(url) as producer:
        producer.push(EVENT, wait=True)
        index = RedisIndex(redis_client, dedupe_seconds=60, answer_seconds=60, flush_ms=0)
        index.publish("default", [Analysis(status="new_pattern", event_id=EVENT.event_id, message="here")])

        assert producer.analyses("default", [EVENT.event_id], seconds=5)[0].message == "here"
        assert producer.wait("default", "event-that-nobody-answers", seconds=0.01) is None
        assert producer.quarantine("default", "acme/shop") == QuarantineList()


def test_a_producer_learns_that_the_log_is_full(url: str, redis_client: Redis) -> None:
    redis_client.set(LOG_LIMIT_KEY, 1)
    with Producer(url) as producer:
        producer.push(EVENT)
        with pytest.raises(LogFull):
            producer.push(EVENT)


@pytest.mark.parametrize(
    "command",
    [
        ("XRANGE", STREAM, "-", "+"),
        ("XREAD", "STREAMS", STREAM, "0"),
        ("XDEL", STREAM, "1-1"),
        ("XTRIM", STREAM, "MAXLEN", "0"),
        ("DEL", STREAM),
        ("SET", STREAM, "gone"),
        ("SET", LOG_LIMIT_KEY, "999999999"),
        ("SET", "ci-memory:{default}:result:event-0001", "{}"),
        ("GET", "ci-memory:{default}:pattern:pat_aaaaaaaaaaaa"),
        ("XADD", "ci-memory:dead", "*", "event", "{}"),
        ("KEYS", "*"),
        ("EVAL", "return 1", "0"),
        ("CONFIG", "GET", "*"),
    ],
    ids=lambda command: " ".join(command[:2]),
)
def test_nothing_else_is_allowed(url: str, redis_client: Redis, command: tuple[str, ...]) -> None:
    client: Any = Redis.from_url(url)
    try:
        with pytest.raises(NoPermissionError):
            client.execute_command(*command)
    finally:
        client.close()
