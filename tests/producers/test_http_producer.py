"""The producer through a gateway: the same calls, answers and errors as on Redis; and whatever else may answer there."""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from ci_memory_producers import EventRefused, EventTooLarge, FailureEvent, LogFull, PassEvent, Producer, ServerUnreachable
from ci_memory_producers.events import Analysis
from ci_memory_producers.http_producer import HttpProducer
from ci_memory_producers.keys import LOG_LIMIT_KEY, quarantine_key, waiting_key
from ci_memory_producers.quarantine_list import QuarantineEntry, QuarantineList
from ci_memory_producers.unsent import Unsent
from ci_memory_workers.adapters.embedded_redis import EmbeddedServer
from ci_memory_workers.adapters.redis_index import RedisIndex
from ci_memory_workers.adapters.redis_tokens import RedisTokens
from ci_memory_workers.bootstrap import now_ms
from ci_memory_workers.services.access import TokenDesk
from door_events import logged
from running_fleet import wait_until
from running_gateway import running_gateway

MADE_UP = "cim_" + "0" * 76


def failure(build: int = 1, **fields: Any) -> FailureEvent:
    return FailureEvent(**{"repo": "acme/shop", "build_id": str(build), "stage": "test", "error_message": "boom", **fields})


@pytest.fixture
def gateway(redis_server: EmbeddedServer, redis_client: Redis) -> Iterator[str]:
    with running_gateway(redis_server.url) as address:
        yield address


@pytest.fixture
def token(redis_client: Redis) -> Callable[..., str]:
    def make(tenant: str = "default", **limits: Any) -> str:
        asked = {"events_per_minute": 10_000, "max_bytes": 4_000_000, "now_ms": now_ms(), **limits}
        return TokenDesk(RedisTokens(redis_client), secrets.token_hex).create(tenant, **asked)[1]

    return make


@pytest.fixture
def index(redis_client: Redis) -> RedisIndex:
    return RedisIndex(redis_client, dedupe_seconds=60, answer_seconds=60, flush_ms=0)


def test_the_url_says_which_producer_it_is(gateway: str, token: Callable[..., str], redis_server: EmbeddedServer) -> None:
    with Producer(gateway, token=token()) as through_gateway, Producer(redis_server.url) as direct:
        assert isinstance(through_gateway, HttpProducer)
        assert type(direct) is Producer


def test_the_token_is_read_from_the_environment(
    gateway: str, token: Callable[..., str], monkeypatch: pytest.MonkeyPatch, redis_client: Redis
) -> None:
    monkeypatch.setenv("CI_MEMORY_TOKEN", f"{token()}\n")

    Producer(gateway).push(failure())

    assert len(logged(redis_client)) == 1


def test_events_are_in_the_log_as_they_were_and_in_their_order(
    gateway: str, token: Callable[..., str], redis_client: Redis
) -> None:
    events = [failure(n, error_message=f"ü {n}", changed_files=("a.py",), exit_code=0) for n in range(250)]

    assert Producer(gateway, token=token()).push_many(iter(events)) == [event.event_id for event in events]
    assert logged(redis_client) == events


def test_large_events_travel_in_several_requests(gateway: str, token: Callable[..., str], redis_client: Redis) -> None:
    events = [failure(n, error_message="boom " * 4_000, stack_trace="frame " * 3_000) for n in range(60)]

    Producer(gateway, token=token()).push_many(events)

    assert len(logged(redis_client)) == 60


@pytest.mark.parametrize("limits", [{"max_bytes": 131_072}, {"events_per_minute": 31}])
def test_what_is_too_much_for_the_token_travels_in_halves(
    gateway: str, token: Callable[..., str], redis_client: Redis, limits: dict[str, int]
) -> None:
    events = [failure(n, error_message="boom " * 2_000) for n in range(15 if "max_bytes" in limits else 29)]
    if "events_per_minute" in limits:
        events = [*events, failure(99), failure(100), failure(101)]
        with pytest.raises(ServerUnreachable, match="a minute"):
            Producer(gateway, token=token(**limits), timeout=1).push_many(events)
        assert logged(redis_client) == events[:16]
    else:
        Producer(gateway, token=token(**limits)).push_many(events)
        assert logged(redis_client) == events


def test_the_tenant_is_the_token_s_where_nobody_chose_one(gateway: str, token: Callable[..., str], redis_client: Redis) -> None:
    producer = Producer(gateway, token=token("acme"))

    producer.push(failure())
    producer.push(failure(2, tenant="acme"))

    assert [event.tenant for event in logged(redis_client)] == ["acme", "acme"]
    with pytest.raises(ServerUnreachable, match="tenant is not this token's"):
        producer.push(failure(tenant="umbrella"))
    with pytest.raises(ServerUnreachable, match="tenant is not this token's"):
        producer.answer("umbrella", "e" * 32)
    with pytest.raises(ServerUnreachable, match="tenant is not this token's"):
        producer.quarantine("umbrella", "acme/shop")


def test_who_waits_is_woken(gateway: str, token: Callable[..., str], redis_client: Redis, index: RedisIndex) -> None:
    producer = Producer(gateway, token=token("acme"))
    event_id = producer.push(failure())
    assert producer.answer("default", event_id) is None
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(producer.analyses, "default", [event_id], seconds=60)
        wait_until(lambda: redis_client.exists(waiting_key("acme", event_id)), what="the waiter")
        answer = Analysis(status="new_pattern", event_id=event_id, message="here it is")
        index.publish("acme", [answer])

        assert waiting.result(30) == [answer]
    assert producer.answer("default", event_id) == answer


def test_what_is_not_answered_in_time_is_pending(gateway: str, token: Callable[..., str]) -> None:
    assert Producer(gateway, token=token()).analyses("default", ["e" * 32], seconds=0.2)[0].status == "pending"


def test_the_quarantine_is_the_repository_s(gateway: str, token: Callable[..., str], redis_client: Redis) -> None:
    entry = QuarantineEntry(pattern_id="pat_0123456789ab", repositories=("acme/shop 100%",), repository_count=1)
    redis_client.set(quarantine_key("default"), QuarantineList(entries=(entry,)).model_dump_json())
    producer = Producer(gateway, token=token())

    assert producer.quarantine("default", "acme/shop 100%").entries == (entry,)
    assert producer.quarantine("default", "acme/other").entries == ()


def test_a_full_log_asks_to_back_off_and_what_was_not_sent_waits_on_the_disk(
    gateway: str, token: Callable[..., str], redis_client: Redis, tmp_path: Path
) -> None:
    redis_client.set(LOG_LIMIT_KEY, 1)
    producer = Producer(gateway, token=token(), timeout=1, unsent=Unsent(tmp_path / "unsent"))
    with pytest.raises(LogFull) as full:
        producer.push_many([failure(1), failure(2)])
    assert (full.value.not_sent, full.value.kept) == (2, tmp_path / "unsent")
    assert full.value.retry_after >= 1

    redis_client.delete(LOG_LIMIT_KEY)
    producer.push(failure(3))

    assert [getattr(event, "build_id", "") for event in logged(redis_client)] == ["1", "2", "3"]


def test_what_waits_on_the_disk_and_is_never_taken_does_not_stand_before_what_follows(
    gateway: str, token: Callable[..., str], redis_client: Redis, tmp_path: Path
) -> None:
    unsent = Unsent(tmp_path)
    unsent.keep(['{"kind":"of another time"}'])
    unsent.keep([failure(1).model_dump_json()])

    Producer(gateway, token=token(), unsent=unsent).push(failure(2))

    assert [getattr(event, "build_id", "") for event in logged(redis_client)] == ["1", "2"]
    assert list(unsent.files()) == []


def test_a_token_that_is_unknown_is_a_server_that_refuses(gateway: str, redis_client: Redis) -> None:
    with pytest.raises(ServerUnreachable, match="unknown, revoked or past its end") as refused:
        Producer(gateway, token=MADE_UP).push_many([failure(1), failure(2)])
    assert refused.value.not_sent == 2
    assert MADE_UP not in str(refused.value)


@pytest.mark.parametrize("token", ["", " ", "two words", "line\r\nX-Header: 1", "ü"])
def test_a_token_that_is_none_is_said_at_once(token: str) -> None:
    with pytest.raises(ServerUnreachable, match="CI_MEMORY_TOKEN"):
        Producer("http://127.0.0.1:9", token=token)


@pytest.mark.parametrize(
    "url",
    [
        "http://",
        "https://:80",
        "http://h:0",
        "http://h:99999",
        "http://[::",
        "http://u:p@h",
        "http://h?x=1",
        "http://h/\r\nx",
        "http://h/#x",
    ],
)
def test_an_address_that_is_none_is_said_at_once_without_what_may_be_secret(url: str) -> None:
    with pytest.raises(ServerUnreachable, match="no address of a gateway") as refused:
        Producer(url, token=MADE_UP)
    assert "u:p" not in str(refused.value)


def test_nobody_there_is_out_of_reach() -> None:
    with pytest.raises(ServerUnreachable, match="refused") as gone:
        Producer("http://127.0.0.1:9", token=MADE_UP).push(failure())
    assert gone.value.not_sent == 1


Answer = tuple[int, dict[str, str], bytes]


@contextmanager
def answering(*answers: Answer) -> Iterator[tuple[str, list[tuple[str, dict[str, str]]]]]:
    """Something that is no gateway: gives ``answers`` in turn, the last one ever after; and what it was asked."""
    asked: list[tuple[str, dict[str, str]]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append((self.path, dict(self.headers)))
            self.rfile.read(int(self.headers.get("Content-Length", "0")))
            status, headers, body = answers[min(len(asked), len(answers)) - 1]
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def told(status: int, code: str, **headers: str) -> Answer:
    return status, headers, json.dumps({"detail": "says why", "code": code}).encode()


def test_a_token_does_not_follow_to_where_an_answer_points() -> None:
    with answering((200, {}, b"{}")) as (elsewhere, asked_there):
        moved: Answer = (307, {"Location": f"{elsewhere}/v1/events"}, b"")
        with answering(moved) as (url, _), pytest.raises(ServerUnreachable, match="HTTP status 307"):
            Producer(url, token=MADE_UP).push(failure())
        with answering((302, {"Location": elsewhere}, b"")) as (url, _), pytest.raises(ServerUnreachable, match="302"):
            Producer(url, token=MADE_UP).answer("default", "e" * 32)
        assert asked_there == []


def test_what_is_busy_for_a_moment_is_asked_again() -> None:
    with answering(
        told(503, "unavailable", **{"Retry-After": "0"}), (502, {"Retry-After": "0"}, b"<html>"), (202, {}, b"{}")
    ) as (
        url,
        asked,
    ):
        Producer(url, token=MADE_UP).push(failure())
    assert len(asked) == 3


def test_what_is_busy_for_longer_than_a_job_waits_is_out_of_reach() -> None:
    with answering(told(429, "rate_limited", **{"Retry-After": "60"})) as (url, asked):
        with pytest.raises(ServerUnreachable, match="says why"):
            Producer(url, token=MADE_UP).push(failure())
        assert len(asked) == 1


@pytest.mark.parametrize("status", [400, 415, 422])
def test_an_event_that_is_never_taken_is_bad_input(status: int) -> None:
    with answering(told(status, "invalid_event")) as (url, _), pytest.raises(EventRefused, match="says why"):
        Producer(url, token=MADE_UP).push(PassEvent(repo="a/b", build_id="1", stage="test"))


def test_an_event_that_is_too_large_for_the_token_is_bad_input() -> None:
    with answering(told(413, "body_too_large")) as (url, _), pytest.raises(EventTooLarge, match="says why"):
        Producer(url, token=MADE_UP).push(failure())


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"detail": 1}', b"[" * 100_000, b"\xff"])
def test_what_is_no_gateway_is_said_to_be_none(body: bytes) -> None:
    with answering((404, {}, body)) as (url, _), pytest.raises(ServerUnreachable, match="is it the gateway's address"):
        Producer(url, token=MADE_UP).push(failure())
    with answering((200, {}, body)) as (url, _), pytest.raises(ServerUnreachable, match="no gateway"):
        Producer(url, token=MADE_UP).answer("default", "e" * 32)


def test_an_answer_that_breaks_off_is_out_of_reach() -> None:
    with answering((200, {"Content-Length": "1000"}, b"{")) as (url, _), pytest.raises(ServerUnreachable):
        Producer(url, token=MADE_UP, timeout=1).answer("default", "e" * 32)


def test_a_gateway_may_live_under_a_path() -> None:
    with answering((202, {}, b"{}")) as (url, asked):
        Producer(f"{url}/ci/memory/", token=MADE_UP).push(failure())
    assert [path for path, _ in asked] == ["/ci/memory/v1/events"]
    assert asked[0][1]["Authorization"] == f"Bearer {MADE_UP}"
