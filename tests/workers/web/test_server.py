"""The door's manners: health, unknown paths, clients that are slow or broken, and what happens when Redis is gone."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from redis import Redis
from starlette.testclient import TestClient

from ci_memory_workers.adapters.embedded_redis import EmbeddedServer
from ci_memory_workers.services import gateway as gateway_story
from ci_memory_workers.settings import Settings
from ci_memory_workers.web import body, server
from ci_memory_workers.web.app import make_app
from door_events import MakeToken, failure, logged
from running_gateway import running_gateway

DELIVERY_BEGINS = b"POST /v1/webhooks/a HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n"


@pytest.fixture
def address(redis_server: EmbeddedServer, redis_client: Redis, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, int]]:
    monkeypatch.setattr(server, "HEAD_SECONDS", 0.3)
    monkeypatch.setattr(body, "BODY_SECONDS", 0.3)
    with running_gateway(redis_server.url) as url:
        yield "127.0.0.1", urlsplit(url).port or 0


def conversation(address: tuple[str, int], sent: bytes) -> bytes:
    """All that is answered to ``sent`` until the door closes."""
    with socket.create_connection(address, timeout=30) as client:
        client.sendall(sent)
        return b"".join(iter(lambda: client.recv(65_536), b""))


def test_it_is_well_and_ready(http: TestClient) -> None:
    assert http.get("/healthz").json() == {"status": "ok"}
    assert http.get("/readyz").json() == {"status": "ready", "unread": 0}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/", 404), ("GET", "/v1/events", 405), ("DELETE", "/healthz", 405), ("GET", "/v1", 404)],
)
def test_what_there_is_none_of_says_where_to_look(http: TestClient, method: str, path: str, status: int) -> None:
    reply = http.request(method, path)

    assert (reply.status_code, "/openapi.json" in reply.json()["detail"]) == (status, True)


def test_a_head_that_never_ends_is_cut_off(address: tuple[str, int]) -> None:
    assert conversation(address, b"GET /healthz HTTP/1.1\r\nHost: a\r\nX-Slow: ") == b""


def test_a_connection_that_says_nothing_is_cut_off(address: tuple[str, int]) -> None:
    assert conversation(address, b"") == b""


def test_a_second_request_that_never_ends_is_cut_off(address: tuple[str, int]) -> None:
    said = conversation(address, b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\nGET /healthz HTTP/1.1\r\n")

    assert said.count(b"HTTP/1.1 200") == 1


def test_a_body_that_never_ends_is_cut_off(address: tuple[str, int], redis_client: Redis, bearer: MakeToken) -> None:
    head = (
        "POST /v1/events HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n"
        f"Authorization: {bearer()['Authorization']}\r\n\r\n"
    )

    assert conversation(address, head.encode() + b'{"kind"').startswith(b"HTTP/1.1 408")
    assert logged(redis_client) == []


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /" + b"a" * 100_000,
        b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: " + b"b" * 100_000,
        b"POST /v1/events HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"POST /v1/events HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
    ],
)
def test_what_is_no_http_is_no_trouble(address: tuple[str, int], sent: bytes) -> None:
    assert b"HTTP/1.1 5" not in conversation(address, sent)
    assert conversation(address, b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").startswith(b"HTTP/1.1 200")


def test_a_stranger_with_a_large_body_reads_why_it_was_refused(address: tuple[str, int]) -> None:
    connection = http.client.HTTPConnection(*address, timeout=30)
    connection.request("POST", "/v1/events", b" " * 1_500_000, {"Content-Type": "application/json"})
    reply = connection.getresponse()

    assert (reply.status, json.loads(reply.read())["code"]) == (401, "unauthenticated")
    connection.close()


def test_slow_clients_do_not_hold_up_others(address: tuple[str, int], bearer: MakeToken) -> None:
    slow = [socket.create_connection(address, timeout=30) for _ in range(100)]
    for client in slow:
        client.sendall(b"POST /v1/events HTTP/1.1\r\n")

    connection = http.client.HTTPConnection(*address, timeout=30)
    connection.request("POST", "/v1/events", json.dumps(failure()), {"Content-Type": "application/json", **bearer()})
    assert connection.getresponse().status == 202
    connection.close()
    for client in slow:
        client.close()


def test_of_many_who_wait_some_are_asked_to_come_again(
    address: tuple[str, int], bearer: MakeToken, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway_story, "MOST_WAITING_OF_A_TOKEN", 5)
    header = bearer()

    def wait(number: int) -> int:
        connection = http.client.HTTPConnection(*address, timeout=30)
        connection.request("GET", f"/v1/analyses/{number:032d}?wait=2", headers=header)
        status = connection.getresponse().status
        connection.close()
        return status

    with ThreadPoolExecutor(12) as pool:
        statuses = list(pool.map(wait, range(12)))

    assert sorted(statuses) == [202] * 5 + [429] * 7


def test_without_redis_the_door_is_well_and_not_ready_and_takes_nothing(tmp_path: Path) -> None:
    redis = EmbeddedServer.at(tmp_path)
    process = subprocess.Popen(redis.command(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    app, _ = make_app(Settings(url=redis.url))
    with TestClient(app, raise_server_exceptions=False) as client:
        redis.wait_until_ready(process)
        assert client.get("/readyz").status_code == 200

        process.kill()
        process.wait(30)

        assert client.get("/healthz").status_code == 200
        assert client.get("/readyz").status_code == 503
        reply = client.post("/v1/events", json=failure(), headers={"Authorization": f"Bearer cim_{'0' * 76}"})
        assert (reply.status_code, reply.json()["code"]) == (503, "unavailable")
        assert int(reply.headers["retry-after"]) >= 1

        process = subprocess.Popen(redis.command(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        redis.wait_until_ready(process)
        assert client.get("/readyz").status_code == 200
    process.kill()
    process.wait(30)


def test_of_too_many_connections_the_one_goes_that_was_longest_without_a_request(
    address: tuple[str, int], bearer: MakeToken, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "HEAD_SECONDS", 60)
    monkeypatch.setattr(server, "MOST_CONNECTIONS", 20)
    waiting = http.client.HTTPConnection(*address, timeout=30)
    waiting.request("GET", f"/v1/analyses/{'e' * 32}?wait=3", headers=bearer())
    assert_healthy(address)  # who waits is known to the door before the others come
    # It is read when it comes: that may be before all others have come.
    with ThreadPoolExecutor(1) as pool:
        answered = pool.submit(lambda: waiting.getresponse().status)
        slow = [socket.create_connection(address, timeout=30) for _ in range(60)]
        for number, client in enumerate(slow):
            client.sendall(b"POST /v1/events HTTP/1.1\r\n" if number % 2 else DELIVERY_BEGINS)
            assert_healthy(address)  # it is known to the door before the next one comes

        assert all(is_closed(client) for client in slow[:40])
        assert answered.result(30) == 202, "who waits for an answer stays"
    waiting.close()
    for client in slow:
        client.close()


def assert_healthy(address: tuple[str, int]) -> None:
    assert conversation(address, b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").startswith(b"HTTP/1.1 200")


def is_closed(client: socket.socket) -> bool:
    try:
        return client.recv(1) == b""
    except ConnectionError:
        return True


def deliver(address: tuple[str, int], body: bytes) -> int:
    connection = http.client.HTTPConnection(*address, timeout=30)
    try:
        connection.request("POST", "/v1/webhooks/a", body, {"Content-Type": "application/json"})
        return connection.getresponse().status
    finally:
        connection.close()


def test_slow_strangers_do_not_keep_deliveries_of_webhooks_out(address: tuple[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "BODY_SECONDS", 60)
    slow = [socket.create_connection(address, timeout=30) for _ in range(200)]
    for client in slow:
        client.sendall(DELIVERY_BEGINS)

    assert deliver(address, b"{}") == 401, "read, and not signed"

    monkeypatch.setattr(gateway_story, "MOST_UNPROVEN_BYTES", 1_000)
    assert deliver(address, b"{}") == 401
    assert deliver(address, b" " * 2_000) == 429
    assert deliver(address, b"{}") == 401, "what was refused holds nothing any more"
    for client in slow:
        client.close()
