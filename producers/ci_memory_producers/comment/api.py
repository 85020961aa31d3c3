"""Requests to the REST API of GitHub or GitLab, by the standard library. The host comes from the environment alone."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from email.message import Message
from http.client import HTTPException
from typing import IO, Any
from urllib.error import HTTPError
from urllib.parse import urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

TRIES = 4
MOST_ANSWER_BYTES = 64 * 1024 * 1024
REQUEST_SECONDS = 10.0
"""For one answer."""
ALL_SECONDS = 60.0
"""For all requests and pauses together: a comment is not worth a job that waits."""
_BUSY = frozenset({429, 500, 502, 503, 504})


class _NoRedirect(HTTPRedirectHandler):
    """The token must not follow to wherever an answer points."""

    def redirect_request(self, req: Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str) -> None:
        return None


class ApiRefused(Exception):
    """The API did not do what was asked. ``status`` is 0 where nothing answered; ``maybe_done`` where it may have been done."""

    def __init__(
        self, what: str, status: int, detail: str, *, retry_after: float | None = None, maybe_done: bool = False
    ) -> None:
        super().__init__(f"{what}: {f'HTTP status {status}, ' if status else ''}{detail}")
        self.status = status
        self.retry_after = retry_after
        self.maybe_done = maybe_done


class RestApi:
    """One API, one token, and the time that all requests to it may take together.

    ``base`` is its address; ``headers`` carry the token; a request that the API has no time for is tried ``tries`` times (4), and
    all of them may take ``seconds``. Raises `ValueError` where ``base`` is no address.
    """

    def __init__(
        self,
        base: str,
        headers: Mapping[str, str],
        *,
        tries: int | None = None,
        seconds: float = ALL_SECONDS,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        try:
            parts = urlsplit(base)
            sound = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0 and "@" not in parts.netloc
        except ValueError:
            sound = False
        if not sound or parts.query or parts.fragment or re.search(r"[\x00-\x20\x7f-\uffff]", base):
            raise ValueError(f"is no address of an API: {base[:100]!r}")
        if any(re.search(r"[^\x20-\x7e]", value) for value in headers.values()):
            raise ValueError("a token has characters that no token has")
        self._base = base.rstrip("/")
        self._headers = {"Accept": "application/json", "User-Agent": "ci-memory", **headers}
        self._opener = build_opener(_NoRedirect())
        self._clock, self._pause = clock, pause
        self._tries, self._seconds = tries or TRIES, seconds
        self._deadline = clock() + seconds

    def call(
        self, method: str, path: str, *, query: Mapping[str, str | int] | None = None, body: Mapping[str, Any] | None = None
    ) -> tuple[Any, Message]:
        """The answer's JSON and headers. Asks again while the API is busy, as it says when. Raises `ApiRefused`."""
        url = f"{self._base}{path}?{urlencode(query or {})}".rstrip("?")
        headers = self._headers if body is None else {**self._headers, "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = Request(url, data, headers, method=method)  # noqa: S310 - http and https alone, see __init__
        for again in range(self._tries):
            try:
                return self._once(request, f"{method} {path}")
            except ApiRefused as refused:
                wait = refused.retry_after if refused.retry_after is not None else float(2**again)
                asks_back = refused.retry_after is not None or refused.status in _BUSY or refused.status == 0
                # What may have been done is not done a second time: who asked looks first.
                if not asks_back or refused.maybe_done or again == self._tries - 1 or self._clock() + wait > self._deadline:
                    raise
                self._pause(wait)
        raise AssertionError("the last try raises")

    def _once(self, request: Request, what: str) -> tuple[Any, Message]:
        creates = request.get_method() == "POST"
        left = self._deadline - self._clock()
        if left <= 0:
            raise ApiRefused(what, 0, f"not done within {self._seconds:.0f} s")
        try:
            with self._opener.open(request, timeout=min(REQUEST_SECONDS, left)) as reply:
                return self._read(reply), reply.headers
        except HTTPError as error:
            raise _told(what, error, creates=creates) from None
        except (OSError, HTTPException, ValueError, RecursionError) as error:
            reason = str(getattr(error, "reason", "") or error) or type(error).__name__
            raise ApiRefused(what, 0, reason, maybe_done=creates) from None

    def _read(self, reply: Any) -> Any:
        said = bytearray()
        while piece := reply.read1(65_536):
            said += piece
            if len(said) > MOST_ANSWER_BYTES or self._clock() > self._deadline:
                raise TimeoutError("the answer does not end")
        return json.loads(said) if said else None


def _told(what: str, error: HTTPError, *, creates: bool) -> ApiRefused:
    detail = error.reason or "refused"
    try:
        said: Any = json.loads(error.read(100_000))
        detail = str(said.get("message") or said.get("error") or detail) if isinstance(said, dict) else detail
    except (ValueError, RecursionError, OSError, HTTPException):
        pass  # no document: the status alone says it
    return ApiRefused(what, error.code, detail[:300], retry_after=_retry_after(error), maybe_done=creates and error.code >= 500)


def _retry_after(error: HTTPError) -> float | None:
    """Seconds that the API asks to wait; None where it does not ask.

    GitHub says 403 or 429 with ``Retry-After``, or ``x-ratelimit-remaining: 0`` and when that ends (in seconds of the epoch);
    GitLab 429 with ``Retry-After``.
    """
    if error.code not in (403, 429, 503):
        return None
    said = error.headers.get("Retry-After", "")
    if re.fullmatch(r"[0-9]{1,6}", said):
        return float(said)
    if error.code != 503 and error.headers.get("x-ratelimit-remaining") == "0":
        ends = error.headers.get("x-ratelimit-reset", "")
        return max(1.0, float(ends) - time.time()) if re.fullmatch(r"[0-9]{1,12}", ends) else 60.0
    return None
