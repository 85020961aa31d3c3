"""GitHub's and GitLab's API for comments, in a thread: routes, fields, paging and refusals as the providers document them.

with ForgeStandin() as forge:
    forge.refuse(429, retry_after="1")   # the next request
    ...
    assert [comment["body"] for comment in forge.comments] == [...]

GitHub is under ``{url}/github``, GitLab under ``{url}/gitlab/api/v4``. Pull request and merge request 7 of acme/shop are there;
``open_change`` says which commit is its newest. Commit statuses are kept in ``statuses``.
"""

from __future__ import annotations

import json
import re
import threading
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

Query = dict[str, list[str]]
Reply = tuple[int, Any, dict[str, str]]
"""Status, JSON, headers."""

TOKEN = "made-up-token-of-the-forge"
LIMIT = 65_536
GITHUB = re.compile(r"/github/repos/acme/shop/issues/(?:7/comments|comments/(\d+))")
GITLAB_PROJECT = r"/gitlab/api/v4/projects/(?:42|acme%2Fshop|acme%2Fgroup%2Fshop)"
GITLAB = re.compile(GITLAB_PROJECT + r"/merge_requests/7/notes(?:/(\d+))?")
GITHUB_CHANGES = re.compile(r"/github/repos/acme/shop/(?:commits/([0-9a-f]+)/)?pulls")
GITLAB_CHANGES = re.compile(GITLAB_PROJECT + r"/repository/commits/([0-9a-f]+)/merge_requests")
STATUSES = re.compile(rf"(?:/github/repos/acme/shop|{GITLAB_PROJECT})/statuses/([0-9a-f]+)")


@dataclass
class Refusal:
    status: int
    headers: dict[str, str]
    after: bool
    """Whether the request takes effect all the same."""


@dataclass
class ForgeStandin:
    comments: list[dict[str, Any]] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    refusals: deque[Refusal | None] = field(default_factory=deque)
    page: int = 100
    me: dict[str, Any] = field(default_factory=lambda: {"login": "github-actions[bot]", "id": 5, "type": "Bot"})
    changes: list[dict[str, Any]] = field(default_factory=list)
    statuses: list[dict[str, Any]] = field(default_factory=list)
    stall: threading.Event | None = None
    """Where it is set, what is written takes effect, and is answered only when it happens."""
    readable_user: bool = False
    """A job's own GitHub token can't read whose it is."""

    def __post_init__(self) -> None:
        self._next_id = 1_000
        self._lock = threading.Lock()
        standin = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                standin._answer(self)

            do_POST = do_PATCH = do_PUT = do_DELETE = do_GET  # noqa: N815 - named by http.server

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def refuse(self, status: int, *, after: bool = False, **headers: str) -> None:
        """Answer a request with ``status``; ``after`` says that what was asked is done first."""
        self.refusals.append(Refusal(status, {name.replace("_", "-"): value for name, value in headers.items()}, after))

    def add(self, body: str, **author: Any) -> int:
        """Somebody's comment."""
        with self._lock:
            self._next_id += 1
            who = {**self.me, **author}
            self.comments.append({"id": self._next_id, "body": body, "user": who, "author": who, "system": False})
            return self._next_id

    def open_change(self, sha: str, branch: str = "topic", *, number: int = 7, closed: bool = False) -> None:
        """A pull request, or a merge request, as a commit's list of them has it."""
        state = {"state": "closed"} if closed else {}
        self.changes.append(
            {"number": number, "iid": number, "head": {"sha": sha, "ref": branch}, "sha": sha, "source_branch": branch, **state}
        )

    def _answer(self, http: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(http.path)
        self.requests.append(f"{http.command} {parts.path.removeprefix('/github').removeprefix('/gitlab/api/v4')}")
        body = json.loads(http.rfile.read(int(http.headers.get("Content-Length") or 0)) or "null")
        refusal = self.refusals.popleft() if self.refusals else None
        if refusal is not None and not refusal.after:
            return self._send(http, refusal.status, {"message": "refused"}, refusal.headers)
        status, said, headers = self._route(http, parts.path, parse_qs(parts.query), body)
        if self.stall is not None and http.command != "GET":
            self.stall.wait(60)
            http.close_connection = True
            return None
        if refusal is not None:
            return self._send(http, refusal.status, {"message": "lost"}, refusal.headers)
        return self._send(http, status, said, headers)

    def _route(self, http: BaseHTTPRequestHandler, path: str, query: Query, body: Any) -> Reply:
        token = http.headers.get("PRIVATE-TOKEN") or (http.headers.get("Authorization") or "").removeprefix("Bearer ")
        if token != TOKEN:
            return 401, {"message": "Bad credentials"}, {}
        if path == "/github/user" and not self.readable_user:
            return 403, {"message": "Resource not accessible by integration"}, {}
        if path in ("/github/user", "/gitlab/api/v4/user"):
            return 200, self.me, {}
        if listed := GITHUB_CHANGES.fullmatch(path) or GITLAB_CHANGES.fullmatch(path):
            return self._changes(path, listed[1], query)
        if status := STATUSES.fullmatch(path):
            self.statuses.append({"sha": status[1], **body})
            return 201, {"id": len(self.statuses), **body}, {}
        found = GITHUB.fullmatch(path) or GITLAB.fullmatch(path)
        if found is None:
            return 404, {"message": "Not Found"}, {}
        if found[1] is None:
            return self._list(path, query) if http.command == "GET" else self._create(body)
        return self._one(int(found[1]), http.command, "PUT" if path.startswith("/gitlab") else "PATCH", body)

    def _changes(self, path: str, sha: str | None, query: Query) -> Reply:
        opened = "opened" if path.startswith("/gitlab") else "open"
        shown = [{"state": opened, **one} for one in self.changes]
        if sha is not None:
            return 200, [one for one in shown if one["sha"] == sha], {}
        owner, _, branch = query["head"][0].partition(":")
        assert query["state"] == ["open"]
        return 200, [one for one in shown if owner in ("acme", "fork") and one["source_branch"] == branch], {}

    def _list(self, path: str, query: Query) -> Reply:
        size, page = min(int(query["per_page"][0]), self.page), int(query["page"][0])
        start = (page - 1) * size
        more = start + size < len(self.comments)
        if path.startswith("/gitlab"):
            assert query["sort"] == ["asc"]
            return 200, self.comments[start : start + size], {"x-next-page": str(page + 1) if more else ""}
        links = f'<{self.url}{path}?page={page + 1}>; rel="next", <{self.url}{path}?page=9>; rel="last"'
        return 200, self.comments[start : start + size], {"Link": links} if more else {}

    def _create(self, body: Any) -> Reply:
        if not body["body"] or len(body["body"]) > LIMIT:
            return 422, {"message": "Validation Failed"}, {}
        created = self.add(body["body"])
        return 201, {"id": created, "body": body["body"]}, {}

    def _one(self, comment_id: int, method: str, renew: str, body: Any) -> Reply:
        comment = next((one for one in self.comments if one["id"] == comment_id), None)
        if comment is None:
            return 404, {"message": "Not Found"}, {}
        if method == "DELETE":
            self.comments.remove(comment)
            return 204, None, {}
        if method != renew:
            return 404, {"message": "Not Found"}, {}
        if len(body["body"]) > LIMIT:
            return 422, {"message": "Validation Failed"}, {}
        comment["body"] = body["body"]
        return 200, comment, {}

    def _send(self, http: BaseHTTPRequestHandler, status: int, said: Any, headers: dict[str, str]) -> None:
        data = b"" if said is None else json.dumps(said).encode()
        http.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(data)), **headers}.items():
            http.send_header(name, value)
        http.end_headers()
        http.wfile.write(data)
