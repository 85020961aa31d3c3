"""`Producer` for jobs that reach the memory through its HTTP gateway: the same calls, the same answers, the same errors.

Speaks HTTP by the standard library, through the proxy that the environment names (``HTTPS_PROXY``, ``NO_PROXY``).
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Mapping, Sequence
from email.message import Message
from http.client import HTTPException
from typing import IO, Any
from urllib.error import HTTPError
from urllib.parse import quote, urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from pydantic import ValidationError

from .client import EventRefused, EventTooLarge, LogFull, Producer, ServerUnreachable
from .events import ANSWER, Answer
from .quarantine_list import QuarantineList
from .unsent import Unsent

MOST_EVENTS = 100
MOST_BYTES = 1_000_000
"""Of one request."""
MOST_ANSWER_BYTES = 32 * 1024 * 1024
WAIT_SECONDS = 25.0
"""Of one request: proxies cut longer ones."""
TRIES = 4
BAD_URL = "is no address of a gateway: write https://HOST or https://HOST/PATH, and give the token as CI_MEMORY_TOKEN"
_TOKEN = re.compile(r"[\x21-\x7e]{1,500}")
_REFUSING = {400, 415, 422}
_BUSY = {429, 502, 503, 504}


class _NoRedirect(HTTPRedirectHandler):
    """A token must not follow to wherever an answer points."""

    def redirect_request(self, req: Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str) -> None:
        return None


class _Refused(Exception):
    """An HTTP status that is no answer; what the gateway says of it, and when to come again (s)."""

    def __init__(self, status: int, code: str, detail: str, retry_after: float) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.retry_after = retry_after


class HttpProducer(Producer):
    """What `Producer` makes of an ``http://`` or ``https://`` URL.

    ``token`` is the gateway's; default ``CI_MEMORY_TOKEN``. It says whose memory: the tenant ``default`` stands for the token's.
    A gateway that is busy is asked again while ``timeout`` lasts. What it does not take for good raises `EventRefused`.
    """

    def __init__(self, url: str, *, timeout: float = 5.0, unsent: Unsent | None = None, token: str = "") -> None:
        self._url = url
        self._timeout = timeout
        self._unsent = unsent
        self._opener = build_opener(_NoRedirect())
        self._base = self._checked(url)
        found = (token or os.environ.get("CI_MEMORY_TOKEN", "")).strip()
        if not _TOKEN.fullmatch(found):
            why = "is not set" if not found else "is no token"
            raise ServerUnreachable(url, ValueError(f"CI_MEMORY_TOKEN {why}: `ci-memory token create` makes one"))
        self._headers = {"Authorization": f"Bearer {found}", "Accept": "application/json"}

    def _checked(self, url: str) -> str:
        try:
            parts = urlsplit(url)
            sound = parts.hostname and parts.port != 0 and "@" not in parts.netloc and not (parts.query or parts.fragment)
        except ValueError:
            sound = False
        if not sound or re.search(r"[\x00-\x20\x7f-\uffff]", url):
            raise ServerUnreachable(url, ValueError(BAD_URL))
        return url.rstrip("/")

    def close(self) -> None:
        """Nothing is open between calls."""

    def answer(self, tenant: str, event_id: str) -> Answer | None:
        """See `Producer.answer`."""
        return self._answer(tenant, event_id, 0.0)

    def wait(self, tenant: str, event_id: str, *, seconds: float) -> Answer | None:
        """See `Producer.wait`."""
        deadline = time.monotonic() + seconds
        waited = 0.0
        while True:
            # In a test run the clock may have been stopped by a test: what the gateway has waited counts too.
            left = max(0.0, min(deadline - time.monotonic(), seconds - waited))
            pause = min(left, WAIT_SECONDS)
            found = self._answer(tenant, event_id, pause)
            if found is not None or left <= pause:
                return found
            waited += pause

    def quarantine(self, tenant: str, repo: str) -> QuarantineList:
        """See `Producer.quarantine`."""
        _, said = self._get(f"/v1/quarantine/{quote(repo)}", self._whose(tenant), 0.0)
        return QuarantineList.model_validate_json(said)

    def _answer(self, tenant: str, event_id: str, seconds: float) -> Answer | None:
        asked = {"wait": f"{seconds:.3f}", **self._whose(tenant)}
        status, said = self._get(f"/v1/analyses/{quote(event_id, safe='')}", asked, seconds)
        try:
            return ANSWER.validate_json(said) if status == 200 else None
        except ValidationError:
            raise self._unreachable(_Refused(status, "", "what answers is no gateway of ci-memory", 0)) from None

    def _whose(self, tenant: str) -> dict[str, str]:
        return {} if tenant == "default" else {"tenant": tenant}

    def _send_kept(self, waiting_events: int) -> None:
        while True:
            try:
                return super()._send_kept(waiting_events)
            except (EventRefused, EventTooLarge):
                # What the gateway never takes must not stand before everything that comes after it.
                path, _ = next(self._unsent.files()) if self._unsent is not None else (None, ())
                if path is not None:
                    path.unlink(missing_ok=True)

    def _append(self, encoded: Sequence[str], waiting: Sequence[str]) -> None:
        start = 0
        for batch in _batches(encoded):
            self._push(batch, len(encoded) - start)
            start += len(batch)

    def _push(self, batch: Sequence[str], left: int) -> None:
        """Send events in one request, or in two where the token takes no such many. ``left`` are not sent if this fails."""
        body = batch[0] if len(batch) == 1 else f"[{','.join(batch)}]"
        try:
            self._ask(self._request("/v1/events", body), 0)
        except _Refused as refused:
            if refused.status == 413 and len(batch) > 1:
                half = len(batch) // 2
                self._push(batch[:half], left)
                self._push(batch[half:], left - half)
                return
            if refused.status == 413:
                raise EventTooLarge(str(refused)) from None
            if refused.status in _REFUSING:
                raise EventRefused(str(refused)) from None
            if refused.code == "busy":
                raise LogFull(self._url, left, retry_after=refused.retry_after) from None
            raise self._unreachable(refused, left) from None

    def _get(self, path: str, query: Mapping[str, str], seconds: float) -> tuple[int, bytes]:
        try:
            return self._ask(self._request(f"{path}?{urlencode(query)}".rstrip("?")), seconds)
        except _Refused as refused:
            if refused.status in _REFUSING:
                raise EventRefused(str(refused)) from None
            raise self._unreachable(refused) from None

    def _request(self, path: str, body: str | None = None) -> Request:
        headers = self._headers if body is None else {**self._headers, "Content-Type": "application/json"}
        # `Producer` hands over http:// and https:// alone.
        return Request(f"{self._base}{path}", body.encode() if body is not None else None, headers)  # noqa: S310

    def _ask(self, request: Request, seconds: float) -> tuple[int, bytes]:
        """Status and body of the answer, which may take ``seconds`` more than others. Raises `_Refused`."""
        deadline = time.monotonic() + self._timeout
        for again in range(TRIES):
            try:
                return self._once(request, seconds)
            except _Refused as refused:
                pause = refused.retry_after
                if refused.status not in _BUSY or again == TRIES - 1 or time.monotonic() + pause > deadline:
                    raise
                time.sleep(pause)
        raise AssertionError("the last try raises")

    def _once(self, request: Request, seconds: float) -> tuple[int, bytes]:
        try:
            with self._opener.open(request, timeout=self._timeout + seconds) as reply:
                return int(reply.status), _all_of(reply, time.monotonic() + self._timeout + seconds)
        except HTTPError as error:
            raise _told(error) from None
        except (OSError, HTTPException) as error:
            # Some of these name the URL; none holds the token, which travels in a header.
            raise _Refused(0, "", str(getattr(error, "reason", "") or error) or type(error).__name__, 0) from None

    def _unreachable(self, refused: _Refused, left: int = 0) -> ServerUnreachable:
        return ServerUnreachable(self._url, ConnectionError(str(refused)), left)


def _all_of(reply: Any, deadline: float) -> bytes:
    # The timeout of a socket bounds each read, not all of them.
    said = bytearray()
    while piece := reply.read1(65_536):
        said += piece
        if len(said) > MOST_ANSWER_BYTES or time.monotonic() > deadline:
            raise TimeoutError("the answer does not end")
    return bytes(said)


def _batches(encoded: Sequence[str]) -> list[list[str]]:
    """Events by request. The token says whose they are: a tenant that nobody chose is left out."""
    batches: list[list[str]] = []
    size = 0
    for event in encoded:
        data = json.loads(event)
        if data.get("tenant") == "default":
            del data["tenant"]
        said = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
        size += len(said.encode()) + 1
        if not batches or len(batches[-1]) == MOST_EVENTS or size > MOST_BYTES:
            batches.append([])
            size = len(said.encode()) + 1
        batches[-1].append(said)
    return batches


def _told(error: HTTPError) -> _Refused:
    """What the gateway says in its problem document, where there is one."""
    code, detail = "", f"it answers with HTTP status {error.code}: is it the gateway's address?"
    try:
        problem: Any = json.loads(error.read(100_000))
        if isinstance(problem, dict) and isinstance(problem.get("detail"), str):
            code, detail = str(problem.get("code", "")), problem["detail"]
    except (ValueError, RecursionError, OSError, HTTPException):
        pass  # no document: the status alone says it
    retry_after = error.headers.get("Retry-After", "")
    return _Refused(error.code, code, detail, float(retry_after) if re.fullmatch(r"[0-9]{1,5}", retry_after) else 1.0)
