"""Clients of the HTTP door, of all sorts: those that do as they should, and those that don't."""

from __future__ import annotations

import contextlib
import http.client
import json
import random
import select
import socket
from collections.abc import Callable

from door_events import failure

REQUESTS = 50
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


class Dripping:
    """Connections that send ``beginning``, and then a byte now and then, for as long as the door bears it."""

    def __init__(self, port: int, beginning: bytes, count: int) -> None:
        self._open = [socket.create_connection(("127.0.0.1", port), timeout=60) for _ in range(count)]
        self._said = dict.fromkeys(self._open, b"")
        for connection in self._open:
            connection.sendall(beginning)

    def run(self) -> list[int]:
        """The status that each was answered with, 0 for those whose connection was closed without a word."""
        while self._open:
            readable, _, _ = select.select(self._open, [], [], 0.5)
            for connection in readable:
                self._read(connection)
            for connection in self._open:
                # Whether it is closed by now is read in the next turn.
                with contextlib.suppress(OSError):
                    connection.sendall(b"x")
        return [int(said.split()[1]) if said else 0 for said in self._said.values()]

    def _read(self, connection: socket.socket) -> None:
        try:
            said = connection.recv(65_536)
        except OSError:
            said = b""
        self._said[connection] += said
        if not said:
            self._open.remove(connection)
            connection.close()


def post_head(path: str, length: int, **headers: str) -> bytes:
    """The head of a request whose body has ``length`` bytes; ``_`` in a header's name stands for ``-``."""
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: a",
        "Content-Type: application/json",
        f"Content-Length: {length}",
        "Connection: close",
    ]
    return "\r\n".join([*lines, *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items()), "", ""]).encode()
