"""The producer on a real server: order, waiting without polling, limits, and what an error never shows."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import AuthenticationError

from ci_memory_producers.client import (
    PIPELINE,
    EventTooLarge,
    Producer,
    ServerUnreachable,
    without_password,
)
from ci_memory_producers.events import EVENT, MAX_EVENT_BYTES, Analysis, FailureEvent
from ci_memory_producers.keys import FIELD, STREAM, result_key, waiting_key, wake_key
from ci_memory_workers.adapters.embedded_redis import EmbeddedServer
from ci_memory_workers.adapters.redis_index import RedisIndex

T = "default"


def failure(build: int = 1, **fields: Any) -> FailureEvent:
    return FailureEvent(**{"repo": "acme/shop", "build_id": str(build), "stage": "test", "error_message": "boom", **fields})


@pytest.fixture
def producer(redis_server: EmbeddedServer, redis_client: Redis) -> Iterator[Producer]:
    with Producer(redis_server.url) as producer:
        yield producer


@pytest.fixture
def index(redis_client: Redis) -> RedisIndex:
    return RedisIndex(redis_client, dedupe_seconds=60, answer_seconds=60, flush_ms=0)


def pushed(client: Redis) -> list[str]:
    rows: Any = client.xrange(STREAM)
    return [EVENT.validate_json(fields[FIELD.encode()]).event_id for _, fields in rows]


def answer(event_id: str) -> Analysis:
    return Analysis(status="new_pattern", event_id=event_id, message="here it is")


def test_events_are_in_the_log_in_their_order_over_many_round_trips(producer: Producer, redis_client: Redis) -> None:
    events = [failure(n) for n in range(PIPELINE * 2 + 7)]

    assert producer.push_many(iter(events)) == [event.event_id for event in events] == pushed(redis_client)


def test_what_was_pushed_is_read_as_it_was(producer: Producer, redis_client: Redis) -> None:
    event = failure(stack_trace=None, changed_files=("a.py", "ü.py"), exit_code=0)
    producer.push(event)

    rows: Any = redis_client.xrange(STREAM)
    assert EVENT.validate_json(rows[0][1][b"event"]) == event


def test_nothing_is_pushed_of_events_one_of_which_is_too_large(producer: Producer, redis_client: Redis) -> None:
    large = failure(2, error_message="\u0001" * 24_000)

    with pytest.raises(EventTooLarge, match=rf"{large.event_id} has \d+ bytes; at most {MAX_EVENT_BYTES}"):
        producer.push_many([failure(1), large])
    assert pushed(redis_client) == []


@pytest.mark.parametrize("letter", ["a", "ü", "漢", "🔥"])
def test_the_longest_text_and_trace_in_any_language_fit_into_an_event(
    producer: Producer, redis_client: Redis, letter: str
) -> None:
    producer.push(failure(error_message=letter * 50_000, stack_trace=letter * 50_000))

    assert len(pushed(redis_client)) == 1


def test_an_answer_that_is_there_is_returned_at_once(producer: Producer, index: RedisIndex) -> None:
    index.publish(T, [answer("event-0001")])

    assert producer.answer(T, "event-0001") == answer("event-0001")
    assert producer.wait(T, "event-0001", seconds=0) == answer("event-0001")
    assert producer.answer(T, "event-0002") is None


def test_whoever_waits_is_woken_and_does_not_poll(producer: Producer, index: RedisIndex, redis_client: Redis) -> None:
    found: list[object] = []
    waiter = threading.Thread(target=lambda: found.append(producer.wait(T, "event-0001", seconds=30)))
    commands: Any = redis_client.info("commandstats")
    before = commands.get("cmdstat_get", {"calls": 0})["calls"]
    waiter.start()
    blocked: Any = {"blocked_clients": 0}
    while not blocked["blocked_clients"]:
        blocked = redis_client.info("clients")
    assert redis_client.exists(waiting_key(T, "event-0001"))

    index.publish(T, [answer("event-0001")])
    waiter.join(20)

    commands = redis_client.info("commandstats")
    assert found == [answer("event-0001")]
    assert commands["cmdstat_get"]["calls"] - before == 1


def test_an_answer_that_comes_between_the_push_and_the_wait_is_not_missed(
    producer: Producer, index: RedisIndex, redis_client: Redis
) -> None:
    event_id = producer.push(failure(), wait=True)
    index.publish(T, [answer(event_id)])

    assert producer.wait(T, event_id, seconds=30) == answer(event_id)
    assert redis_client.exists(wake_key(T, event_id))


def test_a_wait_ends_though_nobody_answers(producer: Producer, redis_client: Redis) -> None:
    started = time.monotonic()

    assert producer.wait(T, "event-0001", seconds=0.2) is None
    assert time.monotonic() - started >= 0.2
    assert 0 < int(redis_client.ttl(waiting_key(T, "event-0001"))) <= 6


def test_a_wait_may_be_longer_than_the_timeout_of_a_reply(redis_server: EmbeddedServer, redis_client: Redis) -> None:
    with Producer(redis_server.url, timeout=0.2) as producer:
        assert producer.wait(T, "event-0001", seconds=0.5) is None


def test_several_answers_share_one_deadline_and_missing_ones_are_pending(producer: Producer, index: RedisIndex) -> None:
    index.publish(T, [answer("event-0002")])

    found = producer.analyses(T, ["event-0001", "event-0002", "event-0003"], seconds=0.1)

    assert [(one.event_id, one.status) for one in found] == [
        ("event-0001", "pending"),
        ("event-0002", "new_pattern"),
        ("event-0003", "pending"),
    ]


def test_an_answer_is_the_tenants_own(producer: Producer, index: RedisIndex) -> None:
    index.publish("mine", [answer("event-0001")])

    assert producer.answer("yours", "event-0001") is None


def test_a_server_that_is_not_there_is_named_with_how_much_was_not_sent(tmp_path: Any) -> None:
    with Producer(f"unix://{tmp_path}/nobody.sock") as producer, pytest.raises(ServerUnreachable) as caught:
        producer.push_many([failure(n) for n in range(3)])

    assert caught.value.not_sent == 3
    assert "nobody.sock" in str(caught.value)
    assert "3 events were not sent" in str(caught.value)


def test_a_user_who_may_not_append_is_told_so(redis_server: EmbeddedServer, redis_client: Redis) -> None:
    redis_client.acl_setuser("limited", enabled=True, nopass=True, commands=["+ping"], keys=["*"])
    limited = Producer(redis_server.url.replace("unix://", "unix://limited:any@"))

    with pytest.raises(ServerUnreachable, match="refuses these credentials"):
        limited.push(failure())
    assert pushed(redis_client) == []


@pytest.mark.parametrize(
    "url",
    [
        "redis://:hunter2@127.0.0.1:1/0",
        "redis://dev:hunter2@127.0.0.1:1/0",
        "redis://dev:a@hunter2@127.0.0.1:1/0",
        "redis://:hunter2/and/more@127.0.0.1:1/0",
        "redis://:hunter2#more@127.0.0.1:1/0",
        "redis://:hunter2?more@127.0.0.1:1/0",
        "redis://127.0.0.1:1/0?password=hunter2",
        "unix:///nowhere/redis.sock?password=hunter2",
        "unix://dev:hunter2@/nowhere/redis.sock",
        "dev:hunter2@127.0.0.1:1",
        "http://dev:hunter2@127.0.0.1:1",
        "redis://dev:hunter2@127.0.0.1:port/0",
    ],
)
def test_an_error_names_the_server_and_never_shows_its_password(url: str) -> None:
    with pytest.raises(ServerUnreachable) as caught:
        Producer(url, timeout=1).push(failure())

    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_url_is_shown_with_its_user_and_without_its_password() -> None:
    assert without_password("redis://dev:hunter2@cache.example.com:6379/1") == "redis://dev@cache.example.com:6379/1"
    assert without_password("redis://cache.example.com:6379/1") == "redis://cache.example.com:6379/1"
    assert without_password("unix:///run/redis.sock") == "unix:///run/redis.sock"


def test_a_url_with_an_option_that_nobody_knows_is_no_crash() -> None:
    with pytest.raises(ServerUnreachable):
        Producer("redis://127.0.0.1:1/0?nonsense=1", timeout=1).push(failure())


def test_wrong_credentials_are_called_that() -> None:
    assert "refuses these credentials" in str(ServerUnreachable("redis://x", AuthenticationError("WRONGPASS hunter2")))
    assert result_key(T, "e") == "ci-memory:{default}:result:e"
