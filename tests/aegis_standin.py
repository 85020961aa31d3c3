"""An Aegis server for tests: the part of its HTTP interface that ci-memory uses, with its flaws, in memory.

    with AegisStandin() as aegis:
        knowledge = open_knowledge(aegis_url=aegis.url, aegis_api_key=aegis.api_key, ...)
        aegis.fail_next("500", times=2)

It answers what a real server of 2.7 answered when it was recorded: status codes, bodies of errors, screening, no dedupe of
reflections and votes, delta failures as 200, the general playbook's 500, updates by delta that report success and save nothing.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, Self

from aegis_standin_store import Answer, MemoryStore, StoredMemory

Failure = Literal["429", "500", "503", "hang", "disconnect", "disconnect_after", "garbage"]
"""``disconnect`` hangs up before the request has its effect, ``disconnect_after`` once it has. ``hang`` never answers."""

WINDOW = 60.0


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came in. ``status`` is 0 where no answer was given."""

    method: str
    path: str
    body: Any
    status: int


@dataclass(slots=True)
class _Planned:
    failure: Failure
    retry_after: int | None
    path: str


@dataclass(slots=True)
class AegisStandin:
    """The stand-in. ``rate_limit`` is requests a minute (None: no limit); ``embeddings_down`` takes its embeddings away."""

    api_key: str = "made-up-key"
    rate_limit: int | None = None
    embeddings_down: bool = False
    playbook_fixed: bool = False
    requests: list[Request] = field(default_factory=list)
    store: MemoryStore = field(default_factory=MemoryStore)
    _planned: deque[_Planned] = field(default_factory=deque)
    _taken: deque[float] = field(default_factory=deque)
    _guard: threading.RLock = field(default_factory=threading.RLock)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _port: int = 0
    _server: ThreadingHTTPServer | None = None
    _thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """``http://127.0.0.1:port``; the port is free when the server starts and stays the same over `stop` and `start`."""
        assert self._port, "not started"
        return f"http://127.0.0.1:{self._port}"

    @property
    def memories(self) -> dict[str, StoredMemory]:
        """All memories by id, deprecated ones too."""
        return self.store.memories

    def start(self) -> Self:
        """Listen on a free port of 127.0.0.1."""
        self._stopping.clear()
        self._server = _Server(self, self._port)
        self._port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop listening, and let go of requests that hang."""
        self._stopping.set()
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()
            self._thread = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def fail_next(self, failure: Failure, *, times: int = 1, retry_after: int | None = None, path: str = "") -> None:
        """Let the next ``times`` requests whose path contains ``path`` fail. ``retry_after`` goes into the header of a 429."""
        with self._guard:
            self._planned.extend(_Planned(failure, retry_after, path) for _ in range(times))

    def count(self, path: str) -> int:
        """How many requests came for a path that contains ``path``."""
        with self._guard:
            return sum(path in request.path for request in self.requests)

    def handle(self, method: str, path: str, authorization: str, raw: bytes) -> Answer | None:
        """The answer to a request; None where the connection is to be closed without one."""
        with self._guard:
            planned = self._next_failure(path)
            failure = planned.failure if planned else None
            body, answer = self._read(raw)
            if planned and failure != "disconnect_after":
                answer = _failed(planned)
            elif answer is None:
                answer = self._refused(authorization) or self._routed(method, path, body)
            if failure == "disconnect_after":
                answer = None
            self.requests.append(Request(method, path, body, answer.status if answer else 0))
        if failure == "hang":
            self._stopping.wait()
        return answer

    def _next_failure(self, path: str) -> _Planned | None:
        for planned in self._planned:
            if planned.path in path:
                self._planned.remove(planned)
                return planned
        return None

    def _read(self, raw: bytes) -> tuple[Any, Answer | None]:
        if not raw:
            return None, None
        try:
            return json.loads(raw), None
        except ValueError:
            return raw.decode("utf-8", "replace"), Answer.invalid("json_invalid", ["body", 1], "JSON decode error")

    def _refused(self, authorization: str) -> Answer | None:
        if not authorization.startswith("Bearer "):
            return Answer.detail(401, "Missing or malformed Authorization header. Expected: 'Bearer <api_key>'")
        if authorization != f"Bearer {self.api_key}":
            return Answer.detail(401, "Invalid API key. Check AEGIS_API_KEY environment variable on the server.")
        if self.rate_limit is None:
            return None
        now = time.monotonic()
        while self._taken and self._taken[0] <= now - WINDOW:
            self._taken.popleft()
        if len(self._taken) >= self.rate_limit:
            after = int(self._taken[0] + WINDOW - now) + 1 if self._taken else int(WINDOW)
            return Answer.detail(429, f"Rate limit exceeded: {self.rate_limit}/minute", {"retry-after": str(after)})
        self._taken.append(now)
        return None

    def _routed(self, method: str, path: str, body: Any) -> Answer:
        self.store.embeddings_down = self.embeddings_down
        match method, path.strip("/").split("/"):
            case "POST", ["memories", "ace", "reflection"]:
                return self.store.add_reflection(body)
            case "POST", ["memories", "ace", "delta"]:
                return self.store.delta(body)
            case "POST", ["memories", "ace", "vote", memory_id]:
                return self.store.vote(memory_id, body)
            case "POST", ["memories", "ace", "playbook", "agent"]:
                return self.store.playbook(body)
            case "POST", ["memories", "ace", "playbook"]:
                return self.store.playbook(body) if self.playbook_fixed else Answer.crash()
            case "POST", ["memories", "hybrid_query"]:
                return self.store.hybrid_query(body)
            case "POST", ["memories", "export"]:
                return self.store.export(body)
            case "GET", ["memories", memory_id]:
                return self.store.get(memory_id)
            case "PATCH", ["memories", memory_id]:
                return self.store.patch(memory_id, body)
            case "GET", ["ready"]:
                return Answer(200, {"status": "ready"})
        return Answer.detail(404, "Not Found")


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, aegis: AegisStandin, port: int) -> None:
        self.aegis = aegis
        super().__init__(("127.0.0.1", port), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that gave up is no error of the stand-in."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _respond(self) -> None:
        assert isinstance(self.server, _Server)
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        answer = self.server.aegis.handle(self.command, self.path, self.headers.get("Authorization") or "", raw)
        if answer is None:
            self.close_connection = True
            return
        data = answer.encoded()
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("content-type", answer.content_type)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PATCH = do_DELETE = _respond  # noqa: N815 - names that http.server looks for

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in http.server
        """Say nothing: tests read `requests`."""


def _failed(planned: _Planned) -> Answer | None:
    match planned.failure:
        case "429":
            headers = {} if planned.retry_after is None else {"retry-after": str(planned.retry_after)}
            return Answer.detail(429, "Rate limit exceeded: 60/minute", headers)
        case "500":
            return Answer.crash()
        case "503":
            return Answer(503, "Service Unavailable", content_type="text/plain; charset=utf-8")
        case "garbage":
            return Answer(200, "<html>a proxy's page</html>", content_type="text/html")
        case _:
            return None
