"""Many clients at once, of all sorts: no 5xx, nothing accepted that should not be, nothing lost that was accepted."""

from __future__ import annotations

import http.client
import json
import random
import socket
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

from redis import Redis

from ci_memory_workers.adapters.embedded_redis import EmbeddedServer
from door_events import MakeToken, failure, logged
from running_gateway import running_gateway

CLIENTS, REQUESTS = 12, 50
Sent = tuple[str, int, list[str]]
"""What kind of request, its status, and the builds that were accepted by it."""


class Client:
    """Sends requests one after the other; ``good`` and ``slow`` are headers with tokens."""

    def __init__(self, number: int, port: int, good: dict[str, str], few: dict[str, str]) -> None:
        self.random = random.Random(number)
        self.number = number
        self.port = port
        self.good = good
        self.few = few
        self.sent = 0

    def run(self) -> list[Sent]:
        kinds: list[Callable[[], Sent]] = [
            *(self.sound, self.replayed, self.malformed, self.invalid),
            *(self.oversized, self.unsigned, self.forged, self.hurried, self.cut_off),
        ]
        return [self.random.choice(kinds)() for _ in range(REQUESTS)]

    def post(self, kind: str, body: bytes, headers: dict[str, str], builds: list[str]) -> Sent:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request("POST", "/v1/events", body, {"Content-Type": "application/json", **headers})
            status = connection.getresponse().status
        finally:
            connection.close()
        return kind, status, builds if status == 202 else []

    def events(self, count: int) -> tuple[bytes, list[str]]:
        builds = []
        for _ in range(count):
            self.sent += 1
            builds.append(f"{self.number}-{self.sent}")
        return json.dumps([failure(build_id=build) for build in builds]).encode(), builds

    def sound(self) -> Sent:
        body, builds = self.events(self.random.randint(1, 20))
        return self.post("sound", body, self.good, builds)

    def replayed(self) -> Sent:
        body, builds = self.events(1)
        _, _, first = self.post("sound", body, self.good, builds)
        kind, status, second = self.post("replayed", body, self.good, builds)
        return kind, status, first + second

    def malformed(self) -> Sent:
        body, builds = self.events(2)
        return self.post("malformed", body[: self.random.randint(0, len(body) - 1)], self.good, builds)

    def invalid(self) -> Sent:
        body, builds = self.events(3)
        return self.post("invalid", body[:-1] + b', {"kind": "party"}]', self.good, builds)

    def oversized(self) -> Sent:
        body, builds = self.events(1)
        return self.post("oversized", body + b" " * 300_000, self.good, builds)

    def unsigned(self) -> Sent:
        body, builds = self.events(1)
        return self.post("unsigned", body, {}, builds)

    def forged(self) -> Sent:
        body, builds = self.events(1)
        header = self.good["Authorization"]
        return self.post("forged", body, {"Authorization": header[:-4] + header[-4:][::-1] + "0"}, builds)

    def hurried(self) -> Sent:
        body, builds = self.events(5)
        return self.post("hurried", body, self.few, builds)

    def cut_off(self) -> Sent:
        body, _ = self.events(1)
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as half:
            head = f"POST /v1/events HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
            half.sendall(f"{head}Authorization: {self.good['Authorization']}\r\n\r\n".encode() + body[:-10])
        return "cut off", 0, []


def test_of_all_that_is_sent_what_was_accepted_is_in_the_log_and_nothing_else(
    redis_server: EmbeddedServer, redis_client: Redis, bearer: MakeToken
) -> None:
    good, few = bearer(events_per_minute=1_000_000, max_bytes=200_000), bearer(events_per_minute=20)
    with running_gateway(redis_server.url) as url, ThreadPoolExecutor(CLIENTS) as pool:
        clients = [Client(number, urlsplit(url).port or 0, good, few) for number in range(CLIENTS)]
        sent = [one for done in pool.map(Client.run, clients) for one in done]

    statuses = {kind: {status for one, status, _ in sent if one == kind} for kind, _, _ in sent}
    # A token may send sixteen bodies at once, and there are twelve clients.
    assert statuses == {
        "sound": {202},
        "replayed": {202},
        "malformed": {400},
        "invalid": {422},
        "oversized": {413},
        "unsigned": {401},
        "forged": {401},
        "hurried": {202, 429},
        "cut off": {0},
    }
    accepted = Counter(build for _, _, builds in sent for build in builds)
    assert Counter(getattr(event, "build_id", "") for event in logged(redis_client)) == accepted
    assert len(accepted) > 100
