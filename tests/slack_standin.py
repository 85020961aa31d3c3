"""An incoming webhook of Slack, in a thread: what it took, and answers that a test plans.

with SlackStandin() as slack:
    slack.plan(429, retry_after="1")   # the next message is refused
    ...
    assert slack.texts == [...]
"""

from __future__ import annotations

import json
import threading
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

PATH = "/services/made-up/incoming/webhook"


@dataclass
class SlackStandin:
    messages: list[dict[str, Any]] = field(default_factory=list)
    """What was taken, as JSON."""
    asked: list[str] = field(default_factory=list)
    """Every request: method and path."""
    plans: deque[tuple[int, dict[str, str]]] = field(default_factory=deque)
    url: str = ""
    stall: threading.Event | None = None
    """Where it is set, messages are taken and answered only when it happens."""

    def __enter__(self) -> Self:
        standin = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or "null")
                standin.asked.append(f"{self.command} {self.path}")
                status, headers = standin.plans.popleft() if standin.plans else (200, {})
                if status == 200:
                    standin.messages.append(body)
                if status == 0:  # it was taken, and the answer is lost
                    standin.messages.append(body)
                    self.close_connection = True
                    return
                said = b"ok" if status == 200 else b"no_service"
                if standin.stall is not None:
                    standin.stall.wait(60)
                    self.close_connection = True
                    return
                self.send_response(status)
                for name, value in {"Content-Length": str(len(said)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(said)

            def do_GET(self) -> None:
                standin.asked.append(f"{self.command} {self.path}")
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}{PATH}"
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    def plan(self, status: int, **headers: str) -> None:
        """Answer the next message so; 0 takes it and closes the connection without a word."""
        self.plans.append((status, {name.replace("_", "-"): value for name, value in headers.items()}))

    @property
    def texts(self) -> list[str]:
        return [message["text"] for message in self.messages]
